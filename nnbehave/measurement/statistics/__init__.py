"""From timed samples to latencies with intervals."""

from nnbehave.measurement.statistics.estimates import (
    ESTIMATOR,
    Estimate,
    Terms,
    agree,
    estimate,
    estimate_session,
    exact,
    process_share,
    stands_alone,
)
from nnbehave.measurement.statistics.normalising import Normalised, normalise, response_share
from nnbehave.measurement.statistics.observation import Observation, sample_ms
from nnbehave.measurement.statistics.plain import RawSample, Statistic, estimate_plainly

__all__ = [
    "ESTIMATOR",
    "Estimate",
    "Normalised",
    "Observation",
    "RawSample",
    "Statistic",
    "Terms",
    "agree",
    "estimate",
    "estimate_plainly",
    "estimate_session",
    "exact",
    "normalise",
    "process_share",
    "response_share",
    "sample_ms",
    "stands_alone",
]

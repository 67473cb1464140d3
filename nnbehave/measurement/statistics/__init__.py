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

__all__ = [
    "ESTIMATOR",
    "Estimate",
    "Normalised",
    "Observation",
    "Terms",
    "agree",
    "estimate",
    "estimate_session",
    "exact",
    "normalise",
    "process_share",
    "response_share",
    "sample_ms",
    "stands_alone",
]

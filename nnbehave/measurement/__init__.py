"""Measuring: what is run, the schedule of rounds, the session that runs it, the statistics of what comes back."""

from nnbehave.measurement.estimating import EstimatingSession
from nnbehave.measurement.events import Block, Checked, Event, Loaded, Outcome, Part, Process, Retest
from nnbehave.measurement.isolation import EXACT, METHODS, Term, bound, call_alone, own_kernels, stack_depth, terms
from nnbehave.measurement.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import (
    ESTIMATOR,
    Estimate,
    Sample,
    agree,
    block_ms,
    estimate,
    estimate_session,
    exact,
    normalise,
    process_share,
    response_share,
    stands_alone,
)

__all__ = [
    "ESTIMATOR",
    "EXACT",
    "METHODS",
    "Block",
    "Checked",
    "Estimate",
    "EstimatingSession",
    "Event",
    "Loaded",
    "Outcome",
    "Part",
    "Process",
    "Retest",
    "Sample",
    "Session",
    "Settings",
    "Term",
    "agree",
    "block_ms",
    "bound",
    "call_alone",
    "estimate",
    "estimate_session",
    "exact",
    "normalise",
    "own_kernels",
    "process_share",
    "response_share",
    "stack_depth",
    "stands_alone",
    "terms",
]

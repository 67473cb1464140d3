"""Measuring: what is run, the schedule of rounds, the session that runs it, the statistics of what comes back."""

from nnbehave.measurement.isolation import METHODS, Term, bound, call_alone, own_kernels, stack_depth, terms
from nnbehave.measurement.session import Block, Checked, Event, Loaded, Outcome, Part, Process, Retest, Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import (
    ESTIMATOR,
    Estimate,
    Sample,
    agree,
    block_ms,
    estimate,
    estimate_session,
    normalise,
    process_share,
    response_share,
    stands_alone,
)

__all__ = [
    "ESTIMATOR",
    "METHODS",
    "Block",
    "Checked",
    "Estimate",
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
    "normalise",
    "own_kernels",
    "process_share",
    "response_share",
    "stack_depth",
    "stands_alone",
    "terms",
]

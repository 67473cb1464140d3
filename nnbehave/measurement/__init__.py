"""Measuring: the schedule of rounds, the session that runs it, and the statistics of what comes back."""

from nnbehave.measurement.session import Block, Loaded, Outcome, Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import ESTIMATOR, Estimate, block_ms, estimate_session

__all__ = [
    "ESTIMATOR",
    "Block",
    "Estimate",
    "Loaded",
    "Outcome",
    "Session",
    "Settings",
    "block_ms",
    "estimate_session",
]

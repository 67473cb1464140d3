"""What became of a measurement, and which rule ended it."""

from __future__ import annotations

from enum import Enum


class Status(str, Enum):
    """Whether a measurement has a latency to go by.

    ``OK``: yes. ``NOISY``: yes, but its interval is wider than was asked, or many of
    its samples were disturbed (:mod:`nnbehave.measurement.derive.noisy`). ``UNSTABLE``: it disagreed with its
    neighbours on the swept dimension, and with itself when it was measured again. ``UNSUPPORTED``: the platform cannot
    run it. ``FAILED``: it ran wrongly or not to its end. ``TIMEOUT``: it did not answer in time.
    """

    OK = "ok"
    NOISY = "noisy"
    UNSTABLE = "unstable"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    TIMEOUT = "timeout"

    def __str__(self) -> str:
        return self.value


class StopRule(str, Enum):
    """Which rule ended the measuring of a subject.

    ``INTERVAL``: the interval asked for was reached. ``MAX_ROUNDS``, ``TIME_LIMIT``: the most rounds or seconds were
    spent. ``OUT_OF_REACH``: the rounds left could not narrow the interval enough. ``NO_PROGRESS``: further rounds did
    not narrow it.
    """

    INTERVAL = "interval"
    MAX_ROUNDS = "max_rounds"
    TIME_LIMIT = "time_limit"
    OUT_OF_REACH = "out_of_reach"
    NO_PROGRESS = "no_progress"

    def __str__(self) -> str:
        return self.value

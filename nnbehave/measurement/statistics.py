"""From raw blocks to a latency with an interval and a status."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

ESTIMATOR = "median-of-rounds 1"  # name and version; latencies are derived again where it changes
_COVERAGE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A latency over rounds.

    Attributes
    ----------
    latency_ms : float
        Median over the rounds.
    low_ms, high_ms : float
        95 % interval of that median; infinite while there are too few rounds for one.
    std_error_ms : float
        A quarter of the interval's width, near enough (1/3.92 of it).
    rounds : int
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    std_error_ms: float
    rounds: int

    @property
    def interval(self) -> float:
        """How far the interval reaches from the latency, as a share of it, on its wider side."""
        return max(self.high_ms - self.latency_ms, self.latency_ms - self.low_ms) / self.latency_ms


def block_ms(times_ns: Sequence[int], inner: int) -> float:
    """Return a block's latency in ms: the lower quartile of its spans, a call.

    Neighbours on a shared machine only ever add time, in bursts: the quartile is inside the undisturbed part of a
    block unless three quarters of it were disturbed.
    """
    ordered = sorted(times_ns)
    position = (len(ordered) - 1) / 4
    lower = math.floor(position)
    upper = min(lower + 1, len(ordered) - 1)
    return (ordered[lower] + (position - lower) * (ordered[upper] - ordered[lower])) / inner / 1e6


def estimate(rounds_ms: Sequence[float]) -> Estimate:
    """Return the median over rounds with its distribution-free 95 % interval (order statistics, binomial ranks)."""
    ordered = sorted(rounds_ms)
    n = len(ordered)
    latency = statistics.median(ordered)
    rank = _rank(n)
    low, high = (ordered[rank], ordered[n - 1 - rank]) if rank is not None else (-math.inf, math.inf)
    return Estimate(latency, low, high, (high - low) / 3.92, n)


@lru_cache(maxsize=1024)
def _rank(n: int) -> int | None:
    """Return how many values may be cut from each end so that what is left covers the median at 95 %."""
    outside = 0.0
    for cut in range(n // 2 + 1):
        outside += 2 * math.comb(n, cut) / 2**n
        if outside > 1 - _COVERAGE:
            return cut - 1 if cut else None
    return None

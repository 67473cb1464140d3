"""The n worth keeping: those for which no larger n is as fast. Standard library only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property


def pareto_set(values: Sequence[int], latency: Callable[[int], float], tolerance: float = 0.0) -> list[int]:
    """Return the values that no larger one outdoes, in ascending order.

    Parameters
    ----------
    values : sequence of int
        Ascending and not empty. The last one is always in the result.
    latency : callable
    tolerance : float
        A larger value also outdoes a smaller one when it takes up to this share more time.
    """
    best: list[int] = []
    fastest = float("inf")  # among all larger values
    for n in reversed(values):
        time = latency(n)
        if not best or time * (1 + tolerance) < fastest:
            best.append(n)
        fastest = min(fastest, time)
    return best[::-1]


class ParetoSets:
    """The Pareto sets of every part of a range.

    Parameters
    ----------
    low : int
        The first n.
    latencies : list of float
        Of ``low``, ``low`` + 1 and so on.
    """

    def __init__(self, low: int, latencies: list[float]) -> None:
        self._low, self._latencies = low, latencies

    @cached_property
    def whole(self) -> list[int]:
        """The Pareto set of the whole range."""
        n = range(self._low, self._low + len(self._latencies))
        return pareto_set(n, lambda k: self._latencies[k - self._low])

    def between(self, low: int, high: int) -> list[int]:
        """Return the Pareto set of the n from ``low`` to ``high``, both included.

        An n that no larger one outdoes at all is also in the set of a part. After the last of those there may be more:
        they are found from ``high`` down, each time by the nearest n below that is faster.
        """
        best = self.whole[bisect_left(self.whole, low) : bisect_right(self.whole, high)]
        begin = best[-1] + 1 if best else low
        more = []
        n = high
        while n >= begin:
            more.append(n)
            n = self._low + self._faster_below[n - self._low]
        return best + more[::-1]

    @cached_property
    def _faster_below(self) -> list[int]:
        """For each index the nearest one below it with a lower latency; −1 where there is none."""
        faster: list[int] = []
        for i, latency in enumerate(self._latencies):
            below = i - 1
            while below >= 0 and self._latencies[below] >= latency:
                below = faster[below]
            faster.append(below)
        return faster

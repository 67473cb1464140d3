"""What a search knows: the n that may be measured, those that were, and those that have no latency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Indices
from nnbehave.analysis.steps.curve import Points


@dataclass(frozen=True)
class SearchState:
    """The candidates of a search and what is known of them.

    Attributes
    ----------
    n : array of int
        The candidates, ascending.
    known : mapping of int to (float, float)
        Latency and standard error in ms, by n.
    lost : set of int
        The n that have no latency.
    """

    n: Indices
    known: Mapping[int, tuple[float, float]]
    lost: Set[int]

    @cached_property
    def grid(self) -> Indices:
        """The candidates at which laws are compared: all, or some that lie evenly by the logarithm."""
        if len(self.n) <= thresholds.COMPARED_AT:
            return self.n
        some: Indices = self.n[np.unique(np.geomspace(1, len(self.n), thresholds.COMPARED_AT).astype(int)) - 1]
        return some

    @cached_property
    def all(self) -> frozenset[int]:
        """The candidates as a set."""
        return frozenset(self.n.tolist())

    @cached_property
    def points(self) -> Points:
        """The known points."""
        n = np.array(sorted(self.known), dtype=np.int64)
        latency, error = np.array([self.known[k] for k in n.tolist()]).T
        return Points(n, latency, error)

    def open(self, wanted: Iterable[int] | Indices) -> list[int]:
        """Return those of some n that are neither known nor lost, each once."""
        return [n for n in dict.fromkeys(int(n) for n in wanted) if n not in self.known and n not in self.lost]

    def between(self, above: float, up_to: float) -> list[int]:
        """Return the candidates in a range that excludes its lower end and includes its upper end."""
        return [int(n) for n in self.n[(self.n > above) & (self.n <= up_to)]]

    def filled(self, wanted: list[int]) -> list[int]:
        """Return a batch worth a session of measuring: the wanted n, and the middles of the widest gaps."""
        batch = list(wanted)
        while 0 < len(batch) < thresholds.BATCH and (free := self.open(set(self.grid.tolist()) - set(batch))):
            free.sort()
            logs, taken = np.log(free), np.log(sorted([*self.known, *batch]))
            after = np.searchsorted(taken, logs).clip(1, len(taken) - 1)
            distance: Array = np.minimum(np.abs(logs - taken[after - 1]), np.abs(logs - taken[after]))
            batch.append(free[int(np.argmax(distance))])
        return batch

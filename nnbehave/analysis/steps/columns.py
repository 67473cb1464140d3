"""The columns of the design matrices: plain functions of n, and those of a period of steps.

A column is a function from n, shape (points,), to numbers of the same shape. Two laws of one family share a column
if it compares equal: the methods of one and the same ``Period`` do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Column = Callable[[Array], Array]


def linear(n: Array) -> Array:
    """Return n."""
    return n


def squared(n: Array) -> Array:
    """Return n²."""
    result: Array = n**2
    return result


@dataclass(frozen=True)
class Period:
    """Steps of one width: a step begins at every n with (n − phase) mod width = 1.

    Attributes
    ----------
    width : int
        n from one beginning to the next, at least 1.
    phase : int
        From 0 to width − 1. At phase 0 the steps end at the multiples of the width.

    Examples
    --------
    >>> import numpy as np
    >>> Period(8, 0).step(np.array([1.0, 8.0, 9.0])).tolist()
    [0, 0, 1]
    """

    width: int
    phase: int

    def step(self, n: Array) -> Indices:
        """Return the number of the step that each n lies in: ⌊(n − phase − 1) / width⌋."""
        return ((n - self.phase - 1) // self.width).astype(np.int64)

    def begins(self, n: Array | Indices) -> Flags:
        """Return True for each n at which a step begins."""
        result: Flags = (n - self.phase - 1) % self.width == 0
        return result

    def place(self, n: Array) -> Array:
        """Return the place of each n in its step, from 0 to width − 1: (n − phase − 1) mod width."""
        return (n - self.phase - 1) % self.width

    def start(self, n: Array) -> Array:
        """Return width times the number of the step: it is constant in a step and rises by the width at each edge."""
        return n - self.phase - 1 - self.place(n)

    def start_squared(self, n: Array) -> Array:
        """Return the square of ``start``."""
        result: Array = self.start(n) ** 2
        return result

    def is_first(self, n: Array) -> Array:
        """Return 1 for the first n of each step, else 0."""
        return np.asarray(self.place(n) == 0, dtype=float)

    def is_last(self, n: Array) -> Array:
        """Return 1 for the last n of each step, else 0."""
        return np.asarray(self.place(n) == self.width - 1, dtype=float)

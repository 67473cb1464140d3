"""The laws that latency may follow over a stretch of a curve, and the families in which they compete.

Every law is a constant plus a linear combination of columns (:mod:`.columns`), but for ``Levels``. In the formulas
below n is the dimension, w and φ are the width and the phase of a period, s(n) = (n − φ − 1) mod w is the place of n
in its step, and k(n) = n − φ − 1 − s(n) is w times the number of the step. The other letters are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnbehave.analysis.steps import columns, thresholds
from nnbehave.analysis.steps.columns import Array, Column, Flags, Indices, Period


@dataclass(frozen=True)
class Law:
    """A formula for latency over a stretch of a curve; the numbers in it are fitted (:mod:`.fitting`)."""

    kind: ClassVar[str] = ""  # of a curve that follows this law alone; for laws with a period the fit decides
    fewest_periods: ClassVar[int] = 0  # that a stretch must span for this law to be fitted to it
    whole_curve_only: ClassVar[bool] = False  # True where a short stretch cannot tell the law from a line

    @property
    def fewest_points(self) -> int:
        """How many points a stretch under this law keeps when its boundaries are moved."""
        return thresholds.LINE_POINTS

    def breaks(self, first: int, last: int) -> Indices:
        """Return the n from ``first`` to ``last`` at which a polynomial piece of the law begins."""
        return np.array([first], dtype=np.int64)


@dataclass(frozen=True)
class LinearLaw(Law):
    """A constant plus a linear combination of columns."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns beside the constant, in the order of their coefficients."""
        return ()

    @property
    def coefficient_count(self) -> int:
        """How many coefficients a fit has, that of the constant included."""
        return 1 + len(self.columns)

    @property
    def parameter_count(self) -> int:
        """How many numbers were fitted to the points: the coefficients, and those that make up a pattern."""
        return self.coefficient_count

    def design(self, n: Array) -> Array:
        """Return the columns at some n, the constant first; shape (coefficients, points)."""
        return np.stack([np.ones_like(n), *(column(n) for column in self.columns)])

    def slope_and_bend(self, coefficients: Array) -> tuple[float, float]:
        """Return the coefficients of n and of n² inside a piece of the law."""
        return 0.0, 0.0


@dataclass(frozen=True)
class PeriodicLaw(Law):
    """A law whose steps, or whose pattern, repeat with a period."""

    period: Period

    @property
    def fewest_points(self) -> int:
        return self.period.width + 1  # one whole step and the first point of the next

    def begins(self, n: Array | Indices) -> Flags:
        """Return True for each n at which a step begins."""
        return self.period.begins(n)

    def edges(self, first: int, last: int) -> Indices:
        """Return the n from ``first`` to ``last`` at which a step begins."""
        every = np.arange(first, last + 1)
        result: Indices = every[self.begins(every)]
        return result

    def breaks(self, first: int, last: int) -> Indices:
        every = np.arange(first, last + 1)
        begins = self._begins_piece(every)
        begins[0] = True
        result: Indices = every[begins]
        return result

    def _begins_piece(self, n: Indices) -> Flags:
        return self.begins(n)


# ---------------------------------------------------------------------- without a period


@dataclass(frozen=True)
class Flat(LinearLaw):
    """y = a."""

    kind: ClassVar[str] = "flat"

    @property
    def fewest_points(self) -> int:
        return thresholds.FLAT_POINTS


@dataclass(frozen=True)
class Linear(LinearLaw):
    """y = a + b·n."""

    kind: ClassVar[str] = "linear"

    @property
    def columns(self) -> tuple[Column, ...]:
        return (columns.linear,)

    def slope_and_bend(self, coefficients: Array) -> tuple[float, float]:
        return float(coefficients[1]), 0.0


@dataclass(frozen=True)
class Quadratic(LinearLaw):
    """y = a + b·n + c·n². Layers whose input and output channels grow together follow it."""

    kind: ClassVar[str] = "quadratic"
    whole_curve_only: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns.linear, columns.squared

    def slope_and_bend(self, coefficients: Array) -> tuple[float, float]:
        return float(coefficients[1]), float(coefficients[2])


# ---------------------------------------------------------------------- steps of one width


@dataclass(frozen=True)
class Staircase(PeriodicLaw, LinearLaw):
    """y = a + b·k(n): level steps with equal jumps.

    At φ = 0 it is a + b·w·⌈n/w⌉ up to a constant: the latency of an array of w units that takes ⌈n/w⌉ passes.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        return (self.period.start,)


@dataclass(frozen=True)
class _Sloped(PeriodicLaw, LinearLaw):
    """A law with the columns n and s(n) and maybe others that do not rise inside a piece."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns.linear, self.period.place

    def slope_and_bend(self, coefficients: Array) -> tuple[float, float]:
        return float(coefficients[1] + coefficients[2]), 0.0


@dataclass(frozen=True)
class SlopedStaircase(_Sloped):
    """y = a + b·n + c·s(n): equal jumps, and one slope b + c inside all steps.

    The jumps make up −c·w of the rise b·w over a width: their share −c/b is the α of ANNETTE's softened efficiency
    (Wess et al., IEEE Access 2021).
    """

    fewest_periods: ClassVar[int] = thresholds.SLOPED_PERIODS


@dataclass(frozen=True)
class FirstApart(_Sloped):
    """y = a + b·n + c·s(n) + d·[s(n) = 0]: a sloped staircase, and the first n of each step stands apart."""

    fewest_periods: ClassVar[int] = thresholds.PATTERN_PERIODS

    @property
    def columns(self) -> tuple[Column, ...]:
        return *super().columns, self.period.is_first

    def _begins_piece(self, n: Indices) -> Flags:
        result: Flags = self.begins(n) | (self.period.place(n.astype(float)) == 1)
        return result


@dataclass(frozen=True)
class LastApart(_Sloped):
    """y = a + b·n + c·s(n) + d·[s(n) = w − 1]: a sloped staircase, and the last n of each step stands apart."""

    fewest_periods: ClassVar[int] = thresholds.PATTERN_PERIODS

    @property
    def columns(self) -> tuple[Column, ...]:
        return *super().columns, self.period.is_last

    def _begins_piece(self, n: Indices) -> Flags:
        result: Flags = self.begins(n) | (self.period.place(n.astype(float)) == self.period.width - 1)
        return result


@dataclass(frozen=True)
class BentStaircase(PeriodicLaw, LinearLaw):
    """y = a + b·k(n) + c·k(n)²: level steps whose jumps grow or shrink steadily."""

    whole_curve_only: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.period.start, self.period.start_squared


@dataclass(frozen=True)
class Levels(PeriodicLaw):
    """y = aᵢ in step i: level steps of one width, and a free latency for each."""


# ---------------------------------------------------------------------- a period inside a larger one


@dataclass(frozen=True)
class NestedStaircase(PeriodicLaw, LinearLaw):
    """y = a + b·k(n) + c·K(n): level steps; K is the k of the outer period, as of vectors of 8 in tiles of 64."""

    outer: Period

    fewest_periods: ClassVar[int] = thresholds.SLOPED_PERIODS

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.period.start, self.outer.start

    def begins(self, n: Array | Indices) -> Flags:
        return self.period.begins(n) | self.outer.begins(n)


@dataclass(frozen=True)
class NestedSlopedStaircase(PeriodicLaw, LinearLaw):
    """y = a + b·n + c·s(n) + d·S(n): as ``NestedStaircase`` with a slope; S is the place in the outer step."""

    outer: Period

    fewest_periods: ClassVar[int] = thresholds.SLOPED_PERIODS

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns.linear, self.period.place, self.outer.place

    def begins(self, n: Array | Indices) -> Flags:
        return self.period.begins(n) | self.outer.begins(n)

    def slope_and_bend(self, coefficients: Array) -> tuple[float, float]:
        return float(coefficients[1] + coefficients[2] + coefficients[3]), 0.0


# ---------------------------------------------------------------------- patterns of any shape


@dataclass(frozen=True)
class Pattern(PeriodicLaw, LinearLaw):
    """y = a + b·n + c·p[s(n)]: a pattern p of any shape repeats on top of a line.

    Attributes
    ----------
    shape : tuple of float, length width
        p, with a mean of 0.
    """

    shape: tuple[float, ...]

    fewest_periods: ClassVar[int] = thresholds.PATTERN_PERIODS

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns.linear, self._shape_at

    @property
    def parameter_count(self) -> int:
        return self.coefficient_count + len(self.shape)

    def _shape_at(self, n: Array) -> Array:
        return np.asarray(self.shape)[self.period.place(n).astype(np.int64)]

    def _begins_piece(self, n: Indices) -> Flags:
        return np.ones(len(n), dtype=bool)


@dataclass(frozen=True)
class GrowingPattern(Pattern):
    """y = a + b·n + c·p[s(n)] + d·n·g[s(n)]: a pattern that grows with n, as of dips by a share of the latency.

    Attributes
    ----------
    shape, growth : tuple of float, length width
        p and g, each with a mean of 0.
    """

    growth: tuple[float, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns.linear, self._shape_at, self._growth_at

    @property
    def parameter_count(self) -> int:
        return self.coefficient_count + len(self.shape) + len(self.growth)

    def _growth_at(self, n: Array) -> Array:
        return np.asarray(self.growth)[self.period.place(n).astype(np.int64)] * n

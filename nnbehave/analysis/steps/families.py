"""Families of laws: all laws with one period, or one smooth law.

The segmentation chooses a family, and for each stretch a law of that family. So steps of one width may be level in one
stretch and sloped in the next without a change of family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Period
from nnbehave.analysis.steps.laws import (
    BentStaircase,
    FirstApart,
    Flat,
    GrowingPattern,
    LastApart,
    Law,
    Levels,
    Linear,
    LinearLaw,
    NestedSlopedStaircase,
    NestedStaircase,
    Pattern,
    PeriodicLaw,
    Quadratic,
    SlopedStaircase,
    Staircase,
)


@dataclass(frozen=True)
class Family:
    """Laws that differ in detail only.

    Attributes
    ----------
    laws : tuple of Law
        Where two fit a stretch at the same price, the first is taken.
    price : float
        What the family costs (BIC) on top of the coefficients of its laws: for having been chosen among many, and for
        the numbers that make up its pattern.
    """

    laws: tuple[Law, ...]
    price: float = 0.0

    @property
    def period(self) -> Period | None:
        """The period of all its laws; None for a smooth law."""
        first = self.laws[0]
        return first.period if isinstance(first, PeriodicLaw) else None

    @property
    def outer(self) -> Period | None:
        """The larger period that the first one lies in, if there is one."""
        first = self.laws[0]
        return first.outer if isinstance(first, NestedStaircase | NestedSlopedStaircase) else None

    @property
    def longest_width(self) -> int:
        """The width of the outer period, else of the only one; 0 for a smooth law."""
        period = self.outer or self.period
        return period.width if period else 0

    @property
    def sloped(self) -> LinearLaw:
        """The law in which latency also rises inside the steps; the only law of a family that has one."""
        for law in self.laws:
            if isinstance(law, SlopedStaircase | NestedSlopedStaircase):
                return law
        only = self.laws[0]
        assert isinstance(only, LinearLaw)
        return only

    @property
    def is_pattern(self) -> bool:
        """True for a pattern of any shape on top of a line."""
        return isinstance(self.laws[0], Pattern)


FLAT = Family((Flat(),))
LINEAR = Family((Linear(),))
QUADRATIC = Family((Quadratic(),))


def staircases(period: Period) -> Family:
    """Return the laws that steps of one period may follow."""
    laws = (
        Staircase(period),
        SlopedStaircase(period),
        FirstApart(period),
        LastApart(period),
        BentStaircase(period),
        Levels(period),
    )
    return Family(laws, thresholds.PERIOD_PRICE)


def nested_staircases(inner: Period, outer: Period) -> Family:
    """Return the laws that steps of a period inside a larger one may follow."""
    laws = NestedStaircase(inner, outer), NestedSlopedStaircase(inner, outer)
    return Family(laws, 2 * thresholds.PERIOD_PRICE)


def fit_patterns(width: int, n: Array, y: Array, weights: Array) -> list[Family]:
    """Return the pattern of a width that explains the points best, and with enough points one that also grows.

    Each place in the period has a level of its own on top of a common line, whose slope is that inside the places
    (the within estimator of a model with fixed effects). Where the pattern grows, each place has a line of its own.

    Parameters
    ----------
    width : int
        Every place in the period has a point.
    n, y, weights : array, shape (points,)
    """
    period = Period(width, 0)
    x = n / n[-1]
    place = period.place(n).astype(np.int64)

    def at_each_place(values: Array) -> Array:
        return np.bincount(place, values, minlength=width).astype(float)

    total = np.maximum(at_each_place(weights), 1e-300)
    mean_x, mean_y = at_each_place(weights * x) / total, at_each_place(weights * y) / total
    within = x - mean_x[place]
    slope = (weights * within * (y - mean_y[place])).sum() / max(1e-12, float((weights * within**2).sum()))
    shape = _centred(mean_y - slope * mean_x)
    price = (width - 2) * math.log(len(n))  # the line and the mean of the pattern are paid for by its coefficients
    families = [Family((Pattern(period, shape),), price + thresholds.PERIOD_PRICE)]
    spread = at_each_place(weights * within**2)
    enough = np.bincount(place, minlength=width).min() >= thresholds.GROWTH_POINTS and spread.min() > 0
    if enough and (n[-1] - n[0]) / width >= thresholds.GROWTH_PERIODS:
        slopes = at_each_place(weights * within * y) / spread
        shape = _centred(mean_y - slopes * mean_x)
        families.append(Family((GrowingPattern(period, shape, _centred(slopes)),), 2 * price + thresholds.PERIOD_PRICE))
    return families


def _centred(values: Array) -> tuple[float, ...]:
    """Return numbers less their mean."""
    return tuple((values - values.mean()).tolist())

"""What is worth trying on a curve: families of laws, and places where one law may give way to another."""

from __future__ import annotations

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Indices, Period
from nnbehave.analysis.steps.curve import Curve, noise_between_neighbours
from nnbehave.analysis.steps.families import (
    FLAT,
    LINEAR,
    QUADRATIC,
    Family,
    fit_patterns,
    nested_staircases,
    staircases,
)
from nnbehave.analysis.steps.fitting import fit_linear
from nnbehave.analysis.steps.period_scan import PeriodScan
from nnbehave.analysis.steps.segmentation import StretchCosts


def candidate_families(n: Array, y: Array, weights: Array, noise: float, scan: PeriodScan) -> list[Family]:
    """Return the families worth trying: the smooth ones, and those of the most promising periods.

    Parameters
    ----------
    n, y : array, shape (points,)
    weights : array, shape (points,)
        Inverse variances in units of ``noise``.
    noise : float
    scan : PeriodScan
        Of the same n.
    """
    periods = scan.stairs(y, weights)
    # At width 2 a rise inside the steps of one phase is a jump between those of the other: only the names differ.
    periods += [Period(2, 1 - period.phase) for period in periods if period.width == 2]
    simple = [staircases(period) for period in periods]
    nested = _nested(n, y, weights, noise, scan, simple) if simple else []
    widths = scan.patterns(y, weights, thresholds.PATTERN_WIDTHS)
    patterns = [family for w in widths if len(np.unique(n % w)) == w for family in fit_patterns(w, n, y, weights)]
    return [FLAT, LINEAR, QUADRATIC, *simple, *nested, *patterns]


def _nested(n: Array, y: Array, weights: Array, noise: float, scan: PeriodScan, simple: list[Family]) -> list[Family]:
    """Return nested staircases: the best simple one, with a period that shows in what it leaves."""
    ends = np.array([0, len(n)])
    costs = StretchCosts(n, y, weights / noise**2, simple, ends, ends)
    best = simple[int(np.argmin(costs.of_whole_curve()))]
    assert best.period is not None
    rest = y - fit_linear(best.sloped, n, y, weights).values(n)
    nested = []
    for period in scan.stairs(rest, weights)[: thresholds.NESTED_PERIODS]:
        inner, outer = sorted([period, best.period], key=lambda each: (each.width, each.phase))
        if inner.width < outer.width and outer.width % inner.width == 0:
            nested.append(nested_staircases(inner, outer))
    return nested


def noise_and_places(curve: Curve, y: Array, noise: float, families: list[Family]) -> tuple[float, Indices, Indices]:
    """Return the noise, and where laws may change: the few places for periods, and those for smooth laws.

    The noise is what the best law leaves between neighbours. The few places are where the points jump away from a
    law with a period; the many are where the latency itself jumps.

    Parameters
    ----------
    curve : Curve
    y : array, shape (points,)
        The latencies with outliers drawn in.
    noise : float
        A first estimate.
    families : list of Family
    """
    size, weights = len(curve.n), 1 / (y * curve.sigma) ** 2
    rests, noises = [], [noise]
    for family in families:
        law = family.sloped
        rest = y - fit_linear(law, curve.n, y, weights).values(curve.n)
        free = max(thresholds.FEWEST_FREE_SHARE, 1 - law.parameter_count / size)
        noises.append(noise_between_neighbours(rest, y * curve.sigma) / free**0.5)
        if family.period:
            rests.append(rest)
    noise = curve.at_least_given(min(noises))
    error = noise * curve.sigma
    few = [change_points(rest, error * y, thresholds.FEW_PLACES, thresholds.FEW_PLACES_WINDOWS) for rest in rests]
    many = change_points(np.log(y), error, thresholds.MANY_PLACES, thresholds.MANY_PLACES_WINDOWS)
    return noise, np.unique(np.concatenate([*few, [0, size]])).astype(np.int64), many


def change_points(values: Array, noise: Array, count: int, windows: tuple[int, ...]) -> Indices:
    """Return up to ``count`` indices at which the mean jumps most, in ascending order.

    At each scale, the strength of a jump is the difference of the means over a window before and after it, in
    standard errors (the MOSUM statistic); only the strongest within half a window is kept.

    Parameters
    ----------
    values, noise : array, shape (points,)
        With the standard deviation of each value.
    count : int
    windows : tuple of int
        The scales, in points, ascending.
    """
    from scipy.ndimage import maximum_filter1d  # it takes a third of a second to load, and only maps need it

    size = len(values)
    sums, squares = (np.concatenate([[0.0], np.cumsum(part)]) for part in (values, noise**2))
    strength = np.zeros(size + 1)
    for window in windows:
        if 2 * window > size:
            break
        at = np.arange(1, size)
        left, right = np.maximum(at - window, 0), np.minimum(at + window, size)
        before, after = (sums[at] - sums[left]) / (at - left), (sums[right] - sums[at]) / (right - at)
        error = (squares[at] - squares[left]) / (at - left) ** 2 + (squares[right] - squares[at]) / (right - at) ** 2
        found = np.abs(after - before) / np.sqrt(np.maximum(error, 1e-300))
        around = maximum_filter1d(found, 2 * (window // 2) + 1)
        strength[1:size] = np.maximum(strength[1:size], np.where(found >= around, found, 0))
    best = np.argsort(-strength, kind="stable")[:count]
    return np.sort(best[strength[best] > 0])

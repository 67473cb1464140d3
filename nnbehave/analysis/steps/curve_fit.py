"""The laws that explain a curve best: the core of the detector.

Every width is scanned on all points at once, so that the many small late jumps of a staircase are judged together; a
segmentation alone would judge them one by one and lose those below the noise. The most promising families then
compete with the smooth ones, each for all or for a stretch of the curve, on misfit and a price for each coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.candidates import candidate_families, noise_and_places
from nnbehave.analysis.steps.columns import Array, Flags, Indices
from nnbehave.analysis.steps.curve import Curve, noise_between_neighbours
from nnbehave.analysis.steps.families import Family
from nnbehave.analysis.steps.outliers import draw_in_outliers, find_outliers
from nnbehave.analysis.steps.period_scan import PeriodScan
from nnbehave.analysis.steps.segmentation import Segment, StretchCosts
from nnbehave.analysis.steps.stretch import Stretch


@dataclass(frozen=True)
class CurveFit:
    """A curve and the laws that explain it best.

    Attributes
    ----------
    curve : Curve
    scan : PeriodScan
        Of its n.
    noise : float
        The relative error of a typical point, as the points show it.
    clean : array, shape (points,)
        The latencies, with the law's for outliers.
    weights : array, shape (points,)
        Inverse squares of the errors of the points in units of ``noise``; 0 for outliers.
    is_outlier : array of bool, shape (points,)
    stretches : list of Stretch
    law_at_points : array, shape (points,)
    price : float
        Of the stretches (BIC).
    costs : StretchCosts
        Of everything that was tried.
    """

    curve: Curve
    scan: PeriodScan
    noise: float
    clean: Array
    weights: Array
    is_outlier: Flags
    stretches: list[Stretch]
    law_at_points: Array
    price: float
    costs: StretchCosts

    def law(self, n: Array) -> Array:
        """Return the law at some n; each stretch reaches from its first point to that of the next."""
        begins = [self.curve.n[stretch.begin] for stretch in self.stretches]
        which = np.clip(np.searchsorted(begins, n, side="right") - 1, 0, None)
        every = np.stack([stretch.values(n) for stretch in self.stretches])
        lowest = thresholds.LOWEST_LAW_BETWEEN * float(self.law_at_points.min())
        result: Array = np.maximum(every[which, np.arange(len(n))], lowest)
        return result

    @property
    def penalised_price(self) -> float:
        """The price, and for each outlier what a point at the limit would have cost."""
        return float(self.price + thresholds.OUTLIER_SIGMAS**2 * self.is_outlier.sum())


@dataclass(frozen=True)
class _Trial:
    """What is tried on a curve, and the weights of its points."""

    curve: Curve
    scan: PeriodScan
    families: list[Family]
    few: Indices
    many: Indices
    noise: float
    clean: Array
    weights: Array
    is_outlier: Flags

    def solve(self, alone: frozenset[int] = frozenset()) -> CurveFit:
        """Find the best stretches and their laws; the points ``alone`` may be stretches by themselves."""
        n = self.curve.n
        few = np.union1d(self.few, [i for j in sorted(alone) for i in (j, j + 1)]).astype(np.int64)
        places = np.union1d(few, self.many)
        weights = self.weights / self.noise**2
        costs = StretchCosts(n, self.clean, weights, self.families, places, few, tuple(sorted(alone)))
        price, segments = costs.best()
        price_alone, segment = costs.best_alone()
        if segment[0].family.period is None and price_alone < price + thresholds.CHANGE_MARGIN:
            price, segments = price_alone, segment
        stretches = self._with_boundaries_moved([self._fitted(segment) for segment in segments])
        law = np.concatenate([stretch.values(n[stretch.points]) for stretch in stretches])
        law = np.maximum(law, thresholds.LOWEST_LAW * self.clean)
        return CurveFit(
            self.curve, self.scan, self.noise, self.clean, self.weights, self.is_outlier, stretches, law, price, costs
        )

    def _fitted(self, segment: Segment) -> Stretch:
        return Stretch.of(segment, self.curve.n, self.clean, self.weights)

    def _with_boundaries_moved(self, stretches: list[Stretch]) -> list[Stretch]:
        """Move each boundary to where the laws beside it fit best, and fit them again.

        Where a family goes on beyond the boundary, it moves to a beginning of a step unless the points deny it.
        """
        n, bounds = self.curve.n, [stretch.begin for stretch in stretches] + [len(self.curve.n)]
        for k, (left, right) in enumerate(pairwise(stretches), start=1):
            period = right.family.period if right.family == left.family else None
            reach = max(thresholds.BOUNDARY_REACH, period.width if period else 0)
            begin = max(bounds[k - 1] + left.law.fewest_points, bounds[k] - reach)
            end = min(bounds[k + 1] - right.law.fewest_points, bounds[k] + reach)
            if not begin <= bounds[k] <= end:
                continue
            part = slice(begin, end)
            off = [self.weights[part] * (self.clean[part] - law.values(n[part])) ** 2 for law in (left, right)]
            cost = np.concatenate([[0.0], np.cumsum(off[0] - off[1])]) / self.noise**2  # by where the boundary is
            best = int(np.argmin(cost))
            if period and end < len(n):
                likely = np.where(period.begins(n[begin : end + 1]), cost, np.inf)
                is_near = likely.min() < cost[best] + thresholds.CHANGE_MARGIN
                best = int(np.argmin(likely)) if is_near else best
            bounds[k] = begin + best
        moved = zip(stretches, bounds[:-1], bounds[1:], strict=True)
        return [self._fitted(Segment(each.family, each.law, begin, end)) for each, begin, end in moved]


def fit_curve(curve: Curve) -> CurveFit:
    """Find the stretches of a curve and their laws.

    Outliers are drawn in at first, then left out until the stretches stay the same. Where that makes outliers of many
    points, they may be what repeats: then the points are also taken as they are, and the cheaper answer is returned.
    """
    scan = PeriodScan(curve.n)
    noise = curve.at_least_given(noise_between_neighbours(np.log(curve.y), curve.sigma))
    fit = _fit(curve, scan, draw_in_outliers(curve, noise), noise)
    if fit.is_outlier.mean() > thresholds.MANY_OUTLIERS:
        other = _fit(curve, scan, curve.y, fit.noise)
        return other if other.penalised_price < fit.penalised_price else fit
    return fit


def _fit(curve: Curve, scan: PeriodScan, clean: Array, noise: float) -> CurveFit:
    """Fit a curve with its outliers drawn in, then with its outliers left out, until these stay the same."""
    weights = 1 / (clean * curve.sigma) ** 2
    families = candidate_families(curve.n, clean, weights, noise, scan)
    noise, few, many = noise_and_places(curve, clean, noise, families)
    no_outliers = np.zeros(len(curve.n), dtype=bool)
    trial = _Trial(curve, scan, families, few, many, noise, clean, weights, no_outliers)
    fit = trial.solve()
    trial = replace(trial, families=_likely_families(fit))
    alone: frozenset[int] = frozenset()
    is_settled = bool((clean == curve.y).all())  # False while points are still drawn in
    for _ in range(thresholds.OUTLIER_PASSES):
        is_outlier, kernels = find_outliers(curve, fit.noise, fit.law_at_points, fit.stretches)
        error = fit.law_at_points * curve.sigma
        noise = curve.at_least_given(noise_between_neighbours(fit.clean - fit.law_at_points, error))
        is_same = np.array_equal(is_outlier, fit.is_outlier) and kernels <= alone
        if is_settled and is_same and abs(noise / fit.noise - 1) < thresholds.NOISE_SETTLED:
            break
        is_settled, alone = True, alone | kernels
        trial = replace(
            trial,
            noise=noise,
            clean=np.where(is_outlier, fit.law_at_points, curve.y),
            weights=np.where(is_outlier, 0.0, 1 / error**2),
            is_outlier=is_outlier,
        )
        fit = trial.solve(alone)
    return fit


def _likely_families(fit: CurveFit) -> list[Family]:
    """Return the smooth families, those of the stretches, and the likeliest for the whole curve."""
    prices = fit.costs.of_whole_curve()
    used = [stretch.family for stretch in fit.stretches]
    limit = np.sort(prices)[min(len(prices), thresholds.LIKELY_FAMILIES) - 1]
    return [
        family
        for family, price in zip(fit.costs.families, prices, strict=True)
        if family.period is None or family in used or price <= limit
    ]

"""The best cut of a curve into stretches, each with a law of its own: one stretch where one law explains all of it.

The families of laws and the places where they may change come from :mod:`.candidates`. The choice among them is exact:
dynamic programming (optimal partitioning; Jackson et al., IEEE Signal Processing Letters 2005) on the weighted sum of
squares plus a price for each coefficient and each change. A coefficient costs ln(points), as in the Bayesian
information criterion (BIC; Schwarz, Annals of Statistics 1978). All prices are in units of BIC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Column, Flags, Indices
from nnbehave.analysis.steps.families import Family
from nnbehave.analysis.steps.laws import Flat, Law, Levels, LinearLaw, PeriodicLaw


@dataclass(frozen=True)
class Segment:
    """Neighbouring points, from index ``begin`` up to but not including ``end``, and the law chosen for them."""

    family: Family
    law: Law
    begin: int
    end: int

    @property
    def points(self) -> slice:
        """The slice that picks its points from arrays over the curve."""
        return slice(self.begin, self.end)

    @property
    def size(self) -> int:
        """How many points it has."""
        return self.end - self.begin


class StretchCosts:
    """The cost of each family on every stretch between two of the places where laws may change.

    Parameters
    ----------
    n, y : array, shape (points,)
    weights : array, shape (points,)
        Inverse variances: a point one standard error off its law costs 1.
    families : list of Family
    places : array of int
        Indices of the points at which a stretch under a smooth law may begin, 0 included, and the number of points.
    few : array of int
        Those of the places at which a stretch under a law with a period may begin, both ends included.
    alone : tuple of int
        Indices of points that may be a flat stretch by themselves.

    Attributes
    ----------
    cost : array, shape (families, places, places)
        From the first place to the second, with the best law of the family; infinite where none can be fitted. The
        price of the family is not included.
    law : array of int, shape (families, places, places)
        The index of that law in its family.
    """

    def __init__(
        self,
        n: Array,
        y: Array,
        weights: Array,
        families: list[Family],
        places: Indices,
        few: Indices,
        alone: tuple[int, ...] = (),
    ) -> None:
        self.families, self.places = families, places
        self._n, self._y, self._weights = n, y, weights
        self._alone = np.array(alone, dtype=np.int64)
        self._log = float(np.log(len(n)))
        size = len(places)
        self.cost = np.full((len(families), size, size), np.inf)
        self.law = np.zeros((len(families), size, size), dtype=int)
        all_pairs = np.triu_indices(size, 1)
        few_pairs = tuple(np.searchsorted(places, few)[np.stack(np.triu_indices(len(few), 1))])
        for f, family in enumerate(families):
            if all(law.whole_curve_only for law in family.laws):
                pairs = np.array([0]), np.array([size - 1])
            else:
                pairs = few_pairs if family.period else all_pairs
            self._add_family(f, *pairs)

    # ---------------------------------------------------------------- costs

    def _add_family(self, f: int, i: Indices, j: Indices) -> None:
        """Fill in the costs of a family from place i to place j, for many pairs at once."""
        enough = self._has_enough_points(self.families[f], self.places[i], self.places[j])
        i, j = i[enough], j[enough]
        if not len(i):
            return
        laws = self.families[f].laws
        columns = list(dict.fromkeys(c for law in laws if isinstance(law, LinearLaw) for c in law.columns))
        gram, total = self._moments(columns, self.places[i], self.places[j])
        for index, law in enumerate(laws):
            if isinstance(law, Levels):
                cost = self._cost_of_levels(law, i, j)
            else:
                assert isinstance(law, LinearLaw)
                at = np.array([columns.index(column) + 2 for column in law.columns], dtype=int)
                cost = np.maximum(_residual(gram, at, total), 0) + law.coefficient_count * self._log
                cost = np.where(self._may_be_fitted(law, self.families[f], i, j), cost, np.inf)
            better = cost < self.cost[f, i, j]
            self.cost[f, i[better], j[better]] = cost[better]
            self.law[f, i[better], j[better]] = index

    def _has_enough_points(self, family: Family, first: Indices, end: Indices) -> Flags:
        """Return True for the stretches on which any law of a family may be fitted."""
        n, law = self._n, family.laws[0]
        if isinstance(law, PeriodicLaw):
            many = (end - first >= thresholds.PERIODIC_POINTS) & (len(n) >= thresholds.PERIOD_POINTS)
            result: Flags = many & (n[end - 1] - n[first] >= law.period.width)
            return result
        result = (end - first >= law.fewest_points) | (end - first == len(n))
        if isinstance(law, Flat):
            result |= n[end - 1] - n[first] >= thresholds.FLAT_POINTS  # two neighbours may both be outliers
            result |= np.isin(first, self._alone) & (end == first + 1)
        return result

    def _may_be_fitted(self, law: LinearLaw, family: Family, i: Indices, j: Indices) -> Flags:
        """Return True for the stretches that are long enough to show what the law says."""
        first, end = self.places[i], self.places[j]
        if law.whole_curve_only:
            return np.asarray((first == 0) & (end == len(self._n)))
        if not law.fewest_periods:
            return np.ones(len(i), dtype=bool)
        span = self._n[end - 1] - self._n[first]
        is_seen = span >= law.fewest_periods * family.longest_width - 1
        return np.asarray(is_seen & (end - first >= thresholds.PERIOD_POINTS))

    def _moments(self, columns: list[Column], first: Indices, end: Indices) -> tuple[Array, Array]:
        """Return the weighted products of y and the columns about their means, and the weights, for each stretch.

        The products have the shape (rows, rows, stretches): row 1 is y, and the columns follow. The sum over a stretch
        is a difference of two sums from the first point; columns are centred and scaled to lose no digits there.
        """
        n = self._n
        centred = [values - values.mean() for values in (column(n) for column in columns)]
        scaled = [values / max(1e-12, float(np.abs(values).max())) for values in centred]
        rows = np.stack([np.ones_like(n), self._y, *scaled])
        above = np.triu_indices(len(rows))
        sums = np.zeros((len(above[0]), len(n) + 1))
        np.cumsum(rows[above[0]] * rows[above[1]] * self._weights, axis=1, out=sums[:, 1:])
        gram = np.empty((len(rows), len(rows), len(first)))
        gram[above] = gram[above[::-1]] = sums[:, end] - sums[:, first]
        total = np.maximum(gram[0, 0], 1e-300)
        gram[1:, 1:] -= gram[0, 1:, None] * gram[0, None, 1:] / total
        return gram, total

    def _cost_of_levels(self, law: Levels, i: Indices, j: Indices) -> Array:
        """Return the cost of one level a step: whole steps between two places, and part of a step at each end."""
        n, y, weights = self._n, self._y, self._weights
        sums = np.concatenate([np.zeros((3, 1)), np.cumsum([weights, weights * y, weights * y * y], axis=1)], axis=1)

        def within(first: Indices, end: Indices) -> Array:
            w, wy, wyy = sums[:, end] - sums[:, first]
            result: Array = np.where(w > 0, np.maximum(wyy - wy * wy / np.maximum(w, 1e-300), 0) + self._log, 0)
            return result

        step = law.period.step(n)
        begins = np.flatnonzero(np.diff(step, prepend=step[0] - 1))  # of the steps that have points
        ends = np.append(begins[1:], len(n))
        whole = np.concatenate([[0.0], np.cumsum(within(begins, ends))])
        first, end = self.places[i], self.places[j]
        enough = n[end - 1] - n[first] >= thresholds.LEVELS_PERIODS * law.period.width - 1
        steps = np.searchsorted(begins, end) - np.searchsorted(begins, first)
        enough &= end - first >= thresholds.LEVELS_POINTS_PER_STEP * steps
        p = np.searchsorted(begins, first)  # the first step that begins at or after the stretch does
        q = np.searchsorted(begins, end, side="right") - 1  # the step that the stretch ends in, or after
        cost = within(first, np.minimum(begins[np.minimum(p, len(begins) - 1)], end))
        cost = np.where(p < len(begins), cost, 0) + whole[q] - whole[np.minimum(p, q)] + within(begins[q], end)
        return np.where(enough, cost, np.inf)

    # ---------------------------------------------------------------- choice

    def of_whole_curve(self) -> Array:
        """Return what each family costs as the only one of the curve, without the price of the family."""
        result: Array = self.cost[:, 0, -1]
        return result

    def best_alone(self, among: Sequence[Family] | None = None) -> tuple[float, list[Segment]]:
        """Return the lowest price of one law for the whole curve, and the one segment."""
        chosen = self._indices(among)
        totals = self.of_whole_curve()[chosen] + self._prices()[chosen]
        segment = self._segment(chosen[int(np.argmin(totals))], 0, len(self.places) - 1)
        return float(totals.min()), [segment]

    def best(self, among: Sequence[Family] | None = None) -> tuple[float, list[Segment]]:
        """Return the lowest price of the whole curve, and its segments in order.

        Parameters
        ----------
        among : sequence of Family, optional
            By default all.
        """
        chosen, prices = self._indices(among), self._prices()
        shape = len(self.families), len(self.places)
        change = thresholds.CHANGE_COEFFICIENTS * self._log
        begin = np.zeros(shape, dtype=int)  # the place where the last stretch up to a place begins, by its family
        before = np.full(shape, -1)  # the family of the stretch that ends at a place, by the family that goes on
        enter = np.full(shape, np.inf)  # the price up to a place from where a family goes on
        enter[chosen, 0] = prices[chosen]
        for j in range(1, len(self.places)):
            options = enter[:, :j] + self.cost[:, :j, j]
            begin[:, j] = np.argmin(options, axis=1)
            stay = np.take_along_axis(options, begin[:, j : j + 1], axis=1)[:, 0]
            winner = int(np.argmin(stay))
            switch = stay[winner] + prices + thresholds.SWITCH_PRICE
            enter[chosen, j] = np.minimum(switch, stay)[chosen] + change
            before[:, j] = np.where(stay <= switch, np.arange(len(self.families)), winner)
        f, j = int(np.argmin(stay)), len(self.places) - 1
        price, segments = float(stay[f]), []
        while j > 0:
            i = int(begin[f, j])
            segments.append(self._segment(f, i, j))
            f, j = int(before[f, i]), i
        return price, segments[::-1]

    def _indices(self, among: Sequence[Family] | None) -> list[int]:
        return [f for f, family in enumerate(self.families) if among is None or family in among]

    def _prices(self) -> Array:
        return np.array([family.price for family in self.families])

    def _segment(self, f: int, i: int, j: int) -> Segment:
        family = self.families[f]
        return Segment(family, family.laws[int(self.law[f, i, j])], int(self.places[i]), int(self.places[j]))


def _residual(gram: Array, at: Indices, total: Array) -> Array:
    """Return the sum of squares that the rows ``at`` leave of row 1, for each stretch."""
    result: Array = gram[1, 1]
    if not len(at):
        return result
    size = np.sqrt(np.maximum(gram[at, at], 1e-12 * total))
    side = gram[at, 1] / size
    if len(at) == 1:
        left: Array = result - side[0] ** 2 / (1 + 1e-10)
        return left
    normal = gram[at[:, None], at] / size[:, None] / size + 1e-10 * np.eye(len(at))[..., None]
    solved = np.linalg.solve(normal.transpose(2, 0, 1), side.T[..., None])[..., 0]
    left = result - (side.T * solved).sum(axis=1)
    return left

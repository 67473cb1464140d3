"""The best cut of a curve into stretches, each with a law of its own: one stretch, where one law explains it all.

Which laws, and where they may begin, is proposed from outside; the choice is by dynamic programming over all of them,
on the weighted sum of squares and a price for each parameter, place and law (BIC).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from nnbehave.analysis.steps.laws import LEVELS, Form, Stretch

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
_CHANGE = 2.0  # price of a place where the law changes, in parameters
_FEWEST = 12  # points that a period is told by
_SWITCH = 4.0  # price of another form there, on top of its own: what went on so far is likely to go on


class Costs:
    """What each form costs on every stretch between two of the places where laws may change."""

    def __init__(
        self,
        n: Array,
        y: Array,
        weights: Array,
        forms: list[Form],
        places: Indices,
        few: Indices,
        alone: tuple[int, ...] = (),
    ) -> None:
        """Take the places where flat and straight stretches may begin, the few where any may, and both ends.

        ``alone`` are points that may be a stretch by themselves.
        """
        self.forms, self.places, self._alone = forms, places, np.array(alone, dtype=np.int64)
        self._n, self._y, self._weights = n, y, weights
        self._log = float(np.log(len(n)))
        size = len(places)
        self.cost = np.full((len(forms), size, size), np.inf)
        self.names = np.zeros((len(forms), size, size), dtype=int)
        all_pairs = np.triu_indices(size, 1)
        few_pairs = tuple(np.searchsorted(places, few)[np.stack(np.triu_indices(len(few), 1))])
        for f, form in enumerate(forms):
            pairs = (np.array([0]), np.array([size - 1])) if form.whole_only else few_pairs if form.width else all_pairs
            self._add(f, *pairs)

    def _add(self, f: int, i: Indices, j: Indices) -> None:
        """Add the costs of a form between the places i and j: the least of those of its sets of columns."""
        form, n = self.forms[f], self._n
        first, last = self.places[i], self.places[j]
        if form.width is None:
            enough = last - first >= (3 if form.kind == "flat" else 10)
            if form.kind == "flat":  # two that are neighbours may both be outliers
                enough |= n[last - 1] - n[first] >= 3
            enough |= last - first == len(n)
            enough |= np.isin(first, self._alone) & (last == first + 1) & (form.kind == "flat")
        else:
            enough = (last - first >= 6) & (n[last - 1] - n[first] >= form.width) & (len(n) >= _FEWEST)
        i, j, first, last = i[enough], j[enough], first[enough], last[enough]
        if not len(i):
            return
        # Sums over stretches are differences of sums from the beginning; columns are centred, to lose no digits.
        names = sorted({name for names in form.sets if names != LEVELS for name in names})
        columns = [column - column.mean() for column in (form.column(name, n) for name in names)]
        rows = np.stack([np.ones_like(n), self._y, *(c / max(1e-12, float(np.abs(c).max())) for c in columns)])
        above = np.triu_indices(len(rows))
        sums = np.zeros((len(above[0]), len(n) + 1))
        np.cumsum(rows[above[0]] * rows[above[1]] * self._weights, axis=1, out=sums[:, 1:])
        gram = np.empty((len(rows), len(rows), len(i)))
        gram[above] = gram[above[::-1]] = sums[:, last] - sums[:, first]
        count = np.maximum(gram[0, 0], 1e-300)
        gram[1:, 1:] -= gram[0, 1:, None] * gram[0, None, 1:] / count  # about the means
        for s, chosen in enumerate(form.sets):
            if chosen == LEVELS:
                self._add_levels(f, s, i, j)
                continue
            at = np.array([names.index(name) + 2 for name in chosen], dtype=int)
            cost = np.maximum(_left(gram, at, count), 0) + (1 + len(at)) * self._log
            if "k2" in chosen:  # over short stretches it says nothing that a straight rise does not
                cost = np.where((first == 0) & (last == len(n)), cost, np.inf)
            elif form.width and len(chosen) > 1:  # what repeats must be seen to
                periods = 3 if set(chosen) & {"f", "l", "p"} else 2
                seen = n[last - 1] - n[first] >= periods * (form.outer_width or form.width) - 1
                cost = np.where(seen & (last - first >= _FEWEST), cost, np.inf)
            self._keep(f, s, i, j, cost)

    def _add_levels(self, f: int, s: int, i: Indices, j: Indices) -> None:
        """Add a level for each step: what lies between two places are whole steps, and a part of one at each end."""
        n, y, weights = self._n, self._y, self._weights
        sums = np.concatenate([np.zeros((3, 1)), np.cumsum([weights, weights * y, weights * y * y], axis=1)], axis=1)

        def within(first: Indices, last: Indices) -> Array:
            w, wy, wyy = sums[:, last] - sums[:, first]
            result: Array = np.where(w > 0, np.maximum(wyy - wy * wy / np.maximum(w, 1e-300), 0) + self._log, 0)
            return result

        step = self.forms[f].step(n)
        begins = np.flatnonzero(np.diff(step, prepend=step[0] - 1))  # of the steps that have points
        ends = np.append(begins[1:], len(n))
        whole = np.concatenate([[0.0], np.cumsum(within(begins, ends))])
        first, last = self.places[i], self.places[j]
        enough = n[last - 1] - n[first] >= 4 * (self.forms[f].width or 0) - 1
        many = np.searchsorted(begins, last) - np.searchsorted(begins, first)  # steps
        enough &= last - first >= 2 * many
        p = np.searchsorted(begins, first)  # the first step that begins at or after the stretch does
        q = np.searchsorted(begins, last, side="right") - 1  # the step that the stretch ends in, or after
        cost = within(first, np.minimum(begins[np.minimum(p, len(begins) - 1)], last))
        cost = np.where(p < len(begins), cost, 0) + whole[q] - whole[np.minimum(p, q)] + within(begins[q], last)
        self._keep(f, s, i, j, np.where(enough, cost, np.inf))

    def _keep(self, f: int, s: int, i: Indices, j: Indices, cost: Array) -> None:
        better = cost < self.cost[f, i, j]
        self.cost[f, i[better], j[better]] = cost[better]
        self.names[f, i[better], j[better]] = s

    def best(self, among: Sequence[Form] | None = None, single: bool = False) -> tuple[float, list[Stretch]]:
        """Return the lowest price of the whole curve and its stretches: of one law alone, where ``single``."""
        forms = [f for f, form in enumerate(self.forms) if among is None or form in among]
        prices = np.array([form.price for form in self.forms])
        if single:
            totals = self.cost[forms, 0, -1] + prices[forms]
            f = forms[int(np.argmin(totals))]
            return float(totals.min()), [self._stretch(f, 0, len(self.places) - 1)]
        size, change = len(self.places), _CHANGE * self._log
        total = np.full((len(self.forms), size), np.inf)
        origin = np.zeros((len(self.forms), size), dtype=int)
        earlier = np.full((len(self.forms), size), -1)
        enter = np.full((len(self.forms), size), np.inf)  # the price up to a place from where this form goes on
        enter[forms, 0] = prices[forms]
        for j in range(1, size):
            options = enter[:, :j] + self.cost[:, :j, j]
            origin[:, j] = np.argmin(options, axis=1)
            total[:, j] = np.take_along_axis(options, origin[:, j : j + 1], axis=1)[:, 0]
            winner = int(np.argmin(total[:, j]))
            switch = total[winner, j] + prices + _SWITCH
            stay = total[:, j]
            enter[forms, j] = np.minimum(switch, stay)[forms] + change
            earlier[:, j] = np.where(stay <= switch, np.arange(len(self.forms)), winner)
        f, j = int(np.argmin(total[:, -1])), size - 1
        price, stretches = float(total[f, j]), []
        while j > 0:
            i = int(origin[f, j])
            stretches.append(self._stretch(f, i, j))
            f, j = int(earlier[f, i]), i
        return price, stretches[::-1]

    def _stretch(self, f: int, i: int, j: int) -> Stretch:
        form = self.forms[f]
        return Stretch(form, form.sets[int(self.names[f, i, j])], int(self.places[i]), int(self.places[j]))


def _left(gram: Array, at: Indices, count: Array) -> Array:
    """Return the sum of squares that the columns ``at`` leave of row 1."""
    result: Array = gram[1, 1]
    if not len(at):
        return result
    size = np.sqrt(np.maximum(gram[at, at], 1e-12 * count))
    side = gram[at, 1] / size
    if len(at) == 1:
        left: Array = result - side[0] ** 2 / (1 + 1e-10)
        return left
    normal = gram[at[:, None], at] / size[:, None] / size + 1e-10 * np.eye(len(at))[..., None]
    solved = np.linalg.solve(normal.transpose(2, 0, 1), side.T[..., None])[..., 0]
    left = result - (side.T * solved).sum(axis=1)
    return left


def jumps(values: Array, noise: Array, count: int, windows: tuple[int, ...]) -> Indices:
    """Return up to ``count`` indices at which the mean jumps most, seen at several scales."""
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

"""The best cut of a curve into stretches, each with a law of its own: one stretch, where one law explains it all.

Which laws, and where they may begin, is proposed from outside; the choice is by dynamic programming over all of them,
on the weighted sum of squares and a price for each parameter, place and law (BIC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

MAX_WIDTH = 128

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
LEVELS = ("levels",)
_CHANGE = 2.0  # price of a place where the law changes, in parameters
_SWITCH = 4.0  # price of another form there, on top of its own: what went on so far is likely to go on


@dataclass(frozen=True)
class Form:
    """A family of laws over a stretch: 1, and any linear combination of one of its sets of columns.

    Columns are named: ``n``; ``n2``, a parabola; ``k``, which rises by steps, and ``k2``, its square; ``s``, the place
    inside a step; ``f`` and ``l``, the first and the last n of each step; ``p``, a pattern; ``K`` and ``S`` as ``k``
    and ``s``, of a second width. The set ``LEVELS`` is a level of its own for each step.
    """

    kind: str
    sets: tuple[tuple[str, ...], ...]
    width: int | None = None
    phase: int | None = None
    outer_width: int | None = None
    outer_phase: int | None = None
    pattern: tuple[float, ...] = ()
    whole_only: bool = False
    price: float = 0.0  # on top of that of the parameters

    def step(self, n: Array) -> npt.NDArray[np.int64]:
        """Return the number of the step that each n is in."""
        assert self.width
        assert self.phase is not None
        return ((n - self.phase - 1) // self.width).astype(np.int64)

    def column(self, name: str, n: Array) -> Array:
        """Return a column at some n, scaled to about the size of ``n``."""
        if name in "kKsSpfl" or name == "k2":
            width, phase = (self.outer_width, self.outer_phase) if name in "KS" else (self.width, self.phase)
            assert width
            assert phase is not None
            place = (n - phase - 1) % width
            if name == "p":
                return np.asarray(self.pattern)[place.astype(np.int64)]
            if name in "sS":
                return place
            if name in "fl":
                return np.asarray(place == (0 if name == "f" else width - 1), dtype=float)
            step = n - phase - 1 - place
            return step**2 if name == "k2" else step
        return n**2 if name == "n2" else n

    def design(self, names: tuple[str, ...], n: Array) -> Array:
        """Return the columns of one set, the constant first; shape (parameters, points)."""
        return np.stack([np.ones_like(n), *(self.column(name, n) for name in names)])


_LOOK = 2 * np.log(MAX_WIDTH**2)  # for having looked at so many widths and phases


def stairs_of(width: int, phase: int, outer_width: int | None = None, outer_phase: int | None = None) -> Form:
    """Return the laws that a period may follow, or one inside a larger one."""
    if outer_width is not None:
        sets: tuple[tuple[str, ...], ...] = (("k", "K"), ("n", "s", "S"))
        return Form("stairs", sets, width, phase, outer_width, outer_phase, price=2 * _LOOK)
    sets = (("k",), ("n", "s"), ("n", "s", "f"), ("n", "s", "l"), ("k", "k2"), LEVELS)
    return Form("stairs", sets, width, phase, price=_LOOK)


FLAT = Form("flat", ((),))
LINE = Form("linear", (("n",),))
PARABOLA = Form("quadratic", (("n", "n2"),), whole_only=True)


@dataclass
class Stretch:
    """Points ``begin`` to ``end`` (exclusive), and the law that was fitted to them."""

    form: Form
    names: tuple[str, ...]
    begin: int
    end: int
    coefficients: Array = field(default_factory=lambda: np.empty(0))
    covariance: Array = field(default_factory=lambda: np.empty((0, 0)))  # in units of the noise
    first_step: int = 0  # the one that the first of ``LEVELS`` is of

    def fitted(self, n: Array, y: Array, weights: Array) -> Stretch:
        """Return it with its law fitted to its points, given all points of the curve."""
        part = slice(self.begin, self.end)
        if self.names == LEVELS:
            step = self.form.step(n[part])
            first = int(step[0])
            total = np.bincount(step - first, weights[part])
            seen = np.flatnonzero(total > 0)
            levels = np.bincount(step - first, weights[part] * y[part])[seen] / total[seen]
            every = np.arange(len(total))
            return replace(
                self,
                coefficients=np.interp(every, seen, levels),
                covariance=np.diag(1 / np.interp(every, seen, total[seen])),
                first_step=first,
            )
        design = self.form.design(self.names, n[part])
        scale = np.maximum(np.abs(design).max(axis=1, keepdims=True), 1e-12)
        columns = (design / scale * np.sqrt(weights[part])).T
        inverse = np.linalg.pinv(columns, rcond=1e-10)
        coefficients = inverse @ (y[part] * np.sqrt(weights[part])) / scale[:, 0]
        return replace(self, coefficients=coefficients, covariance=inverse @ inverse.T / (scale * scale.T))

    def values(self, n: Array) -> Array:
        """Return the law at some n."""
        if self.names == LEVELS:
            return self.coefficients[self._level(n)]
        result: Array = self.coefficients @ self.form.design(self.names, n)
        return result

    def errors(self, n: Array) -> Array:
        """Return the standard errors of the law at some n, in units of the noise."""
        if self.names == LEVELS:
            variance: Array = np.diag(self.covariance)[self._level(n)]
        else:
            design = self.form.design(self.names, n)
            variance = np.maximum(np.einsum("pn,pq,qn->n", design, self.covariance, design), 0)
        return np.sqrt(variance)

    def _level(self, n: Array) -> npt.NDArray[np.int64]:
        return np.clip(self.form.step(n) - self.first_step, 0, len(self.coefficients) - 1)


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
            enough |= np.isin(first, self._alone) & (last == first + 1) & (form.kind == "flat")
        else:
            enough = (last - first >= 6) & (n[last - 1] - n[first] >= form.width)
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
                cost = np.where(n[last - 1] - n[first] >= periods * (form.outer_width or form.width) - 1, cost, np.inf)
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

"""A scan of all widths and phases: the periods that a curve repeats with best.

A staircase of one period is a smooth law plus a multiple of the place s of n in its step. The scan finds, for every
period, by how much that column lowers the sum of squares that the smooth law leaves. The sums behind it are shared:
those of one width take one pass over the points, and those of its phases follow from one another.
"""

from __future__ import annotations

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Period

_PARTS = 4  # quarters of the curve, each also looked at alone


class PeriodScan:
    """The points of a curve folded by every width, ready for several curves over the same n.

    Parameters
    ----------
    n : array, shape (points,)
        Ascending whole numbers.
    """

    def __init__(self, n: Array) -> None:
        self._x = n / n[-1]
        whole = n.astype(np.int64)
        span = int(whole[-1] - whole[0]) + 1
        # On a grid, a width finer than two strides looks like a coarser one.
        narrowest = max(2, 2 * int(np.gcd.reduce(np.diff(whole)))) if len(n) > 1 else 2
        widest = min(thresholds.MAX_WIDTH, span // thresholds.SCANNED_PERIODS)
        self._widths = np.arange(narrowest, widest + 1)
        self._begins = np.concatenate([[0], np.cumsum(self._widths)])
        self._residues = whole[None] % self._widths[:, None] + self._begins[:-1, None]
        self._parts = np.arange(len(n)) * _PARTS // len(n)
        self._by_part = (self._residues + self._parts * self._begins[-1]).ravel()
        # One entry for each width and phase, in this order; residues and phases are both 0 to width − 1.
        self._width_index = np.repeat(np.arange(len(self._widths)), self._widths)
        self._width = self._widths[self._width_index].astype(float)
        self._phase = np.arange(self._begins[-1]) - self._begins[self._width_index]
        self._place = (self._phase - 1) % self._width  # of each residue at phase 0
        self._last_weights, self._last = np.empty(0), (np.empty(0),) * 3

    def likely(self, y: Array, weights: Array, count: int) -> list[Period]:
        """Return the periods, several phases of a width among them, that gain most for the whole curve."""
        if not len(self._widths):
            return []
        first, of_y, whole, _ = self._projections(y, weights)
        gain = self._gain_over_parabola(first.sum(axis=1), of_y.sum(axis=1), whole, y, weights)
        best = np.argsort(-gain, kind="stable")[:count]
        return [Period(int(self._width[i]), int(self._phase[i])) for i in best]

    def stairs(self, y: Array, weights: Array) -> list[Period]:
        """Return the periods that gain most, one phase for each width.

        They are the best of the whole curve, on top of a parabola, with jumps that may grow with n; and those of all
        quarters together, of each half and of the first quarter, on top of a line in each quarter. The latter are not
        misled by cliffs or by changes of the width.
        """
        if not len(self._widths):
            return []
        first, of_y, whole_squared, squared = self._projections(y, weights)
        whole = self._gain_over_parabola(first.sum(axis=1), of_y.sum(axis=1), whole_squared, y, weights)
        parts = [self._gain_over_line(p, first[:2, p], of_y[0, p], squared[p], y, weights) for p in range(_PARTS)]
        half = _PARTS // 2
        gains = whole, sum(parts), sum(parts[:half]), sum(parts[half:]), parts[0]
        wanted = zip(gains, thresholds.SCANNED_BEST, strict=True)
        return list(dict.fromkeys(period for gain, count in wanted for period in self._best(np.asarray(gain), count)))

    def patterns(self, y: Array, weights: Array, count: int) -> list[int]:
        """Return the widths at which a pattern of any shape, on top of a line, repeats best.

        With the best width come all that divide it, for a pattern of its width repeats theirs.
        """
        widths = self._widths[self._widths <= len(self._x) // thresholds.PATTERN_POINTS_PER_PLACE]
        if not len(widths):
            return []
        x = self._x
        y = y - np.average(y, weights=weights)
        residues = self._residues[: len(widths)].ravel()
        moments = (weights, weights * x, weights * y)
        size = self._begins[len(widths)]
        w, wx, wy = (np.bincount(residues, np.tile(m, len(widths)), minlength=size) for m in moments)
        w = np.maximum(w, 1e-300)
        starts = self._begins[: len(widths)]
        total = (weights * x * x).sum(), (weights * x * y).sum(), (weights * y * y).sum()
        folded = (np.add.reduceat(part, starts) for part in (wx * wx / w, wx * wy / w, wy * wy / w))
        xx, xy, yy = (whole - part for whole, part in zip(total, folded, strict=True))
        left = np.maximum(yy - xy**2 / np.maximum(xx, 1e-12), 1e-300) / len(x)
        score = len(x) * np.log(left) + widths * np.log(len(x))  # BIC: one parameter for each place
        best = widths[np.argsort(score)[:count]]
        return [int(w) for w in widths if w >= thresholds.NARROWEST_PATTERN and (w in best or best[0] % w == 0)]

    # ---------------------------------------------------------------- shared sums

    def _projections(self, y: Array, weights: Array) -> tuple[Array, Array, Array, Array]:
        """Return weighted sums over the points of the place s in the step, for every period (the last axis).

        They are: Σ s xᵖ and Σ s xᵖ y, by power p and part; Σ s² xᵖ of the whole, by power; Σ s², by part.

        The place of residue r at phase φ is (r − φ − 1) mod w. From one phase to the next all places fall by one,
        but the first becomes the last. So the sums of all phases follow from those of phase 0.
        """
        powers = self._x[None] ** np.arange(4)[:, None] * weights
        if not np.array_equal(weights, self._last_weights):
            sums, every, passed, first = self._folded(powers)
            by_part = self._squared(*(values[0] for values in (sums, every, passed, first)))
            whole = self._squared(*(values[:3].sum(axis=1) for values in (sums, every, passed, first)))
            self._last_weights, self._last = weights, (first, whole, by_part)
        first, whole, by_part = self._last
        return first, self._folded(powers[:2] * y)[3], whole, by_part

    def _folded(self, moments: Array) -> tuple[Array, Array, Array, Array]:
        """Return four sums: by residue, over the width, over the residues from 1 to φ, and times the place s."""
        size = self._begins[-1]
        sums = np.empty((len(moments), _PARTS, size))
        for i, moment in enumerate(moments):
            tiled = np.tile(moment, len(self._widths))
            sums[i] = np.bincount(self._by_part, tiled, minlength=size * _PARTS).reshape(_PARTS, size)
        every, passed = self._over_width(sums), self._up_to_phase(sums)
        passed -= sums[..., self._begins[:-1]][..., self._width_index]
        first = self._over_width(sums * self._place)
        first -= self._phase * every
        first += self._width * passed
        return sums, every, passed, first

    def _squared(self, sums: Array, every: Array, passed: Array, first: Array) -> Array:
        """Return the sums times the square of the place, from those of ``_folded``."""
        second: Array = self._over_width(sums * self._place**2) + self._phase * every
        second += ((self._width - 1) ** 2 - 1) * passed
        second -= 2 * (self._up_to_phase(first) - first)
        return second

    def _over_width(self, values: Array) -> Array:
        """Return, for each period, the sum over all entries of its width."""
        return np.add.reduceat(values, self._begins[:-1], axis=-1)[..., self._width_index]

    def _up_to_phase(self, values: Array) -> Array:
        """Return, for each period, the sum over the entries of its width from 0 to its phase."""
        total = np.cumsum(values, axis=-1)
        before = total[..., self._begins[:-1] - 1]
        before[..., 0] = 0
        total -= before[..., self._width_index]
        return total

    # ---------------------------------------------------------------- gains

    def _gain_over_parabola(self, first: Array, of_y: Array, squared: Array, y: Array, weights: Array) -> Array:
        """Return by how much the columns s and s·x, or s alone, lower the sum of squares that a parabola leaves."""
        base = self._x[None] ** np.arange(3)[:, None]
        inverse = np.linalg.inv((base * weights) @ base.T + 1e-12 * weights.sum() * np.eye(3))
        coefficients = inverse @ (base @ (weights * y))
        one, two = first[0:3], first[1:4]
        least = 1e-9 * weights.sum()
        a = np.maximum(squared[0] - (one * (inverse @ one)).sum(axis=0), least)
        b = squared[1] - (one * (inverse @ two)).sum(axis=0)
        d = np.maximum(squared[2] - (two * (inverse @ two)).sum(axis=0), least)
        c1, c2 = of_y[0] - coefficients @ one, of_y[1] - coefficients @ two
        determinant = np.maximum(a * d - b * b, 1e-6 * a * d)
        result: Array = np.maximum(c1 * c1 / a, (d * c1 * c1 - 2 * b * c1 * c2 + a * c2 * c2) / determinant)
        return result

    def _gain_over_line(self, part: int, first: Array, of_y: Array, squared: Array, y: Array, weights: Array) -> Array:
        """Return by how much the column s lowers the sum of squares that a line leaves of one part of the curve."""
        inside = self._parts == part
        moments = np.array([(weights * self._x**power)[inside].sum() for power in range(3)])
        inverse = np.linalg.inv([[moments[0] + 1e-12 * weights.sum(), moments[1]], [moments[1], moments[2]]])
        base = np.stack([np.ones(inside.sum()), self._x[inside]])
        line = inverse @ (base @ (weights * y)[inside])
        off = of_y - line @ first
        left = squared - (first * (inverse @ first)).sum(axis=0)
        return np.where(left > 1e-9 * moments[0], off**2 / np.maximum(left, 1e-300), 0)

    def _best(self, gain: Array, count: int) -> list[Period]:
        """Return the best phase of each of the best widths."""
        best = np.maximum.reduceat(gain, self._begins[:-1])
        found = []
        for i in np.argsort(-best)[:count]:
            of_width = gain[self._begins[i] : self._begins[i + 1]]
            # Of phases that the points cannot tell apart, the first: its steps end at the points, not after them.
            phase = int(np.argmax(of_width >= of_width.max() * (1 - 1e-9)))
            found.append(Period(int(self._widths[i]), phase))
        return found

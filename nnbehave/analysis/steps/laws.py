"""The laws that a curve may follow for a stretch, and how they are fitted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MAX_WIDTH = 128
LEVELS = ("levels",)


@dataclass(frozen=True)
class Form:
    """A family of laws over a stretch: 1, and any linear combination of one of its sets of columns.

    Columns are named: ``n``; ``n2``, a parabola; ``k``, which rises by steps, and ``k2``, its square; ``s``, the place
    inside a step; ``f`` and ``l``, the first and the last n of each step; ``p``, a pattern, and ``g``, another that
    grows with n; ``K`` and ``S`` as ``k`` and ``s``, of a second width. The set ``LEVELS`` is a level of its own for
    each step.
    """

    kind: str
    sets: tuple[tuple[str, ...], ...]
    width: int | None = None
    phase: int | None = None
    outer_width: int | None = None
    outer_phase: int | None = None
    pattern: tuple[float, ...] = ()
    growth: tuple[float, ...] = ()
    whole_only: bool = False
    price: float = 0.0  # on top of that of the parameters

    def step(self, n: Array) -> npt.NDArray[np.int64]:
        """Return the number of the step that each n is in."""
        assert self.width
        assert self.phase is not None
        return ((n - self.phase - 1) // self.width).astype(np.int64)

    def begins(self, n: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return at which n a step begins, of either width: the two need not begin together."""
        assert self.width
        assert self.phase is not None
        result: npt.NDArray[np.bool_] = (n - self.phase - 1) % self.width == 0
        if self.outer_width and self.outer_phase is not None:
            result |= (n - self.outer_phase - 1) % self.outer_width == 0
        return result

    def column(self, name: str, n: Array) -> Array:
        """Return a column at some n, scaled to about the size of ``n``."""
        if name in "kKsSpgfl" or name == "k2":
            width, phase = (self.outer_width, self.outer_phase) if name in "KS" else (self.width, self.phase)
            assert width
            assert phase is not None
            place = (n - phase - 1) % width
            if name == "p":
                return np.asarray(self.pattern)[place.astype(np.int64)]
            if name == "g":
                return np.asarray(self.growth)[place.astype(np.int64)] * n
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


LOOK = 2 * np.log(MAX_WIDTH**2)  # for having looked at so many widths and phases


def stairs_of(width: int, phase: int, outer_width: int | None = None, outer_phase: int | None = None) -> Form:
    """Return the laws that a period may follow, or one inside a larger one."""
    if outer_width is not None:
        sets: tuple[tuple[str, ...], ...] = (("k", "K"), ("n", "s", "S"))
        return Form("stairs", sets, width, phase, outer_width, outer_phase, price=2 * LOOK)
    sets = (("k",), ("n", "s"), ("n", "s", "f"), ("n", "s", "l"), ("k", "k2"), LEVELS)
    return Form("stairs", sets, width, phase, price=LOOK)


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
    covariance: Array = field(default_factory=lambda: np.empty((0, 0)))  # in units of the noise; of levels, variances
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
                covariance=1 / np.interp(every, seen, total[seen]),
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
            variance: Array = self.covariance[self._level(n)]
        else:
            design = self.form.design(self.names, n)
            variance = np.maximum(np.einsum("pn,pq,qn->n", design, self.covariance, design), 0)
        return np.sqrt(variance)

    def _level(self, n: Array) -> npt.NDArray[np.int64]:
        return np.clip(self.form.step(n) - self.first_step, 0, len(self.coefficients) - 1)

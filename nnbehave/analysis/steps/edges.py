"""Where steps begin, the jump that the law has there, and what the points beside each say about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Flags, Indices
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.laws import PeriodicLaw
from nnbehave.analysis.steps.pieces import bounds_of, law_at
from nnbehave.analysis.steps.piecewise_law import Piece
from nnbehave.analysis.steps.stretch import Stretch


@dataclass(frozen=True)
class Edges:
    """The edges of a curve, by ascending n.

    Attributes
    ----------
    n : array of int, shape (edges,)
        The n at which a step begins.
    is_periodic : array of bool, shape (edges,)
        True where the period of a stretch has the edge; False for a boundary of stretches elsewhere.
    jump : array, shape (edges,)
        The law at n less the law at n − 1, in the unit of the curve.
    seen : array, shape (edges,)
        The jump that the points show: the law's, corrected by the mean residual of the step after it less that of
        the step before it.
    error : array, shape (edges,)
        Standard error of ``seen``.
    """

    n: Indices
    is_periodic: Flags
    jump: Array
    seen: Array
    error: Array

    def usual_jump(self) -> Array:
        """Return the size of the jumps around each edge of a period; 0 for other edges."""
        from scipy.ndimage import percentile_filter  # it takes a third of a second to load, and only maps need it

        result = np.zeros(len(self.n))
        if self.is_periodic.any():
            result[self.is_periodic] = percentile_filter(
                np.abs(self.jump[self.is_periodic]),
                thresholds.USUAL_JUMP_PERCENTILE,
                size=thresholds.USUAL_JUMP_WINDOW,
                mode="reflect",
            )
        return result

    def where(self, chosen: Flags) -> Edges:
        """Return some of the edges."""
        return Edges(self.n[chosen], self.is_periodic[chosen], self.jump[chosen], self.seen[chosen], self.error[chosen])

    def is_contradicted(self) -> Flags:
        """Return True for each jump that the points deny. A jump much smaller than is usual counts as none."""
        size = np.abs(self.jump)
        usual = self.usual_jump()
        expected = np.maximum(size, usual)
        seen = self.seen * np.sign(self.jump)
        least = np.maximum(thresholds.JUMP_SEEN_SHARE * size, thresholds.MUCH_SMALLER * usual)
        is_resolvable = expected > thresholds.RESOLVABLE_SIGMAS * self.error
        is_less = expected - seen > thresholds.CLEAR_SIGMAS * self.error
        result: Flags = (seen <= least) & is_resolvable & is_less
        return result

    def is_slight(self) -> Flags:
        """Return True for each edge at which the law has much less of a jump than is usual."""
        result: Flags = np.abs(self.jump) < thresholds.MUCH_SMALLER * self.usual_jump()
        return result

    def evidence(self) -> tuple[str, ...]:
        """Return ``observed``, ``inferred`` or ``contradicted`` for each edge."""
        is_clear = (np.abs(self.seen) > thresholds.CLEAR_SIGMAS * self.error) & (self.seen * self.jump > 0)
        words = np.where(self.is_contradicted(), "contradicted", np.where(is_clear, "observed", "inferred"))
        return tuple(words.tolist())


def find_edges(fit: CurveFit, stretches: list[Stretch], pieces: list[Piece]) -> Edges:
    """Return the edges of a law: those of the periods, and the boundaries of stretches where it jumps clearly."""
    curve, bounds = fit.curve, bounds_of(fit, stretches)
    on_grid: set[int] = set()
    for stretch, first, end in zip(stretches, bounds[:-1], bounds[1:], strict=True):
        if isinstance(stretch.law, PeriodicLaw):
            on_grid |= set(stretch.law.edges(first, end - 1).tolist())
    on_grid.discard(int(curve.n[0]))
    n = np.array(sorted(on_grid | set(bounds[1:-1].tolist())), dtype=np.int64)
    if not len(n):
        return Edges(n, np.empty(0, dtype=bool), np.empty(0), np.empty(0), np.empty(0))
    jump = law_at(pieces, n) - law_at(pieces, n - 1)
    step = np.searchsorted(n, curve.n, side="right")
    weights = fit.weights / fit.noise**2
    total = np.maximum(np.bincount(step, weights, minlength=len(n) + 1), 1e-300)
    residual = weights * (fit.clean - law_at(pieces, curve.n.astype(np.int64)))
    off = np.bincount(step, residual, minlength=len(n) + 1) / total
    error = np.sqrt(1 / total[1:] + 1 / total[:-1])
    is_periodic = np.isin(n, list(on_grid))
    least = np.maximum(thresholds.CLEAR_SIGMAS * error, 0.5 * thresholds.TOLERATED * np.abs(law_at(pieces, n)))
    edges = Edges(n, is_periodic, jump, jump + np.diff(off), error)
    return edges.where(is_periodic | (np.abs(jump) > least))

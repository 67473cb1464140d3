"""The law of a curve as a step map keeps it: polynomials, each from one n to the next."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnbehave.analysis.steps.laws import LEVELS, Stretch
from nnbehave.analysis.steps.step_map import Piece

if TYPE_CHECKING:
    from nnbehave.analysis.steps.detection import Curve

Array = npt.NDArray[np.float64]

_CLEAR = 3.0  # standard errors


def pieces_of(curve: Curve, stretches: list[Stretch]) -> list[Piece]:
    """Return the law piece by piece."""
    pieces: list[Piece] = []
    bounds = bounds_of(curve, stretches)
    for stretch, first, last in zip(stretches, bounds[:-1], bounds[1:] - 1, strict=True):
        begins = _breaks(stretch, first, last)
        at = begins.astype(float)
        values = stretch.values(at)
        errors = curve.noise * stretch.errors((at + np.append(at[1:] - 1, last)) / 2)
        slope, bend = 0.0, 0.0
        if stretch.form.kind != "pattern" and stretch.names != LEVELS:
            by_name = dict(zip(stretch.names, stretch.coefficients[1:], strict=True))
            slope = float(sum(by_name.get(name, 0.0) for name in ("n", "s", "S")))
            bend = float(by_name.get("n2", 0.0))
        for begin, value, error in zip(begins.tolist(), values.tolist(), errors.tolist(), strict=True):
            law: tuple[float, ...] = (value,)
            if bend:
                law = value, slope + 2 * bend * begin, bend
            elif slope:
                law = value, slope
            pieces.append(Piece(begin, law, error))
    return pieces


def bounds_of(curve: Curve, stretches: list[Stretch]) -> npt.NDArray[np.int64]:
    """Return the n at which each stretch begins, and one past the last: between two points it is the middle."""
    n = curve.n.astype(np.int64)
    bounds = [n[0]]
    for left, right in pairwise(stretches):
        before, after = n[right.begin - 1], n[right.begin]
        bound = (before + after + 1) // 2
        for form in (left.form, right.form):
            if form.width and form.phase is not None:  # where a step begins in between, it is there
                edge = after - (after - form.phase - 1) % form.width
                bound = edge if edge > before else bound
        bounds.append(bound)
    return np.array([*bounds, n[-1] + 1])


def _breaks(stretch: Stretch, first: int, last: int) -> npt.NDArray[np.int64]:
    """Return the n at which a piece of a stretch begins."""
    form = stretch.form
    if form.width is None or form.phase is None:
        return np.array([first], dtype=np.int64)
    every = np.arange(first, last + 1)
    if form.kind == "pattern":
        return every
    place = (every - form.phase - 1) % form.width
    begins = form.begins(every)
    begins |= ("f" in stretch.names) & (place == 1)
    begins |= ("l" in stretch.names) & (place == form.width - 1)
    begins[0] = True
    result: npt.NDArray[np.int64] = every[begins]
    return result


def merged(pieces: list[Piece], no_edges: npt.NDArray[np.int64]) -> list[Piece]:
    """Give steps that no jump parts one level: the noise between them would make each worth keeping."""
    result = pieces[:1]
    for piece in pieces[1:]:
        before = result[-1]
        if piece.begin in no_edges and len(piece.coefficients) == len(before.coefficients) == 1:
            weights = 1 / np.square([before.std_error_ms, piece.std_error_ms])
            level = float(np.average([before.coefficients[0], piece.coefficients[0]], weights=weights))
            result[-1] = Piece(before.begin, (level,), float(weights.sum() ** -0.5))
        else:
            result.append(piece)
    return result


def law_at(pieces: list[Piece], n: npt.NDArray[np.int64]) -> Array:
    """Return the law at some n, in the unit of the pieces."""
    at = np.searchsorted([piece.begin for piece in pieces], n, side="right") - 1
    coefficients = np.array([(*piece.coefficients, 0.0, 0.0)[:3] for piece in pieces])[at]
    inside = n - np.array([piece.begin for piece in pieces])[at]
    result: Array = coefficients[:, 0] + coefficients[:, 1] * inside + coefficients[:, 2] * inside**2
    return result


def with_exceptions(pieces: list[Piece], curve: Curve) -> list[Piece]:
    """Give points that their law does not explain a piece of their own, between the law and what was measured.

    Where the points of a curve leave its law by more than the standard errors that they were given, what they leave
    it by is real: its variance among all points, and that of each one's error, say how much of it to believe (the
    shrinkage of empirical Bayes). Where the law explains the points, nothing changes.
    """
    if curve.given is None:
        return pieces
    law = law_at(pieces, curve.n.astype(np.int64))
    off = curve.y / law - 1
    variance = np.square(curve.given * curve.sigma)
    count = len(off) - int(curve.outlying.sum())
    excess = float(np.sum(np.square(off[~curve.outlying])) / count / np.mean(variance)) - 1
    if excess < _CLEAR * (2 / count) ** 0.5:
        return pieces
    real = excess * float(np.mean(variance))
    believed = real / (real + variance)
    begins = [piece.begin for piece in pieces]
    result = {piece.begin: piece for piece in pieces}
    last = int(curve.n[-1])
    for i in np.flatnonzero(np.square(off) > _CLEAR**2 * variance):
        n, latency = int(curve.n[i]), float(law[i])
        inside = bisect_right(begins, n) - 1
        end = begins[inside + 1] if inside + 1 < len(begins) else last + 1
        if n + 1 < end:
            result.setdefault(n + 1, _from(pieces[inside], n + 1))
        error = latency * float(believed[i] * variance[i]) ** 0.5
        result[n] = Piece(n, (latency * float(1 + believed[i] * off[i]),), error)
    return [result[begin] for begin in sorted(result)]


def _from(piece: Piece, n: int) -> Piece:
    """Return the part of a piece from an n on."""
    value, slope, bend = (*piece.coefficients, 0.0, 0.0)[:3]
    by = n - piece.begin
    law = (value + slope * by + bend * by**2, slope + 2 * bend * by, bend)
    return Piece(n, law[: len(piece.coefficients)], piece.std_error_ms)

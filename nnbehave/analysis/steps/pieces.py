"""The law of a curve as a step map keeps it: polynomials, each from one n to the next."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Indices
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.piecewise_law import Piece
from nnbehave.analysis.steps.stretch import Stretch


def pieces_of(fit: CurveFit, stretches: list[Stretch]) -> list[Piece]:
    """Return the law piece by piece, in the unit of the curve."""
    pieces: list[Piece] = []
    bounds = bounds_of(fit, stretches)
    for stretch, first, last in zip(stretches, bounds[:-1], bounds[1:] - 1, strict=True):
        begins = stretch.law.breaks(first, last)
        at = begins.astype(float)
        values = stretch.values(at)
        middles = (at + np.append(at[1:] - 1, last)) / 2
        errors = fit.noise * stretch.fit.errors(middles)
        slope, bend = stretch.fit.slope_and_bend()
        for begin, value, error in zip(begins.tolist(), values.tolist(), errors.tolist(), strict=True):
            law: tuple[float, ...] = (value,)
            if bend:
                law = value, slope + 2 * bend * begin, bend
            elif slope:
                law = value, slope
            pieces.append(Piece(begin, law, error))
    return pieces


def bounds_of(fit: CurveFit, stretches: list[Stretch]) -> Indices:
    """Return the n at which each stretch begins, and one past the last n.

    Between two measured points it is where a step begins, if one of the two laws has a step there; else the middle.
    """
    n = fit.curve.n.astype(np.int64)
    bounds = [n[0]]
    for left, right in pairwise(stretches):
        before, after = n[right.begin - 1], n[right.begin]
        bound = (before + after + 1) // 2
        for period in (left.family.period, right.family.period):
            if period:
                edge = after - (after - period.phase - 1) % period.width
                bound = edge if edge > before else bound
        bounds.append(bound)
    return np.array([*bounds, n[-1] + 1])


def merged(pieces: list[Piece], no_edges: Indices) -> list[Piece]:
    """Return the pieces with one level for steps that no jump parts.

    Left apart, the noise between their levels would make the end of each one worth keeping.

    Parameters
    ----------
    pieces : list of Piece
    no_edges : array of int
        The n of edges that are not there.
    """
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


def law_at(pieces: list[Piece], n: Indices) -> Array:
    """Return the law at some n, in the unit of the pieces."""
    at = np.searchsorted([piece.begin for piece in pieces], n, side="right") - 1
    coefficients = np.array([(*piece.coefficients, 0.0, 0.0)[:3] for piece in pieces])[at]
    inside = n - np.array([piece.begin for piece in pieces])[at]
    result: Array = coefficients[:, 0] + coefficients[:, 1] * inside + coefficients[:, 2] * inside**2
    return result


def with_exceptions(pieces: list[Piece], fit: CurveFit) -> list[Piece]:
    """Return the pieces, and a piece of its own for each point that its law does not explain.

    Where the points leave the law by more than their given errors, the excess is real. Each such point gets a latency
    between the law and the measurement: the excess variance over the whole variance says how much of its deviation to
    believe (empirical Bayes shrinkage; Efron and Morris, JASA 1973). Where the law explains the points, or no
    errors were given, nothing changes.
    """
    curve = fit.curve
    if curve.given_error is None:
        return pieces
    law = law_at(pieces, curve.n.astype(np.int64))
    off = curve.y / law - 1
    variance = np.square(curve.given_error * curve.sigma)
    count = len(off) - int(fit.is_outlier.sum())
    excess = float(np.sum(np.square(off[~fit.is_outlier])) / count / np.mean(variance)) - 1
    if excess < thresholds.CLEAR_SIGMAS * (2 / count) ** 0.5:
        return pieces
    real = excess * float(np.mean(variance))
    believed = real / (real + variance)
    begins = [piece.begin for piece in pieces]
    result = {piece.begin: piece for piece in pieces}
    last = int(curve.n[-1])
    for i in np.flatnonzero(np.square(off) > thresholds.CLEAR_SIGMAS**2 * variance):
        n, latency = int(curve.n[i]), float(law[i])
        inside = bisect_right(begins, n) - 1
        end = begins[inside + 1] if inside + 1 < len(begins) else last + 1
        if n + 1 < end:
            result.setdefault(n + 1, _rest_of(pieces[inside], n + 1))
        error = latency * float(believed[i] * variance[i]) ** 0.5
        result[n] = Piece(n, (latency * float(1 + believed[i] * off[i]),), error)
    return [result[begin] for begin in sorted(result)]


def _rest_of(piece: Piece, n: int) -> Piece:
    """Return the part of a piece from an n on."""
    value, slope, bend = (*piece.coefficients, 0.0, 0.0)[:3]
    by = n - piece.begin
    law = (value + slope * by + bend * by**2, slope + 2 * bend * by, bend)
    return Piece(n, law[: len(piece.coefficients)], piece.std_error_ms)

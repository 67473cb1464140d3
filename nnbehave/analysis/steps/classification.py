"""The kind of a curve, from the laws that explain it best; or the reason why no kind explains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.curve import MAD_TO_SIGMA
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.edges import Edges, find_edges
from nnbehave.analysis.steps.families import LINEAR, Family, staircases
from nnbehave.analysis.steps.fitting import LinearFit
from nnbehave.analysis.steps.laws import GrowingPattern, Levels, Linear, Quadratic, SlopedStaircase
from nnbehave.analysis.steps.pieces import law_at, merged, pieces_of
from nnbehave.analysis.steps.piecewise_law import Piece
from nnbehave.analysis.steps.segmentation import Segment
from nnbehave.analysis.steps.step_map import PERIODIC_KINDS, SMOOTH_KINDS
from nnbehave.analysis.steps.stretch import Stretch


@dataclass(frozen=True)
class Classification:
    """The kind of a curve, and its law and edges in the unit of the curve.

    Attributes
    ----------
    kind : str
        The nearest kind: one of those of a step map but ``unexplained``, or ``a line`` that bends.
    why_not : str
        Why that kind does not explain the points; empty where it does.
    main : Family or None
        The family whose period names a periodic kind.
    found : Family or None
        The family that most points were fitted with. Its width may divide that of ``main``.
    step_share : float or None
        What the jumps make of the rise over a width, for steps.
    edges : Edges
    pieces : list of Piece
    """

    kind: str
    why_not: str
    main: Family | None
    found: Family | None
    step_share: float | None
    edges: Edges
    pieces: list[Piece]


@dataclass(frozen=True)
class _Nearest:
    """The kind that a curve is nearest to."""

    kind: str
    step_share: float | None = None
    why_not: str = ""


def classify(fit: CurveFit) -> Classification:
    """Return the kind of a curve whose laws are known."""
    found = main_family(fit)
    stretches = _simplified(fit) if found is None else fit.stretches
    pieces = pieces_of(fit, stretches)
    edges = find_edges(fit, stretches, pieces)
    nearest = _nearest_kind(fit, stretches, found, edges, pieces)
    kind, main = nearest.kind, found
    is_missing = edges.is_contradicted()
    pieces = merged(pieces, edges.n[is_missing & edges.is_slight()])
    many = thresholds.MISSING_EDGES * max(thresholds.MISSING_EDGES_OF, len(edges.n))
    if main is not None and kind != "zigzag" and is_missing.sum() > many:
        edges = edges.where(~is_missing)
        main = _coarser(main, edges)
        kind = "staircase" if main else "irregular"
    elif kind == "irregular":
        edges = edges.where(~is_missing)
    why_not = nearest.why_not or _misfit(fit, edges)
    if kind in SMOOTH_KINDS and not why_not:
        edges = edges.where(np.zeros(len(edges.n), dtype=bool))
    main = main if kind in PERIODIC_KINDS else None
    return Classification(kind, why_not, main, found, nearest.step_share, edges, pieces)


def main_family(fit: CurveFit) -> Family | None:
    """Return the family of the period that most points follow, if they are most of the curve.

    Of several families with that period, the one of the longest stretch is returned.
    """
    points: dict[Period, int] = {}
    longest: dict[Period, Stretch] = {}
    for stretch in fit.stretches:
        if period := stretch.family.period:
            points[period] = points.get(period, 0) + stretch.size
            if period not in longest or stretch.size > longest[period].size:
                longest[period] = stretch
    if not points:
        return None
    best = max(points, key=lambda period: points[period])
    return longest[best].family if points[best] >= thresholds.MAIN_SHARE * len(fit.curve.n) else None


def _coarser(main: Family, edges: Edges) -> Family | None:
    """Return the steps of a multiple of the width that the edges keep to, those in the first step apart."""
    assert main.period is not None
    for times in thresholds.COARSER_WIDTHS:
        width = times * main.period.width
        period = Period(width, int(edges.n[-1] - 1) % width if len(edges.n) else 0)
        is_on_grid = period.begins(edges.n)
        first = edges.n[is_on_grid].min(initial=int(edges.n[-1]))
        wanted = (int(edges.n[-1]) - first) // width + 1
        is_whole = is_on_grid.sum() == wanted >= thresholds.COARSER_EDGES
        if first - edges.n[0] <= width and is_whole and is_on_grid[edges.n >= first].all():
            return staircases(period)
    return None


def _simplified(fit: CurveFit) -> list[Stretch]:
    """Return the stretches, with a line for a parabola whose bend is too slight to matter."""
    if len(fit.stretches) == 1 and isinstance(fit.stretches[0].law, Quadratic):
        (stretch,) = fit.stretches
        segment = Segment(LINEAR, LINEAR.laws[0], stretch.begin, stretch.end)
        line = Stretch.of(segment, fit.curve.n, fit.clean, fit.weights)
        if np.max(np.abs(line.values(fit.curve.n) / fit.law_at_points - 1)) < thresholds.TOLERATED:
            return [line]
    return fit.stretches


def _nearest_kind(
    fit: CurveFit, stretches: list[Stretch], main: Family | None, edges: Edges, pieces: list[Piece]
) -> _Nearest:
    """Return the kind that the main period gives if the curve keeps to it, else the kind that the stretches give."""
    if main is not None:
        if _keeps_to(fit, stretches, main, edges):
            return _periodic_kind(fit, stretches, main)
    elif len(stretches) == 1:
        law = stretches[0].values(fit.curve.n)
        is_level = isinstance(stretches[0].law, Linear) and np.ptp(law) < thresholds.NO_RISE * law.mean()
        return _Nearest("flat" if is_level else stretches[0].law.kind)
    if len(stretches) > len(fit.curve.n) / thresholds.POINTS_PER_STRETCH:
        return _Nearest("irregular", None, f"there would be {len(stretches)} stretches to {len(fit.curve.n)} points")
    few = len(edges.n) < max(1, thresholds.BOUNDARIES_WITH_JUMPS * (len(stretches) - 1))
    if few or _jump_share(fit, edges, pieces) < thresholds.JUMP_SHARE:
        bends = [int(fit.curve.n[stretch.begin]) for stretch in stretches[1:]]
        return _Nearest("a line", None, f"it bends at {', '.join(map(str, bends[:5]))}" + (" …" if bends[5:] else ""))
    return _Nearest("irregular")


def _keeps_to(fit: CurveFit, stretches: list[Stretch], main: Family, edges: Edges) -> bool:
    """Return True if the curve keeps to a period but for its first step and a few other edges."""
    assert main.period is not None
    head = fit.curve.n[0] + main.period.width
    others = [each for each in stretches if each.family.period and each.family.period != main.period]
    is_late = any(fit.curve.n[other.end - 1] > head for other in others)
    strays = int((~edges.is_periodic & (edges.n > head)).sum())
    periodic = int(edges.is_periodic.sum())
    few = periodic < (thresholds.EDGES_AT_PHASE_0 if main.period.phase == 0 else thresholds.EDGES_AT_A_PHASE)
    return not (is_late or few or strays > thresholds.OTHER_EDGES * periodic)


def _jump_share(fit: CurveFit, edges: Edges, pieces: list[Piece]) -> float:
    """Return what the jumps make of all that the law rises and falls."""
    law = law_at(pieces, np.arange(int(fit.curve.n[0]), int(fit.curve.n[-1]) + 1))
    return float(np.abs(edges.jump).sum() / max(np.abs(np.diff(law)).sum(), 1e-300))


def _periodic_kind(fit: CurveFit, stretches: list[Stretch], main: Family) -> _Nearest:
    """Return the kind of a curve with a main period, by what the law does over one period."""
    assert main.period is not None
    stretch = max((each for each in stretches if each.family.period == main.period), key=lambda each: each.size)
    if isinstance(stretch.law, Levels):
        return _Nearest("staircase", 1.0)
    period = main.outer or main.period
    # A growing pattern is judged where it has grown most; other laws are the same everywhere.
    is_growing = isinstance(stretch.law, GrowingPattern)
    where = fit.curve.n[stretch.end - 1] - period.width if is_growing else fit.curve.n[stretch.begin]
    begin = np.floor((where - period.phase - 1) / period.width) * period.width + period.phase + 1
    n = begin + np.arange(period.width + 1.0)
    changes = np.diff(stretch.values(n))
    ups, downs = changes[changes > 0].sum(), -changes[changes < 0].sum()
    if min(ups, downs) > thresholds.ZIGZAG * max(ups, downs) and not _may_be_level(fit, stretch):
        return _Nearest("zigzag")
    rise = changes.sum()
    at_edges = changes[main.period.begins(n[1:])].sum()
    share = float(np.clip(at_edges / rise, 0, 1)) if rise else 1.0
    if share < 1 - thresholds.STEP_SHARE and isinstance(stretch.law, SlopedStaircase):
        return _Nearest("linear", share)
    return _Nearest("staircase" if share > thresholds.STEP_SHARE else "sloped-staircase", share)


def _may_be_level(fit: CurveFit, stretch: Stretch) -> bool:
    """Return True if the slope inside the steps of a sloped staircase is within its error."""
    if not isinstance(stretch.law, SlopedStaircase):
        return False
    assert isinstance(stretch.fit, LinearFit)
    slope, variance = stretch.fit.coefficients[1:].sum(), stretch.fit.covariance[1:, 1:].sum()
    return bool(abs(slope) < thresholds.CLEAR_SIGMAS * fit.noise * variance**0.5)


def _misfit(fit: CurveFit, edges: Edges) -> str:
    """Return why the law does not explain the points; empty where it does."""
    curve, kept = fit.curve, ~fit.is_outlier
    residuals = (fit.clean / fit.law_at_points - 1)[kept]
    spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals)))
    given = curve.given_error
    noise = fit.noise if given is None else max(given, min(fit.noise, thresholds.GIVEN_ERROR_EXCESS * given))
    jump = float(np.median(np.abs(edges.jump / fit.law_at_points.mean()))) if len(edges.n) else 0.0
    limit = max(thresholds.MISFIT_NOISES * noise, thresholds.TOLERATED, thresholds.MISFIT_JUMPS * jump)
    if spread > limit:
        return f"the points lie {spread:.1%} off it, where {noise:.1%} would be noise"
    if (share := float(fit.is_outlier.mean())) > thresholds.TOO_MANY_OUTLIERS:
        return f"{share:.0%} of the points are far off it"
    clipped = np.clip(residuals / curve.sigma[kept] / fit.noise, -thresholds.CLEAR_SIGMAS, thresholds.CLEAR_SIGMAS)
    clipped -= clipped.mean()
    correlation = float(np.mean(clipped[1:] * clipped[:-1])) / max(1e-12, float(np.mean(clipped**2)))
    if correlation * len(clipped) ** 0.5 > thresholds.CORRELATION_SIGMAS and spread > thresholds.TOLERATED:
        return "neighbouring points leave it in the same direction"
    return ""

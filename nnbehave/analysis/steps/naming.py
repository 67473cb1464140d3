"""From the laws that explain a curve best to a finding: its kind, its edges with their evidence, and the doubts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import percentile_filter

from nnbehave.analysis.steps.laws import LEVELS, LINE, MAX_WIDTH, Form, Stretch
from nnbehave.analysis.steps.pieces import bounds_of, law_at, merged, pieces_of, with_exceptions
from nnbehave.analysis.steps.step_map import Piece, StepMap

if TYPE_CHECKING:
    from nnbehave.analysis.steps.detection import Curve

Array = npt.NDArray[np.float64]

_TOLERATED = 0.015  # relative spread around a law, or bend of a line, that needs no other explanation
_NO_RISE = 0.01  # over the whole curve: as good as flat
_STEP_SHARE = 0.88  # of a rise over one width: above it the slope is none, below 1 − it the steps are none
_MOSTLY = 0.6  # of the points must follow a period for it to name the kind
_OTHER_EDGES = 0.25  # of those of the period; more of them, after the first step, are not exceptions
_JUMPS = 0.2  # of all that a curve in steps of many widths rises and falls is in its jumps
_MUCH_SMALLER = 0.25
_MISSING = 0.25  # of the edges of a period may be contradicted by the points
_CLEAR = 3.0  # standard errors
_ZIGZAG = 0.1  # of what a law rises within a period must it fall, or the other way round

UNEXPLAINED = StepMap("unexplained", None, None, None, None, None, (), (), (), 0.0, None, "", (), ())


@dataclass
class _Edges:
    """Where steps begin: on the grid of a period or not, the jump that the law has there, and what the points say."""

    n: npt.NDArray[np.int64]
    periodic: npt.NDArray[np.bool_]
    jump: Array
    seen: Array
    error: Array

    def usual(self) -> Array:
        """Return the jump that the edges around each make an edge on the grid of a period expect."""
        result = np.zeros(len(self.n))
        if self.periodic.any():
            result[self.periodic] = percentile_filter(np.abs(self.jump[self.periodic]), 60, size=15, mode="reflect")
        return result

    def where(self, chosen: npt.NDArray[np.bool_]) -> _Edges:
        return _Edges(*(values[chosen] for values in vars(self).values()))

    def missing(self) -> npt.NDArray[np.bool_]:
        """Return which jumps the points deny: one much smaller than is usual counts as not there."""
        expected = np.maximum(np.abs(self.jump), self.usual())
        seen = self.seen * np.sign(self.jump)
        there = seen > np.maximum(0.5 * np.abs(self.jump), _MUCH_SMALLER * self.usual())
        result: npt.NDArray[np.bool_] = ~there & (expected > 4 * self.error) & (expected - seen > 3 * self.error)
        return result

    def evidence(self) -> tuple[str, ...]:
        clear = (np.abs(self.seen) > 3 * self.error) & (self.seen * self.jump > 0)
        words = np.where(self.missing(), "contradicted", np.where(clear, "observed", "inferred"))
        return tuple(words.tolist())


def named(curve: Curve, unit: float, measured: tuple[tuple[int, float], ...]) -> StepMap:
    """Return the finding about a curve whose stretches are known, in its own unit."""
    main = found = main_form(curve)
    stretches = _simplified(curve) if main is None else curve.stretches
    pieces = pieces_of(curve, stretches)
    edges = _edges(curve, stretches, pieces)
    kind, share, why_not = _kind(curve, stretches, main, edges, pieces)
    missing = edges.missing()
    pieces = merged(pieces, edges.n[missing & (np.abs(edges.jump) < _MUCH_SMALLER * edges.usual())])
    if main is not None and kind != "zigzag" and missing.sum() > _MISSING * max(6, len(edges.n)):
        main = _coarser(main, edges.where(~missing))
        kind, edges = "staircase" if main else "irregular", edges.where(~missing)
    elif kind == "irregular":
        edges = edges.where(~missing)
    if kind not in ("staircase", "sloped-staircase", "zigzag"):
        main = None
    why_not = why_not or _misfit(curve, edges)
    smallest = _smallest_jump(curve)
    if why_not:
        reason = f"the nearest law is {kind}, but {why_not}"
        return replace(UNEXPLAINED, reason=reason, smallest_jump=smallest, measured=measured)
    reason = ""
    if kind in ("flat", "linear", "quadratic"):
        reason = f"repeated jumps under {max(smallest, 1e-3):.1%} of the latency would not have been seen"
        edges = edges.where(np.zeros(len(edges.n), dtype=bool))
    levels = law_at(pieces, np.array([curve.n[0], *edges.n]))
    if len(edges.n):
        pieces = with_exceptions(pieces, curve)
    return StepMap(
        kind,
        main.width if main else None,
        main.phase if main else None,
        main.outer_width if main else None,
        _width_interval(curve, main) if main else None,
        share if main else None,
        tuple(edges.n.tolist()),
        edges.evidence(),
        tuple((levels * unit).tolist()),
        _confidence(curve, kind, main, found, edges),
        smallest,
        reason,
        tuple(Piece(b, tuple(c * unit for c in law), e * unit) for b, law, e in pieces),
        measured,
    )


# ---------------------------------------------------------------------- kind


def main_form(curve: Curve) -> Form | None:
    """Return the form of the period that most points follow, if that is most of the curve."""
    points: dict[tuple[int, int], int] = {}
    largest: dict[tuple[int, int], Stretch] = {}
    for stretch in curve.stretches:
        form = stretch.form
        if form.width is not None and form.phase is not None:
            key = form.width, form.phase
            points[key] = points.get(key, 0) + stretch.end - stretch.begin
            if key not in largest or stretch.end - stretch.begin > largest[key].end - largest[key].begin:
                largest[key] = stretch
    if not points:
        return None
    best = max(points, key=lambda key: points[key])
    return largest[best].form if points[best] >= _MOSTLY * len(curve.n) else None


def _coarser(main: Form, edges: _Edges) -> Form | None:
    """Return the multiple of a width that the edges there are all keep to, but for some in the first step."""
    assert main.width is not None
    for times in (2, 3, 4):
        width = times * main.width
        phase = int(edges.n[-1] - 1) % width if len(edges.n) else 0
        on_grid = (edges.n - phase - 1) % width == 0
        first = edges.n[on_grid].min(initial=int(edges.n[-1]))
        wanted = (int(edges.n[-1]) - first) // width + 1
        if first - edges.n[0] <= width and on_grid.sum() == wanted >= 3 and on_grid[edges.n >= first].all():
            return replace(main, width=width, phase=phase, outer_width=None, outer_phase=None)
    return None


def _simplified(curve: Curve) -> list[Stretch]:
    """Return the one stretch of a curve as a simpler law, where what it says beyond that is too slight to matter."""
    if len(curve.stretches) > 1:
        return curve.stretches
    (stretch,) = curve.stretches
    if stretch.form.kind == "quadratic":
        line = curve.fitted(Stretch(LINE, ("n",), 0, len(curve.n)))
        if np.max(np.abs(line.values(curve.n) / curve.lawful - 1)) < _TOLERATED:
            stretch = line
    return [stretch]


def _kind(
    curve: Curve, stretches: list[Stretch], main: Form | None, edges: _Edges, pieces: list[Piece]
) -> tuple[str, float | None, str]:
    """Return the kind, the share of the steps in the rise, and why there is no such thing; empty where there is."""
    if main is not None:
        head = curve.n[0] + (main.width or 0)
        others = [s for s in stretches if s.form.width and (s.form.width, s.form.phase) != (main.width, main.phase)]
        late = [s for s in others if curve.n[s.end - 1] > head]
        strays = int((~edges.periodic & (edges.n > head)).sum())
        few = edges.periodic.sum() < (2 if main.phase == 0 else 3)  # some width fits any two edges
        if not (late or few or strays > _OTHER_EDGES * edges.periodic.sum()):
            return _periodic_kind(curve, stretches, main)
    elif len(stretches) == 1:
        (stretch,) = stretches
        law = stretch.values(curve.n)
        if stretch.form.kind == "linear" and np.ptp(law) < _NO_RISE * law.mean():
            return "flat", None, ""
        return stretch.form.kind, None, ""
    boundaries = len(stretches) - 1
    if len(stretches) > len(curve.n) / 5:
        return "irregular", None, f"there would be {len(stretches)} stretches to {len(curve.n)} points"
    if len(edges.n) < max(1, boundaries / 2) or _jump_share(curve, edges, pieces) < _JUMPS:
        bends = [int(curve.n[s.begin]) for s in stretches[1:]]
        return "a line", None, f"it bends at {', '.join(map(str, bends[:5]))}" + (" …" if len(bends) > 5 else "")
    return "irregular", None, ""


def _jump_share(curve: Curve, edges: _Edges, pieces: list[Piece]) -> float:
    """Return what jumps make of all that the law rises and falls."""
    law = law_at(pieces, np.arange(int(curve.n[0]), int(curve.n[-1]) + 1))
    return float(np.abs(edges.jump).sum() / max(np.abs(np.diff(law)).sum(), 1e-300))


def _periodic_kind(curve: Curve, stretches: list[Stretch], main: Form) -> tuple[str, float | None, str]:
    assert main.width is not None
    assert main.phase is not None
    same = [s for s in stretches if (s.form.width, s.form.phase) == (main.width, main.phase)]
    stretch = max(same, key=lambda s: s.end - s.begin)
    if stretch.names == LEVELS:
        return "staircase", 1.0, ""
    period = main.outer_width or main.width
    phase = main.phase if main.outer_phase is None else main.outer_phase
    # Where a pattern has grown most; others are the same everywhere.
    where = curve.n[stretch.end - 1] - period if stretch.form.growth else curve.n[stretch.begin]
    begin = np.floor((where - phase - 1) / period) * period + phase + 1
    changes = np.diff(stretch.values(begin + np.arange(period + 1.0)))
    ups, downs = changes[changes > 0].sum(), -changes[changes < 0].sum()
    if min(ups, downs) > _ZIGZAG * max(ups, downs) and not _may_be_level(curve, stretch):
        return "zigzag", None, ""
    at_edge = (begin + 1 + np.arange(period) - main.phase - 1) % main.width == 0
    rise = changes.sum()
    share = float(np.clip(changes[at_edge].sum() / rise, 0, 1)) if rise else 1.0
    if share < 1 - _STEP_SHARE and stretch.names == ("n", "s"):
        return "linear", share, ""
    return ("staircase" if share > _STEP_SHARE else "sloped-staircase"), share, ""


def _may_be_level(curve: Curve, stretch: Stretch) -> bool:
    """Whether what a law rises or falls inside a step is within its error."""
    if stretch.names != ("n", "s"):
        return False
    slope, variance = stretch.coefficients[1:].sum(), stretch.covariance[1:, 1:].sum()
    return bool(abs(slope) < _CLEAR * curve.noise * variance**0.5)


# ---------------------------------------------------------------------- edges


def _edges(curve: Curve, stretches: list[Stretch], pieces: list[Piece]) -> _Edges:
    """Return where steps begin, and what the points on both sides of each say."""
    grid: set[int] = set()
    bounds = bounds_of(curve, stretches)
    for stretch, first, end in zip(stretches, bounds[:-1], bounds[1:], strict=True):
        form = stretch.form
        if form.width is not None and form.phase is not None:
            every = np.arange(first, end)
            grid |= set(every[form.begins(every)].tolist())
    grid.discard(int(curve.n[0]))
    n = np.array(sorted(grid | set(bounds[1:-1].tolist())), dtype=np.int64)
    law = law_at(pieces, curve.n.astype(np.int64))
    jump = law_at(pieces, n) - law_at(pieces, n - 1) if len(n) else np.empty(0)
    step = np.searchsorted(n, curve.n, side="right")
    weights = curve.weights / curve.noise**2
    total = np.maximum(np.bincount(step, weights, minlength=len(n) + 1), 1e-300)
    off = np.bincount(step, weights * (curve.clean - law), minlength=len(n) + 1) / total
    seen, error = jump + np.diff(off), np.sqrt(1 / total[1:] + 1 / total[:-1])
    periodic = np.isin(n, list(grid))
    level = np.abs(law_at(pieces, n)) if len(n) else np.empty(0)
    real = periodic | (np.abs(jump) > np.maximum(3 * error, 0.5 * _TOLERATED * level))
    return _Edges(n[real], periodic[real], jump[real], seen[real], error[real])


# ---------------------------------------------------------------------- doubts


def _misfit(curve: Curve, edges: _Edges) -> str:
    """Return why the law does not explain the points; empty where it does."""
    residuals = (curve.clean / curve.lawful - 1)[~curve.outlying]
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    noise = curve.noise if curve.given is None else max(curve.given, min(curve.noise, 2 * curve.given))
    jump = float(np.median(np.abs(edges.jump / curve.lawful.mean()))) if len(edges.n) else 0.0
    if spread > max(2 * noise, _TOLERATED, 0.25 * jump):
        return f"the points lie {spread:.1%} off it, where {noise:.1%} would be noise"
    if (share := float(curve.outlying.mean())) > 0.2:
        return f"{share:.0%} of the points are far off it"
    clipped = np.clip(residuals / curve.sigma[~curve.outlying] / curve.noise, -3, 3)
    clipped -= clipped.mean()
    memory = float(np.mean(clipped[1:] * clipped[:-1]) / max(1e-12, np.mean(clipped**2)))
    if memory * len(clipped) ** 0.5 > 5 and spread > _TOLERATED:
        return "neighbouring points leave it in the same direction"
    return ""


def _confidence(curve: Curve, kind: str, main: Form | None, found: Form | None, edges: _Edges) -> float:
    """Return the odds against the next best answer as a probability, less what is left unexplained.

    ``found`` is the period that the curve was fitted with, of which ``main`` may be a multiple.
    """
    if main is None and len(curve.stretches) > 1:
        rival = curve.costs.best(single=True)[0]
    else:
        others = [form for form in curve.costs.forms if not _alike(curve, kind, main, form)]
        if main is not None and main != found:
            others = [form for form in others if not _alike(curve, kind, found, form)]
        rival = curve.costs.best(others)[0]
    odds = 1 / (1 + np.exp(-np.clip((rival - curve.price) / 2, 0, 50)))
    weak = (~edges.periodic & (np.abs(edges.seen) < 4 * edges.error)).mean() if len(edges.n) else 0.0
    return float(odds * (1 - curve.outlying.mean()) * (1 - weak))


def _alike(curve: Curve, kind: str, main: Form | None, form: Form) -> bool:
    """Whether a form says the same of a curve as what it was found to be."""
    if main is not None:
        return form.width == main.width and (kind == "zigzag" or form.phase == main.phase)
    if form.width is not None or kind == "quadratic":
        return form.kind == kind
    law = curve.fitted(Stretch(form, form.sets[0], 0, len(curve.n))).values(curve.n)
    return bool(np.max(np.abs(law / curve.lawful - 1)) < _TOLERATED)


def _width_interval(curve: Curve, main: Form) -> tuple[int, int]:
    """Return the smallest and the largest width whose law for all points is within 6 (BIC) of the main one's."""
    assert main.width is not None
    of_width: dict[int, float] = {}
    for form, cost in zip(curve.costs.forms, curve.costs.cost[:, 0, -1].tolist(), strict=True):
        if form.width:
            of_width[form.width] = min(cost, of_width.get(form.width, np.inf))
    best = of_width.get(main.width, curve.price)
    near = [main.width, *(width for width, cost in of_width.items() if cost <= best + 6)]
    return min(near), max(near)


def _smallest_jump(curve: Curve) -> float:
    """Return the relative size of repeated jumps that would pay for a staircase law beside a line.

    A staircase of jump j leaves its line by a sawtooth of variance j²/12, and costs a parameter and the look at all
    widths and phases.
    """
    price = np.log(len(curve.n)) + 2 * np.log(MAX_WIDTH**2 / 2)
    return float(curve.noise * np.sqrt(12 * price / len(curve.n)))

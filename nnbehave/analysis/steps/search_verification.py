"""Whether one law holds, and where it has still to be tested."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.classification import classify, main_family
from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.detection import step_map_of
from nnbehave.analysis.steps.laws import Levels, Pattern
from nnbehave.analysis.steps.search_state import SearchState
from nnbehave.analysis.steps.stretch import Stretch


def law_holds(state: SearchState, fit: CurveFit) -> bool:
    """Return True if one law, with a few exceptions, says which n are worth keeping.

    How far a point lies above the fastest of all larger n does not matter: it is not worth keeping anyway. The ends of
    steps do not matter where all of them will be measured.
    """
    found = classify(fit)
    if found.why_not or found.kind == "irregular" or len(fit.stretches) > thresholds.STRETCHES_OF_A_LAW:
        return False
    law = fit.law(state.grid.astype(float))
    fastest = np.minimum.accumulate(law[::-1])[::-1][np.searchsorted(state.grid, fit.curve.n)]
    error = _error_held_to(fit)
    limit = fastest * (1 + thresholds.CLEAR_SIGMAS * fit.curve.sigma * error)
    off = np.minimum(fit.clean, limit) / np.minimum(fit.law_at_points, limit) - 1
    period = wide_period(fit)
    is_judged = ~fit.is_outlier & ~np.isin(fit.curve.n, _every_end(state, period) if period else [])
    return float(np.mean((off / fit.curve.sigma / error)[is_judged] ** 2)) < thresholds.MISFIT_SQUARE


def unverified(state: SearchState, fit: CurveFit) -> list[int]:
    """Return the n at which the law has still to be tested: in every octave, and where one law gives way to another.

    Where each step has a level of its own, the last n of the steps without a point are among them.
    """
    low, high = int(state.n[0]), int(state.n[-1])
    wanted: list[int] = []
    rng = np.random.default_rng(len(state.known))
    while high > max(low, thresholds.DENSE_SEED):
        wanted += _unverified_in_octave(state, fit, high, rng)
        high //= 2
    if any(isinstance(stretch.law, Levels) for stretch in fit.stretches):
        wanted += unseen_steps(state, fit)
    for left, right in pairwise(fit.stretches):
        between = state.between(int(fit.curve.n[right.begin - 1]), int(fit.curve.n[right.begin]) - 1)
        if between and not _goes_on(left, right):
            wanted.append(between[len(between) // 2])
    return state.open(wanted)


def _unverified_in_octave(state: SearchState, fit: CurveFit, high: int, rng: np.random.Generator) -> list[int]:
    """Return n from high / 2 to ``high``: both sides of edges, and places anywhere; more where the law is off."""
    inside = state.between(high / 2, high)
    main = main_family(fit)
    begins = main.period.begins(np.array(inside)) if main and main.period else np.zeros(len(inside), dtype=bool)
    edges = [n for n, is_edge in zip(inside, begins, strict=True) if is_edge and n - 1 in state.all]
    is_known = [edge in state.known and edge - 1 in state.known for edge in edges]
    unknown = [edge for edge, known in zip(edges, is_known, strict=True) if not known]
    lacking = max(0, thresholds.EDGES_PER_OCTAVE - sum(is_known))
    chosen = rng.choice(unknown, min(len(unknown), lacking), replace=False)
    wanted = [n for edge in chosen for n in (int(edge) - 1, int(edge))]
    places = thresholds.PLACES_PER_OCTAVE + (thresholds.BATCH if _is_off(fit, high / 2, high) else 0)
    lacking = places - sum(n in state.known for n in inside) - 2 * len(chosen)
    free = state.open(inside)
    if lacking > 0 and free:
        wanted += [int(n) for n in rng.choice(free, min(len(free), lacking), replace=False)]
    return wanted


def deciding(state: SearchState, fit: CurveFit) -> list[int]:
    """Return the n that decide which n are worth keeping, for steps that are wide enough.

    Where the levels are uneven or the points are off their law, these are the ends of all steps, and the answer
    itself. Else they are the n of the answer that outdo a whole step.
    """
    period = wide_period(fit)
    if period is None:
        return []
    candidates = state.all
    best = [n for n in step_map_of(fit, state.points).best_channels() if n in candidates]
    if len(best) > thresholds.MOST_STEPS:
        return []
    is_uneven = any(isinstance(stretch.law, Levels | Pattern) for stretch in fit.stretches)
    if is_uneven or _is_off(fit, 0, np.inf):
        return _every_end(state, period) + best
    step = period.step(np.array(best, dtype=float))
    return [n for n, more in zip(best[1:], np.diff(step) > 1, strict=True) if more]


def unseen_steps(state: SearchState, fit: CurveFit) -> list[int]:
    """Return the last n of each wide step without a point: where levels are uneven, no law can tell them."""
    period = wide_period(fit)
    if period is None:
        return []
    step = period.step(state.n.astype(float))
    unseen = sorted(set(step.tolist()) - set(period.step(fit.curve.n).tolist()))
    return [int(state.n[step == k][-1]) for k in unseen]


def wide_period(fit: CurveFit) -> Period | None:
    """Return the main period if its steps are wide enough to be measured one by one."""
    main = main_family(fit)
    return main.period if main and main.period and main.period.width >= thresholds.WIDE_STEPS else None


def _every_end(state: SearchState, period: Period) -> list[int]:
    """Return the last n of all steps, where these are few; else none."""
    last = state.n[:-1][np.diff(period.step(state.n.astype(float))) > 0]
    return [int(n) for n in last] if len(last) <= thresholds.MOST_STEPS else []


def _error_held_to(fit: CurveFit) -> float:
    """Return the relative error of a typical point that the law need not explain.

    It is the noise, and a small share of the jumps of the last octave, for these decide which n are worth keeping.
    """
    main, last = main_family(fit), float(fit.curve.n[-1])
    jump = 0.0
    if main and main.period:
        n = np.arange(max(fit.curve.n[0], last / 2), last)
        law = fit.law(n)
        first = np.flatnonzero(np.diff(main.period.step(n))) + 1
        if len(first):
            jump = float(np.median(np.abs(law[first] / law[first - 1] - 1)))
    slight = max(thresholds.HELD_TO, thresholds.HELD_TO_JUMPS * jump)
    return float(np.hypot(fit.curve.given_error or fit.noise, slight))


def _is_off(fit: CurveFit, above: float, up_to: float) -> bool:
    """Return True if the points of a range lie further from the law than chance explains (a χ² test)."""
    curve = fit.curve
    inside = (curve.n > above) & (curve.n <= up_to) & ~fit.is_outlier
    error = _error_held_to(fit) * curve.sigma[inside]
    squares = (fit.clean[inside] / fit.law_at_points[inside] - 1) ** 2 / error**2
    limit = 1 + thresholds.OCTAVE_SIGMAS * (2 / max(1, len(squares))) ** 0.5
    return bool(len(squares) and squares.mean() > limit)


def _goes_on(left: Stretch, right: Stretch) -> bool:
    """Return True if one period goes on beyond a boundary."""
    return left.family == right.family and left.family.period is not None

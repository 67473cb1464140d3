"""The detector: from the points of a curve to a step map.

The steps of the method, each in a file of its own:

1. :mod:`.curve` checks and scales the points;
2. :mod:`.candidates` proposes laws and places where they may change, by :mod:`.period_scan`;
3. :mod:`.segmentation` chooses among them, and :mod:`.curve_fit` repeats that without :mod:`.outliers`;
4. :mod:`.pieces` and :mod:`.edges` say what the laws say at every n, and what the points say of each edge;
5. :mod:`.classification` names the kind, or the reason why the curve is unexplained;
6. :mod:`.confidence` says how sure that is.

All thresholds stand in :mod:`.thresholds`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.classification import classify
from nnbehave.analysis.steps.confidence import confidence, smallest_jump, width_interval
from nnbehave.analysis.steps.curve import Curve, Points, read_points
from nnbehave.analysis.steps.curve_fit import CurveFit, fit_curve
from nnbehave.analysis.steps.pieces import law_at, with_exceptions
from nnbehave.analysis.steps.piecewise_law import Piece
from nnbehave.analysis.steps.step_map import SMOOTH_KINDS, StepMap


def detect_steps(n: Any, latency_ms: Any, std_error_ms: Any = None) -> StepMap:
    """Return how latency follows ``n``: flat, linear, quadratic, in steps of one width or of many, or unexplained.

    The answer depends neither on the order of the points nor on the unit of the latencies. A step finer than the
    gaps between the measured n cannot be seen; on such a curve the answer is the law that the points show. The errors
    of the points are taken to be independent, so measure them in a shuffled order.

    Parameters
    ----------
    n : array_like of int, shape (points,)
        Where the curve was measured, from 1 to 2²⁰; gaps are allowed. No n may be there twice.
    latency_ms : array_like of float, shape (points,)
        Above 0.
    std_error_ms : array_like of float, shape (points,), optional
        Standard errors, 0 or more. Where they are left out, they are estimated from the curve.

    Returns
    -------
    StepMap
        ``unexplained`` where there are fewer than 8 points.

    Raises
    ------
    InvalidInputError
        An array is empty, of another length or dimension, or not of numbers; or a value is not allowed. The message
        names the array, what is allowed, the value and its n.

    Examples
    --------
    >>> n = range(1, 129)
    >>> found = detect_steps(n, [0.5 + 0.1 * -(-k // 16) for k in n])
    >>> found.kind, found.width
    ('staircase', 16)
    >>> found.best_channels(1, 64)
    [16, 32, 48, 64]
    """
    points = read_points(n, latency_ms, std_error_ms)
    if len(points.n) < thresholds.FEWEST_POINTS:
        reason = f"{len(points.n)} points; at least {thresholds.FEWEST_POINTS} are needed"
        return _unexplained(points, reason, None)
    return step_map_of(fit_curve(Curve.of(points)), points)


def step_map_of(fit: CurveFit, points: Points) -> StepMap:
    """Return the step map of a fitted curve, in milliseconds."""
    found = classify(fit)
    smallest = smallest_jump(fit)
    if found.why_not:
        return _unexplained(points, f"the nearest law is {found.kind}, but {found.why_not}", smallest)
    reason = ""
    if found.kind in SMOOTH_KINDS:
        reason = f"repeated jumps under {max(smallest, 1e-3):.1%} of the latency would not have been seen"
    edges, main, unit = found.edges, found.main, points.unit_ms
    levels = law_at(found.pieces, np.array([fit.curve.n[0], *edges.n]))
    pieces = with_exceptions(found.pieces, fit) if len(edges.n) else found.pieces
    period, outer = (main.period, main.outer) if main else (None, None)
    return StepMap(
        kind=found.kind,
        width=period.width if period else None,
        phase=period.phase if period else None,
        outer_width=outer.width if outer else None,
        width_interval=width_interval(fit, main) if main else None,
        step_share=found.step_share if main else None,
        edges=tuple(edges.n.tolist()),
        edge_evidence=edges.evidence(),
        levels=tuple((levels * unit).tolist()),
        confidence=confidence(fit, found),
        smallest_jump=smallest,
        reason=reason,
        pieces=tuple(Piece(begin, tuple(value * unit for value in law), error * unit) for begin, law, error in pieces),
        measured=points.pairs,
    )


def _unexplained(points: Points, reason: str, smallest: float | None) -> StepMap:
    return StepMap(
        kind="unexplained",
        width=None,
        phase=None,
        outer_width=None,
        width_interval=None,
        step_share=None,
        edges=(),
        edge_evidence=(),
        levels=(),
        confidence=0.0,
        smallest_jump=smallest,
        reason=reason,
        pieces=(),
        measured=points.pairs,
    )

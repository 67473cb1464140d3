"""Where to measure when no law holds: jumps are narrowed down by bisection, then the widest gaps are filled."""

from __future__ import annotations

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.search_state import SearchState


def middles_of_jumps(state: SearchState) -> list[int]:
    """Return the middles of the gaps over which the latency jumps, the largest jumps first; else of the widest gaps.

    A gap of a few n is returned whole. No law is assumed, and the latency may rise or fall.
    """
    points = state.points
    n, y = points.n, points.latency_ms
    assert points.std_error_ms is not None
    error = np.hypot(points.std_error_ms, thresholds.MODEL_ERROR * y)
    gaps = np.flatnonzero(np.diff(np.searchsorted(state.n, n)) > 1)
    sigmas = np.abs(np.diff(y)) / np.hypot(error[1:], error[:-1])
    size = np.abs(y[1:] / y[:-1] - 1)
    jumps = [i for i in gaps if sigmas[i] > thresholds.CLEAR_SIGMAS and size[i] > thresholds.DIFFERS]
    jumps = sorted(jumps, key=lambda i: -size[i])[: thresholds.JUMPS_AT_A_TIME]  # then there may be a law
    if not jumps:
        jumps = [i for i in gaps if n[i + 1] - n[i] > thresholds.WIDE_GAP]
    wanted: list[int] = []
    for i in jumps:
        inside = state.n[(state.n > n[i]) & (state.n < n[i + 1])]
        middle = len(inside) // 2
        wanted += (inside if len(inside) <= thresholds.NARROW_GAP else inside[middle : middle + 1]).tolist()
    return state.open(wanted)

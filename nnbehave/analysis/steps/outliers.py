"""Points far off alone: drawn in before there is a law, and left out of the fit once there is one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Flags
from nnbehave.analysis.steps.curve import Curve
from nnbehave.analysis.steps.stretch import Stretch


def draw_in_outliers(curve: Curve, noise: float) -> Array:
    """Return the latencies, with those far outside their six neighbours brought near them."""
    logs = np.log(curve.y)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(logs, 3, mode="reflect", reflect_type="odd"), 7)
    near = np.sort(around[:, [0, 1, 2, 4, 5, 6]], axis=1)  # one on each side of the order may be far off itself
    limit = np.maximum(thresholds.DRAWN_IN_SIGMAS * noise * curve.sigma, thresholds.DRAWN_IN_LEAST)
    drawn = np.clip(logs, near[:, 1] - limit, near[:, 4] + limit)
    return np.where(drawn == logs, curve.y, np.exp(drawn))


def find_outliers(curve: Curve, noise: float, law: Array, stretches: list[Stretch]) -> tuple[Flags, set[int]]:
    """Return which points are outliers, and the indices of those that are kernels made for one n.

    A kernel for one n is much faster than its law, at the end of one of the first steps. It is no outlier.

    Parameters
    ----------
    curve : Curve
    noise : float
    law : array, shape (points,)
        The law at the points.
    stretches : list of Stretch
    """
    relative = curve.y / _without_excursions(curve, law, stretches) - 1
    is_far = np.abs(relative) > thresholds.OUTLIER_SIGMAS * curve.sigma * noise
    around = np.convolve(is_far, np.ones(thresholds.OUTLIER_WINDOW), "same")
    is_outlier = is_far & (around <= thresholds.OUTLIERS_IN_WINDOW)
    kernels: set[int] = set()
    for stretch in stretches:
        if period := stretch.family.period:
            is_end = (curve.n - period.phase) % period.width == 0
            is_early = curve.n <= curve.n[0] + thresholds.FAST_KERNEL_STEPS * period.width
            is_fast = is_outlier & is_end & is_early & (relative < -thresholds.FAST_KERNEL_GAIN)
            kernels |= {int(i) for i in np.flatnonzero(is_fast) if i + 1 < len(is_far)}
    is_outlier[list(kernels)] = False
    return is_outlier, kernels


def _without_excursions(curve: Curve, law: Array, stretches: list[Stretch]) -> Array:
    """Return the law without excursions: outliers may have made a short stretch, so the law before it goes on there."""
    result = law.copy()
    for i, (before, stretch) in enumerate(pairwise(stretches)):
        after = stretches[i + 2].family if i + 2 < len(stretches) else None
        is_between = after == before.family and stretch.size <= thresholds.LONGEST_EXCURSION
        if is_between or curve.n[stretch.end - 1] - curve.n[stretch.begin] < thresholds.FLAT_POINTS:
            part = stretch.points
            result[part] = np.maximum(before.values(curve.n[part]), thresholds.LOWEST_LAW * result[part])
    return result

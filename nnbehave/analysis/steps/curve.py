"""The points of a curve: checked, in order, and scaled to a median of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array, Flags, Indices
from nnbehave.errors import InvalidInputError

MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation: 1 / Φ⁻¹(3/4)."""


@dataclass(frozen=True)
class Points:
    """The points that a caller gave, by ascending n.

    Attributes
    ----------
    n : array of int, shape (points,)
    latency_ms : array, shape (points,)
    std_error_ms : array, shape (points,), or None
    """

    n: Indices
    latency_ms: Array
    std_error_ms: Array | None

    @property
    def unit_ms(self) -> float:
        """The median latency."""
        return float(np.median(self.latency_ms))

    @property
    def pairs(self) -> tuple[tuple[int, float], ...]:
        """The points as pairs of n and latency."""
        return tuple(zip(self.n.tolist(), self.latency_ms.tolist(), strict=True))


@dataclass(frozen=True)
class Curve:
    """A curve scaled to a median of one.

    Attributes
    ----------
    n, y : array, shape (points,)
        n ascends.
    sigma : array, shape (points,)
        The error of each point over that of a typical one; relative to the latency.
    given_error : float or None
        The relative error of a typical point as it was given, and what curves of real runtimes leave any law by.
    """

    n: Array
    y: Array
    sigma: Array
    given_error: float | None

    @classmethod
    def of(cls, points: Points) -> Curve:
        """Return the curve of some points."""
        n, y = points.n.astype(float), points.latency_ms / points.unit_ms
        if points.std_error_ms is None:
            return cls(n, y, np.ones(len(n)), None)
        error = np.hypot(points.std_error_ms / points.latency_ms, thresholds.MODEL_ERROR)
        typical = float(np.median(error))
        return cls(n, y, error / typical, typical)

    def at_least_given(self, noise: float) -> float:
        """Return an estimate of the noise, raised to what the given errors allow."""
        given = 0.0 if self.given_error is None else thresholds.SHARE_OF_GIVEN_ERROR * self.given_error
        return max(thresholds.SMALLEST_NOISE, noise, given)


def noise_between_neighbours(values: Array, unit: Array) -> float:
    """Return the standard deviation of a point, in units of ``unit``, from the differences between neighbours.

    The median makes it robust: jumps are few among the differences.
    """
    return float(MAD_TO_SIGMA * np.median(np.abs(np.diff(values)) / np.hypot(unit[1:], unit[:-1])))


# ---------------------------------------------------------------------- reading


def read_points(n: Any, latency_ms: Any, std_error_ms: Any) -> Points:
    """Return the points of three arrays, checked, by ascending n. ``std_error_ms`` may be None.

    Raises
    ------
    InvalidInputError
        The message names the array, what is allowed, and the n and the value at fault.
    """
    numbers = _numbers("n", n)
    y = _numbers("latency_ms", latency_ms, like=numbers)
    errors = None if std_error_ms is None else _numbers("std_error_ms", std_error_ms, like=numbers)
    _refuse("n", "must be finite", ~np.isfinite(numbers), numbers)
    _refuse("n", "must be whole numbers", numbers != np.round(numbers), numbers)
    _refuse("n", "must be 1 or more", numbers < 1, numbers)
    _refuse("n", f"must be at most {thresholds.LARGEST_N}", numbers > thresholds.LARGEST_N, numbers)
    order = np.argsort(numbers, kind="stable")
    points, y = numbers[order].astype(np.int64), y[order]
    if (np.diff(points) == 0).any():
        repeated = points[:-1][np.diff(points) == 0][0]
        values = ", ".join(f"{value:g}" for value in y[points == repeated])
        raise InvalidInputError(f"n: no n may be there twice, but {repeated} is there with latency_ms {values}")
    _refuse("latency_ms", "must be finite", ~np.isfinite(y), y, points)
    _refuse("latency_ms", "must be above 0", y <= 0, y, points)
    if errors is not None:
        errors = errors[order]
        _refuse("std_error_ms", "must be finite", ~np.isfinite(errors), errors, points)
        _refuse("std_error_ms", "must be 0 or more", errors < 0, errors, points)
    return Points(points, y, errors)


def _numbers(name: str, values: Any, like: Array | None = None) -> Array:
    """Return an array of numbers of one dimension, as long as another."""
    try:
        result = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: must be an array of numbers, but {error}") from None
    if result.ndim != 1 or not len(result):
        raise InvalidInputError(f"{name}: must have one dimension and at least one value, got shape {result.shape}")
    if like is not None and len(result) != len(like):
        raise InvalidInputError(f"{name}: must have one value for each of the {len(like)} n, got {len(result)}")
    return result


def _refuse(name: str, allowed: str, is_wrong: Flags, values: Array, n: Indices | None = None) -> None:
    """Raise InvalidInputError for the first value that is wrong; the message says how many more there are."""
    if not is_wrong.any():
        return
    first = int(np.argmax(is_wrong))
    place = f"at index {first}" if n is None else f"at n={n[first]}"
    others = int(is_wrong.sum()) - 1
    more = f" (and {others} more)" if others else ""
    raise InvalidInputError(f"{name}: {allowed}, got {values[first]:g} {place}{more}")

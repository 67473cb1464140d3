"""The arithmetic under the step detection: robust fits of many laws at once, and cuts into constant pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def fit(columns: Array, y: Array, weights: Array, rounds: int = 5) -> Array:
    """Fit ``columns`` (laws, parameters, points) to ``y`` by weighted least squares, all laws at once.

    From the second round on, points far off are weighted down after Huber.
    """
    coefficients = np.zeros(columns.shape[:2])
    ridge = 1e-12 * np.eye(columns.shape[1])
    robust = weights
    for round_number in range(rounds):
        weighted = columns * robust[:, None]
        normal = weighted @ columns.transpose(0, 2, 1)
        size = np.sqrt(np.einsum("jpp->jp", normal)) + 1e-12
        normal = normal / size[:, :, None] / size[:, None, :] + ridge
        coefficients = np.linalg.solve(normal, (weighted @ y / size)[..., None])[..., 0] / size
        if round_number < rounds - 1:
            off = np.abs(y - np.einsum("jp,jpn->jn", coefficients, columns)) * np.sqrt(weights)
            scale = 1.4826 * np.median(off, axis=1, keepdims=True) + 1e-12
            robust = weights * np.minimum(1, 1.5 * scale / np.maximum(off, 1e-12))
    return coefficients


class Pieces:
    """The best cuts into constant pieces of every beginning of a curve, by dynamic programming."""

    def __init__(self, n: Array, y: Array, relative_sigma: Array, longest: int) -> None:
        self._n, self._y = n, y
        length = min(int(np.searchsorted(n, n[0] + longest, side="right")), len(n))
        weights = 1 / (y * relative_sigma)[:length] ** 2
        moments = (weights, weights * y[:length], weights * y[:length] ** 2)
        w, wy, wyy = (np.concatenate([[0.0], np.cumsum(moment)]) for moment in moments)
        price = 3 * np.log(len(n)) + 6
        cost = np.zeros(length + 1)
        self._origin = np.zeros(length + 1, dtype=int)
        for end in range(1, length + 1):
            begin = np.arange(end)
            errors = wyy[end] - wyy[begin] - (wy[end] - wy[begin]) ** 2 / (w[end] - w[begin])
            total = cost[begin] + errors + price
            self._origin[end] = int(np.argmin(total))
            cost[end] = total[self._origin[end]]

    def of(self, length: int) -> tuple[list[int], list[float]]:
        """Return the edges inside the first ``length`` points, and the levels."""
        cuts = [length]
        while cuts[-1] > 0:
            cuts.append(int(self._origin[cuts[-1]]))
        cuts.reverse()
        levels = [float(np.median(self._y[a:b])) for a, b in pairwise(cuts)]
        return [int(self._n[cut]) for cut in cuts[1:-1]], levels


def local_noise(residuals: Array) -> float:
    """Return the noise as neighbours show it."""
    return float(1.4826 * np.median(np.abs(np.diff(residuals))) / 2**0.5)

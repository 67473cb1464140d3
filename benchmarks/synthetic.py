"""Curves of known truth, by which ``steps.py`` judges the step detection.

Every class draws its parameters at random: overhead, widths, phases, shares, places. A curve with steps is kept only if
its kind can be told at its noise: the χ² of its difference from the best smooth law (flat, line, parabola) is at least
60, which chance does not explain. Where a class has a second feature, such as a second period or a change of width, the
same holds for the best law without that feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
NOISES = (0.003, 0.01, 0.02, 0.03)
_HIGHS = (256, 384, 512, 768, 1000)
_LEAST_EVIDENCE = 60.0


@dataclass
class Curve:
    """A drawn curve: its ``truth`` at every n from ``low`` to ``high``, and the points ``n``, ``y`` measured on it."""

    name: str
    kind: str
    width: int | None
    low: int
    truth: Array
    edges: tuple[int, ...]
    n: npt.NDArray[np.int64]
    y: Array
    std_error: Array
    noise: float

    @property
    def high(self) -> int:
        return self.low + len(self.truth) - 1


Drawn = tuple[Array, str, int | None, tuple[int, ...]]


def _width(rng: Rng, highest: int) -> int:
    return int(np.exp(rng.uniform(np.log(2), np.log(min(128, highest // 4) + 0.99))))


def _overhead(rng: Rng) -> float:
    return float(np.exp(rng.uniform(np.log(4.0), np.log(120.0))))  # in units of the rise per n


def _edges(n: Array, width: int, phase: int = 0) -> tuple[int, ...]:
    return tuple(int(k) for k in n[1:] if (k - phase - 1) % width == 0)


def staircase(rng: Rng, n: Array, phase: bool = False) -> Drawn:
    w = _width(rng, len(n))
    p = int(rng.integers(1, w)) if phase else 0
    return _overhead(rng) + w * np.ceil((n - p) / w) + p, "staircase", w, _edges(n, w, p)


def sloped(rng: Rng, n: Array) -> Drawn:
    w, share = max(4, _width(rng, len(n))), rng.uniform(0.3, 0.75)
    return _overhead(rng) + share * w * np.ceil(n / w) + (1 - share) * n, "sloped-staircase", w, _edges(n, w)


def first_step(rng: Rng, n: Array) -> Drawn:
    w = max(8, _width(rng, len(n)))
    cut = int(rng.integers(w // 4, w - w // 4 + 1))
    y = _overhead(rng) + w * np.ceil(n / w)
    y = np.where(n <= cut, y - w * (1 - cut / w) * rng.uniform(0.5, 1.0), y)
    return y, "staircase", w, tuple(sorted({cut + 1, *_edges(n, w)}))


def two_periods(rng: Rng, n: Array) -> Drawn:
    w = int(rng.choice([4, 8, 16]))
    outer = w * int(rng.choice([3, 4, 8]))
    share = rng.uniform(0.3, 0.7)
    y = _overhead(rng) + share * w * np.ceil(n / w) + (1 - share) * outer * np.ceil(n / outer)
    return y, "staircase", w, _edges(n, w)


def cliff(rng: Rng, n: Array) -> Drawn:
    y, kind, w, edges = staircase(rng, n)
    at = int(rng.uniform(0.35, 0.8) * len(n))
    return np.where(n >= n[at], y * rng.uniform(1.08, 1.4), y), kind, w, tuple(sorted({int(n[at]), *edges}))


def changing(rng: Rng, n: Array) -> Drawn:
    w = int(rng.choice([4, 8, 12, 16, 24, 32]))
    second = int(w * rng.choice([2, 3, 4]))
    second, w = (w, second) if rng.random() < 0.3 else (second, w)
    at = max(3, int(rng.uniform(0.3, 0.7) * len(n)) // max(w, second)) * max(w, second)  # three steps at the least
    y = _overhead(rng) + np.where(n <= at, w * np.ceil(n / w), at + second * np.ceil((n - at) / second))
    return y, "irregular", None, tuple(int(k) for k in n[1:][np.diff(y) > 0])


def varying(rng: Rng, n: Array) -> Drawn:
    ends = np.cumsum(rng.integers(8, 65, size=len(n) // 8))
    y = _overhead(rng) + ends[np.searchsorted(ends, n - n[0] + 1)]
    return y, "irregular", None, tuple(int(k) for k in n[1:][np.diff(y) > 0])


def uneven(rng: Rng, n: Array) -> Drawn:
    """Steps of any width, with jumps that do not depend on their widths."""
    ends = np.cumsum(rng.integers(8, 129, size=len(n) // 8))
    heights = np.exp(np.cumsum(rng.uniform(0.06, 0.25, size=len(ends) + 1)))
    y = heights[np.searchsorted(ends, n - n[0] + 1)]
    return y, "irregular", None, tuple(int(k) for k in n[1:][np.diff(y) > 0])


def zigzag(rng: Rng, n: Array) -> Drawn:
    """A line with a sawtooth on top that drops at every multiple of the width."""
    w = max(4, min(64, _width(rng, len(n))))
    swing = w * rng.uniform(0.7, 1.5)
    y = _overhead(rng) + n + swing * ((n - 1) % w) / (w - 1) * (n % w != 0)
    return y, "zigzag", w, ()


def dips(rng: Rng, n: Array) -> Drawn:
    """A line with a fast n at every multiple of the width."""
    w = int(rng.choice([4, 8, 16]))
    overhead = _overhead(rng)
    depth = min(w * rng.uniform(0.8, 1.6), 0.5 * (overhead + w))
    return overhead + n - depth * (n % w == 0), "zigzag", w, ()


def line(rng: Rng, n: Array) -> Drawn:
    return _overhead(rng) + n, "linear", None, ()


def quadratic(rng: Rng, n: Array) -> Drawn:
    share = rng.uniform(0.4, 1.0)
    return _overhead(rng) + (1 - share) * n + share * n**2 / n[-1], "quadratic", None, ()


def flat(rng: Rng, n: Array) -> Drawn:
    return np.full(len(n), _overhead(rng)), "flat", None, ()


def falling(rng: Rng, n: Array) -> Drawn:
    drop = rng.uniform(0.2, 0.8)
    return _overhead(rng) * (1 - drop * (n - n[0]) / (n[-1] - n[0])), "linear", None, ()


CLASSES: dict[str, Callable[[Rng, Array], Drawn]] = {
    "staircase": staircase,
    "with a phase": lambda rng, n: staircase(rng, n, phase=True),
    "with a slope": sloped,
    "other first step": first_step,
    "two periods": two_periods,
    "cache cliff": cliff,
    "width changes": changing,
    "varying widths": varying,
    "uneven jumps": uneven,
    "zigzag": zigzag,
    "dips": dips,
    "line": line,
    "parabola": quadratic,
    "flat": flat,
    "falling": falling,
}


def draw(name: str, noise: float, seed: int, outliers: float = 0.0, gaps: float = 0.0) -> Curve:
    """Draw a curve of a class.

    ``outliers`` is the share of its points that are 5 to 50 % slower, ``gaps`` the share of its n without a point.
    """
    rng = np.random.default_rng([list(CLASSES).index(name), round(noise * 1e4), seed])
    while True:
        high = int(rng.choice(_HIGHS))
        low = 1 if rng.random() < 0.75 else int(rng.integers(2, 40))
        n = np.arange(low, high + 1, dtype=float)
        truth, kind, width, edges = CLASSES[name](rng, n)
        truth = truth * float(np.exp(rng.uniform(-8, 3)))
        kept = rng.random(len(n)) >= gaps
        kept[[0, -1]] = True
        if kind in ("flat", "linear", "quadratic") or _can_be_told(name, n, truth, edges, kept, noise):
            break
    y = truth * np.exp(noise * rng.standard_normal(len(n)))
    y = np.where(rng.random(len(n)) < outliers, y * rng.uniform(1.05, 1.5, len(n)), y)
    y, n = y[kept], n[kept]
    return Curve(name, kind, width, low, truth, edges, n.astype(np.int64), y, noise * y, noise)


def suite(count: int, noise: float, seed: int = 0) -> Iterator[Curve]:
    """Draw ``count`` curves of every class: a third with 1 % outliers, a third with gaps over 10 to 50 % of the n."""
    for name in CLASSES:
        for i in range(count):
            rng = np.random.default_rng([seed, i])
            yield draw(
                name, noise, seed * 10_000 + i, 0.01 * (i % 3 == 1), rng.uniform(0.1, 0.5) if i % 3 == 2 else 0.0
            )


def _can_be_told(name: str, n: Array, truth: Array, edges: tuple[int, ...], kept: Array, noise: float) -> bool:
    """Return True if no simpler law explains the measured points at this noise."""
    widths = np.unique(np.diff(edges)).tolist() if name in ("two periods", "width changes") else []
    if name == "two periods":  # the outer one alone, with a slope
        jumps = np.diff(truth)[np.array(edges) - int(n[0]) - 1]
        outer = np.array(edges)[jumps > 1.01 * jumps.min()]
        if len(outer) < 2:
            return False
        widths = [int(outer[1] - outer[0])]
    rivals = [np.ones((0, len(n))), np.array([np.ceil(n / width) for width in widths]).reshape(-1, len(n))]
    if name == "cache cliff":  # with a cliff, but no steps
        after = n > n[np.argmax(np.diff(np.log(truth))[len(n) // 4 :]) + len(n) // 4]
        rivals = [np.stack([after, after * n, after * n**2])]
    for rival in rivals:
        columns = (np.concatenate([n[None] ** np.arange(3)[:, None], rival]) / truth)[:, kept].T
        columns = columns / np.abs(columns).max(axis=0)
        left = 1 - columns @ np.linalg.lstsq(columns, np.ones(len(columns)), rcond=None)[0]
        if (left**2).sum() < _LEAST_EVIDENCE * noise**2:
            return False
    return True

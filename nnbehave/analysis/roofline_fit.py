"""The roofs over the rates of some layers: peak, bandwidth of each level of memory, overhead.

A roof is an upper envelope. It is not a mean of the rates below it. Nor is it the largest of some noisy rates, which
lies above the truth. In logarithms the rate of a layer is modelled as the roof, less a shortfall, plus noise of a known
error. The shortfall is 0 with some probability, otherwise exponential (normal-exponential frontiers: Aigner, Lovell and
Schmidt 1977). The roof is the median of its posterior over all such probabilities and mean shortfalls, with its middle
95 % as interval: layers that agree at the top are pooled, and those below hardly count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from nnbehave.analysis.latencies import Z95

Floats = npt.NDArray[np.float64]

FEWEST = 3  # layers at a roof, or on a level of the caches
CLEAR = 1.25  # by which one time must exceed the other for a layer to tell of the first alone
_STEP = 1.2  # a level is faster than all larger layers by at least this factor
_FLAT = 1.15  # the best three layers of a level lie within this factor
_LEAST_ERROR = 0.002  # of a latency, as a share of it
_MOST_ERROR = 0.2  # of a latency, as a share of it; a latency with a larger error tells nothing
_COMMON_ERROR = 0.005  # that the latencies of a session share: pooling many does not make it smaller
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of layers that are at the roof
_SHORTFALLS = (0.03, 0.1, 0.3, 1.0)  # mean of the others, in logarithms
_MOST_LAYERS = 100  # that a roof is found with: the highest
_ASTRAY = 0.003  # density of rates that nothing explains, so that no single layer decides
_PASSES = 4  # of finding the roofs and which layers tell of which


class Roof(NamedTuple):
    """A roof with its 95 % interval; NaN where it is not known."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan

    def over(self, other: Roof) -> Roof:
        """Return this roof over another, whose errors are taken as independent."""
        (a, a_low, a_high), (b, b_low, b_high) = np.log(self), np.log(other)
        down, up = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
        return Roof(*np.exp([a - b, a - b - down, a - b + up]).tolist())

    def named(self, name: str, unit: str = "", scale: float = 1.0) -> dict[str, float]:
        """Return the three numbers over a scale as columns: ``name`` with its unit, ``name_low``, ``name_high``."""
        value, low, high = (number / scale for number in self)
        return {f"{name}{unit}": value, f"{name}_low": low, f"{name}_high": high}


class Level(NamedTuple):
    """A level of memory."""

    up_to_bytes: float  # the largest working set on it
    layers: int
    bandwidth: Roof  # in bytes a millisecond


class Fit(NamedTuple):
    """The roofs of some layers."""

    peak: Roof  # in OPs a millisecond
    levels: list[Level]  # caches first
    overhead: Roof  # in ms
    compute_ms: Floats  # of each layer, the least time by the peak
    memory_ms: Floats  # of each layer, the least time by the bandwidth of its level
    by_compute: npt.NDArray[np.bool_]  # the layers that tell of the peak


def fit_roofs(ms: Floats, error: Floats, ops: Floats, size: Floats) -> Fit:
    """Return the roofs over some layers.

    Which layers tell of which roof follows from the roofs, so that this takes a few passes.

    Parameters
    ----------
    ms, error : numpy.ndarray
        Latencies in ms, and their standard errors as shares of them.
    ops, size : numpy.ndarray
        Multiply-adds and bytes of each layer.
    """
    error = np.maximum(error, _LEAST_ERROR)
    compute_ms, memory_ms = ops / third_highest(ops / ms), size / third_highest(size / ms)
    for _ in range(_PASSES):
        overhead = _overhead(ms, error, np.maximum(compute_ms, memory_ms))
        left = np.maximum(ms - overhead.value, ms / 1e3)
        doubt = np.hypot(error * ms, (overhead.high - overhead.low) / (2 * Z95) if overhead.value else 0.0) / left
        tell = (left > ms / 2) & (doubt < _MOST_ERROR)
        by_compute, by_memory = tell & (compute_ms > CLEAR * memory_ms), tell & (memory_ms > CLEAR * compute_ms)
        peak, levels = Roof(), []
        if by_compute.sum() >= FEWEST:
            peak = _envelope(ops[by_compute] / left[by_compute], doubt[by_compute])
            compute_ms = ops / peak.value
        if by_memory.sum() >= FEWEST:
            levels = _levels(size[by_memory], left[by_memory], doubt[by_memory])
            place = np.searchsorted([level.up_to_bytes for level in levels[:-1]], size)
            memory_ms = size / np.array([level.bandwidth.value for level in levels])[place]
    overhead = overhead if levels or peak.value > 0 else Roof()
    return Fit(peak, levels, overhead, compute_ms, memory_ms, by_compute)


def third_highest(rates: Floats) -> float:
    """Return the third highest rate, so that one or two astray do not decide; infinity if there is none above 0."""
    return float(next(iter(np.sort(rates[rates > 0])[-FEWEST:]), np.inf))


def _overhead(ms: Floats, error: Floats, least: Floats) -> Roof:
    """Return what layers take beyond their least times, where three that differ in size agree on it; otherwise 0."""
    left = ms - least
    most = Roof(0.0, 0.0, max(0.0, float(np.min(ms * np.exp(Z95 * error) - least))))
    small = left > ms / 2
    if small.sum() < FEWEST:
        return most
    calls = _envelope(1 / left[small], error[small] * ms[small] / left[small])
    found = Roof(1 / calls.value, 1 / calls.high, 1 / calls.low)
    agree = small & (left < CLEAR * found.value)
    differ = agree.sum() >= FEWEST and least[agree].max() > CLEAR * least[agree].min()
    # No layer takes less than the overhead. But the roofs may say too much of layers smaller than those that they
    # were found with.
    room = np.where(small, ms, left) + (3 * error + 0.1) * ms
    return found if differ and found.value < room.min() else most


def _levels(size: Floats, ms: Floats, error: Floats) -> list[Level]:
    """Return the levels of memory, caches first."""
    order = np.argsort(size, kind="stable")
    size, rates, error = size[order], (size / ms)[order], error[order]
    edges = [0, *_edges(size, rates), len(size)]
    levels = [Level(float(size[j - 1]), j - i, _envelope(rates[i:j], error[i:j])) for i, j in pairwise(edges)]
    _, count, last = levels.pop()
    size, rates = size[-count:], rates[-count:]
    reached = size[rates * _STEP >= third_highest(rates)][-1]  # larger working sets come not near to this bandwidth
    return [*levels, Level(float(reached), count, last)]


def _edges(size: Floats, rates: Floats) -> Iterator[int]:
    """Yield where levels begin: three layers before it attain more than any after it, whose best three agree."""
    start = 0
    for j in range(FEWEST, len(size) - FEWEST + 1):
        best = rates[j:].max()
        falls = j >= start + FEWEST and size[j] > size[j - 1] and third_highest(rates[start:j]) >= _STEP * best
        if falls and third_highest(rates[j:]) * _FLAT >= best:
            yield (start := j)


def _envelope(rates: Floats, errors: Floats) -> Roof:
    """Return the roof over some rates, of given standard errors as shares of them."""
    highest = np.argsort(rates)[-_MOST_LAYERS:]
    rates, errors = rates[highest], errors[highest]
    logs = np.log(rates)
    step = float(np.median(errors))
    lowest, beyond = np.log(third_highest(rates)) - 5 * step, logs.max() + 4 * step
    grid = np.concatenate([np.linspace(lowest, beyond, 240), beyond + np.geomspace(step / 4, 2.0, 40)])
    short = grid[:, None] - logs
    z = short / errors
    at = np.exp(-(z**2) / 2) / (errors * np.sqrt(2 * np.pi))
    likely = []
    for mean in _SHORTFALLS:
        ratio = errors / mean
        below = np.exp(ratio**2 / 2 - short / mean + log_ndtr(z - ratio)) / mean
        likely += [np.log(share * at + (1 - share) * below + _ASTRAY).sum(axis=1) for share in _SHARES]
    weight = np.exp(np.array(likely) - np.max(likely)).sum(axis=0) * np.gradient(grid)
    mass = np.cumsum(weight) - weight / 2
    low, middle, high = np.interp(np.array([0.025, 0.5, 0.975]) * weight.sum(), mass, grid)
    down, up = np.hypot([middle - low, high - middle], Z95 * _COMMON_ERROR)
    return Roof(*np.exp([middle, middle - down, middle + up]).tolist())

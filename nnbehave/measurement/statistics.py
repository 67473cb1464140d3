"""From raw blocks to latencies with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

ESTIMATOR = "median-of-normalised-rounds 1"  # name and version; latencies are derived again where it changes
_COVERAGE = 0.95
_NEIGHBOURS = 4  # blocks before and after one that tell how fast the machine was


@dataclass(frozen=True)
class Estimate:
    """A latency over rounds.

    Attributes
    ----------
    latency_ms : float
        Median over the rounds.
    low_ms, high_ms : float
        95 % interval of that median; infinite while there are too few rounds for one.
    std_error_ms : float
        A quarter of the interval's width, near enough (1/3.92 of it).
    rounds : int
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    std_error_ms: float
    rounds: int

    @property
    def interval(self) -> float:
        """How far the interval reaches from the latency, as a share of it, on its wider side."""
        return max(self.high_ms - self.latency_ms, self.latency_ms - self.low_ms) / self.latency_ms


def block_ms(times_ns: Sequence[int], inner: int) -> float:
    """Return a block's latency in ms: the lower quartile of its spans, a call.

    Neighbours on a shared machine only ever add time, in bursts: the quartile is inside the undisturbed part of a
    block unless three quarters of it were disturbed.
    """
    ordered = sorted(times_ns)
    position = (len(ordered) - 1) / 4
    lower = math.floor(position)
    upper = min(lower + 1, len(ordered) - 1)
    return (ordered[lower] + (position - lower) * (ordered[upper] - ordered[lower])) / inner / 1e6


def estimate(rounds_ms: Sequence[float]) -> Estimate:
    """Return the median over rounds with its distribution-free 95 % interval (order statistics, binomial ranks)."""
    ordered = sorted(rounds_ms)
    n = len(ordered)
    latency = statistics.median(ordered)
    rank = _rank(n)
    low, high = (ordered[rank], ordered[n - 1 - rank]) if rank is not None else (-math.inf, math.inf)
    return Estimate(latency, low, high, (high - low) / 3.92, n)


def estimate_session(subjects: Sequence[str], blocks_ms: Sequence[float]) -> dict[str, Estimate]:
    """Return the estimate of each subject of a session.

    Parameters
    ----------
    subjects : sequence of str, shape (blocks,)
        What each block measured, in the order they were taken.
    blocks_ms : sequence of float, shape (blocks,)
        Their latencies (:func:`block_ms`).
    """
    rounds: dict[str, list[float]] = {}
    for subject, value in zip(subjects, normalise(subjects, blocks_ms), strict=True):
        rounds.setdefault(subject, []).append(value)
    return {subject: estimate(values) for subject, values in rounds.items()}


def normalise(subjects: Sequence[str], blocks_ms: Sequence[float]) -> list[float]:
    """Take out of each block what the blocks around it say of the machine's speed at that moment.

    A shared machine is slow for some blocks on end, whatever runs. Rounds are shuffled, so a block's neighbours are
    other layers: the median of their deviations, each from its own layer's median, is the machine's state, and a
    block's logarithm is lowered by ``g`` times it. ``g`` is fitted to the session, between 0 and 1.2, and is 0 where
    the data do not support it (three standard errors), so that a steady machine's blocks stay as they are.

    Measured on a 2-core virtual machine with busy neighbours, 128 conv layers, 60 rounds: the median half-width of
    the intervals fell from 4.2 to 1.3 % on tflite, from 2.8 to 1.6 % on openvino, from 3.8 to 1.7 % on tflite:builtin
    (windows of 2 to 16 blocks do about as well; ``g`` was 0.94 to 0.96).
    """
    names, index = np.unique(np.asarray(subjects), return_inverse=True)
    if len(names) < 2 or len(index) <= 2 * _NEIGHBOURS:
        return list(blocks_ms)
    logs = np.log(np.asarray(blocks_ms))
    flat = logs
    for _ in range(3):  # medians of normalised blocks make a better state, which makes better medians
        deviations = logs - _medians(index, flat)[index]
        padded = np.pad(deviations, _NEIGHBOURS, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
        state = np.median(np.delete(windows, _NEIGHBOURS, axis=1), axis=1)
        state -= np.median(state)
        power = float(state @ state)
        if power == 0:
            return list(blocks_ms)
        g = float(deviations @ state) / power
        error = float(np.std(deviations - g * state)) / power**0.5
        g = min(g, 1.2) if g > 3 * error else 0.0
        flat = logs - g * state
    return [float(value) for value in np.exp(flat)]


def _medians(index: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of the values of each index, which runs from 0 without gaps."""
    count = np.bincount(index)
    first = np.cumsum(count) - count
    within = values[np.lexsort((values, index))]
    result: npt.NDArray[np.float64] = (within[first + (count - 1) // 2] + within[first + count // 2]) / 2
    return result


@lru_cache(maxsize=1024)
def _rank(n: int) -> int | None:
    """Return how many values may be cut from each end so that what is left covers the median at 95 %."""
    outside = 0.0
    for cut in range(n // 2 + 1):
        outside += 2 * math.comb(n, cut) / 2**n
        if outside > 1 - _COVERAGE:
            return cut - 1 if cut else None
    return None

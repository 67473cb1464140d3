"""From raw blocks to latencies with intervals."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ESTIMATOR = "median-of-normalised-rounds 2"  # name and version; latencies are derived again where it changes
_COVERAGE = 0.95
_EXACT_ERROR = 1e-4
_NEIGHBOURS = 4  # blocks before and after one that tell how fast the machine was
_KEPT = 0.9  # of the subjects, in what is pooled over them
_FEWEST_TO_FIT = 30  # blocks of a class, below which no exponent is fitted to it
_FEWEST_TO_RESPOND = 10  # blocks of a layer, below which its own response is not looked at

Terms = Mapping[str, Sequence[tuple[str, float]]]


class Observation(NamedTuple):
    """A block as the statistics see it: the graph that was run, its latency, its class, its round and process."""

    part: str
    ms: float
    bound: str
    round: int
    process: int


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
    rounds, processes : int
    process_share : float
        Standard deviation between processes, as a share of the latency; pooled over the session.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    std_error_ms: float
    rounds: int
    processes: int = 1
    process_share: float = 0.0

    @property
    def interval(self) -> float:
        """How far the interval reaches from the latency, as a share of it, on its wider side."""
        if self.latency_ms <= 0:
            return math.inf
        return max(self.high_ms - self.latency_ms, self.latency_ms - self.low_ms) / self.latency_ms


def sample_ms(spans_ns: Sequence[int], calls_per_span: int) -> float:
    """Return a block's latency in ms: the mean of the faster two thirds of its spans, a call.

    Neighbours on a shared machine only ever add time, in bursts, which the slowest third mostly holds. A mean of
    what is left and not a low quantile, since the parts of a network must add up to it: quantiles of short spans lie
    lower than those of long ones on a noisy machine.
    """
    kept = sorted(spans_ns)[: math.ceil(len(spans_ns) * 2 / 3)]
    return sum(kept) / len(kept) / calls_per_span / 1e6


def estimate(rounds_ms: Sequence[float]) -> Estimate:
    """Return the median over rounds with its distribution-free 95 % interval (order statistics, binomial ranks)."""
    ordered = sorted(rounds_ms)
    n = len(ordered)
    latency = statistics.median(ordered)
    rank = _rank(n)
    low, high = (ordered[rank], ordered[n - 1 - rank]) if rank is not None else (-math.inf, math.inf)
    return Estimate(latency, low, high, (high - low) / 3.92, n)


def exact(latency_ms: float) -> Estimate:
    """Return what was counted or computed, not timed: one time is enough.

    Its error is one part in ten thousand, so that a fit weighs it as very well known, and not as beyond doubt.
    """
    error = _EXACT_ERROR * latency_ms
    return Estimate(latency_ms, latency_ms - 1.96 * error, latency_ms + 1.96 * error, error, 1)


def estimate_session(
    samples: Sequence[Observation], terms: Terms, only: Mapping[str, Collection[int]] | None = None
) -> dict[str, Estimate]:
    """Return the estimate of each subject of a session.

    Parameters
    ----------
    samples : sequence of Observation
        The blocks, in the order they were taken.
    terms : mapping of str to sequence of (str, float)
        For each subject the parts that were run for it, and what each counts for in its latency.
    only : mapping of str to collection of int, optional
        For some subjects, the processes whose rounds to take.

    Notes
    -----
    Every fresh process has its own luck with memory. What that makes of the latencies is pooled over all subjects, as
    a share of them, and added to the intervals: half² = (half of the rounds)² + (1.96 · share)² / processes.
    """
    values = _by_round(samples)
    found: dict[str, Estimate] = {}
    by_process: dict[str, dict[int, list[float]]] = {}
    for subject, parts in terms.items():
        known = [values.get(part, {}) for part, _ in parts]
        weights = [weight for _, weight in parts]
        constants = [statistics.median(each.values()) if each else math.nan for each in known]
        rounds: dict[int, list[float]] = defaultdict(list)
        # The first part is measured against what the others are at their medians: their noise is not the subject's.
        for key, value in known[0].items():
            if only is None or subject not in only or key[1] in only[subject]:
                rest = sum(w * c for w, c in zip(weights[1:], constants[1:], strict=True))
                rounds[key[1]].append(weights[0] * value + rest)
        flat = [value for each in rounds.values() for value in each]
        if flat and not math.isnan(flat[0]):
            by_process[subject] = rounds
            found[subject] = _with_terms(estimate(flat), weights[1:], [list(each.values()) for each in known[1:]])
    share = process_share(list(by_process.values()))
    return {subject: _widened(one, share, len(by_process[subject])) for subject, one in found.items()}


def _by_round(samples: Sequence[Observation]) -> dict[str, dict[tuple[int, int], float]]:
    """Return each part's normalised value in each (round, process): the median of its blocks there."""
    blocks: dict[str, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample, value in zip(samples, normalise(samples).values, strict=True):
        blocks[sample.part][sample.round, sample.process].append(value)
    return {part: {key: statistics.median(each) for key, each in of.items()} for part, of in blocks.items()}


def _with_terms(one: Estimate, weights: Sequence[float], rounds: Sequence[Sequence[float]]) -> Estimate:
    """Add to an interval the errors of the terms that were taken as constants."""
    squares = sum((w * estimate(each).std_error_ms * 1.96) ** 2 for w, each in zip(weights, rounds, strict=True))
    return _wider(one, squares)


def _widened(one: Estimate, share: float, processes: int) -> Estimate:
    return replace(
        _wider(one, (1.96 * share * one.latency_ms) ** 2 / processes), processes=processes, process_share=share
    )


def _wider(one: Estimate, square: float) -> Estimate:
    if math.isnan(square):
        square = math.inf
    low = one.latency_ms - math.sqrt((one.latency_ms - one.low_ms) ** 2 + square)
    high = one.latency_ms + math.sqrt((one.high_ms - one.latency_ms) ** 2 + square)
    return replace(one, low_ms=low, high_ms=high, std_error_ms=(high - low) / 3.92)


def process_share(subjects: Sequence[Mapping[int, Sequence[float]]]) -> float:
    """Return the standard deviation between processes that rounds do not explain, as a share of the latency.

    Parameters
    ----------
    subjects : sequence of mapping of int to sequence of float
        Of each subject the latencies of its rounds, by process. Those of less than two processes with two rounds
        each say nothing. Analysis of variance, pooled by the median over subjects: one subject says little, all do.
    """
    between, within, freedom = [], [], []
    for rounds in subjects:
        groups = [np.asarray(each) for each in rounds.values() if len(each) > 1]
        middle = statistics.median([value for each in groups for value in each]) if groups else 0.0
        if len(groups) < 2 or middle <= 0:
            continue
        between.append(float(np.var([np.median(each) / middle for each in groups], ddof=1)))
        # The median of a few has pi/2 of the variance of their mean.
        within.append(float(np.mean([np.var(each / middle, ddof=1) * np.pi / 2 / len(each) for each in groups])))
        freedom.append(len(groups) - 1)
    if not between:
        return 0.0
    # Some layers have a life of their own: medians over the subjects leave it out, even of a few. A variance is
    # distributed as chi squared over its degrees of freedom, whose median is below its mean.
    left = statistics.median(between) / _median_chi2(round(statistics.median(freedom)))
    return math.sqrt(max(0.0, left - statistics.median(within)))


@lru_cache(maxsize=64)
def _median_chi2(freedom: int) -> float:
    """Return the median of chi squared over its degrees of freedom."""
    from scipy.stats import chi2

    return float(chi2.median(freedom) / freedom)


def _trimmed(values: Sequence[float]) -> float:
    return float(np.mean(sorted(values)[: math.ceil(_KEPT * len(values))]))


@lru_cache(maxsize=64)
def _trimmed_chi2(freedom: int) -> float:
    """Return the mean of chi squared over its degrees of freedom, the largest tenth left out."""
    from scipy.stats import chi2

    return float(chi2.cdf(chi2.ppf(_KEPT, freedom), freedom + 2) / _KEPT)


class Normalised(NamedTuple):
    """Blocks with the machine's state taken out.

    Attributes
    ----------
    values : list of float, shape (blocks,)
    exponents : dict of str to float
        How strongly the blocks of each class followed the machine's state.
    state : list of float, shape (blocks,)
        The logarithm of how much slower than usual the machine was.
    """

    values: list[float]
    exponents: dict[str, float]
    state: list[float]


def normalise(samples: Sequence[Observation]) -> Normalised:
    """Take out of each block what the blocks around it say of the machine's speed at that moment.

    A shared machine is slow for some blocks on end, whatever runs. Rounds are shuffled, so a block's neighbours are
    other layers: the median of their deviations, each from its own layer's median, is the machine's state, and a
    block's logarithm is lowered by ``g`` times it. ``g`` is fitted for each class of layers (compute- or
    memory-bound), between 0 and 1.2, and is 0 where the data do not support it (three standard errors, thirty
    blocks), so that a steady machine's blocks stay as they are.

    Notes
    -----
    Measured on a 2-core virtual machine with busy neighbours, 128 conv layers, 60 rounds: the median half-width of
    the intervals fell from 4.2 to 1.3 % on tflite, from 2.8 to 1.6 % on openvino, from 3.8 to 1.7 % on tflite:builtin
    (windows of 2 to 16 blocks do about as well; ``g`` was 0.94 to 0.96).
    """
    names, index = np.unique([sample.part for sample in samples], return_inverse=True)
    values = [sample.ms for sample in samples]
    classes, of_class = np.unique([sample.bound for sample in samples], return_inverse=True)
    exponents = dict.fromkeys(map(str, classes), 0.0)
    if len(names) < 2 or len(index) <= 2 * _NEIGHBOURS:
        return Normalised(values, exponents, [0.0] * len(values))
    logs = np.log(np.asarray(values))
    flat, state = logs, np.zeros_like(logs)
    for _ in range(3):  # medians of normalised blocks make a better state, which makes better medians
        deviations = logs - _medians(index, flat)[index]
        padded = np.pad(deviations, _NEIGHBOURS, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
        state = np.median(np.delete(windows, _NEIGHBOURS, axis=1), axis=1)
        state -= np.median(state)
        g = np.array([_exponent(deviations[of_class == k], state[of_class == k]) for k in range(len(classes))])
        exponents = dict(zip(map(str, classes), map(float, g), strict=True))
        flat = logs - g[of_class] * state
    return Normalised([float(value) for value in np.exp(flat)], exponents, [float(value) for value in state])


def response_share(samples: Sequence[Observation]) -> dict[str, float]:
    """Return how far each class's layers may lie off in a session whose machine is in another state, as a share.

    Layers do not slow down alike, those of one class among themselves and the classes. How much their exponents differ
    from the compute-bound class's, beyond what noise explains, times how much the machine's state varied between the
    rounds of this session: what another session's state, off by as much, would do to a latency relative to
    compute-bound ones. It belongs to intervals that are to hold between sessions, not within one.
    """
    found = normalise(samples)
    state = np.asarray(found.state)
    blocks: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        blocks[sample.part].append(i)
    squares: dict[str, list[float]] = defaultdict(list)
    noise: dict[str, list[float]] = defaultdict(list)
    for places in blocks.values():
        s = state[places] - np.mean(state[places])
        rest = np.log([found.values[i] for i in places])
        rest -= np.mean(rest)
        power = float(s @ s)
        if len(places) >= _FEWEST_TO_RESPOND and power > 0:
            kind = samples[places[0]].bound
            slope = float(rest @ s) / power  # what is left of the response after the class's has been taken out
            squares[kind].append(slope**2)
            noise[kind].append(float(np.var(rest - slope * s)) / power)
    rounds: dict[tuple[int, int], list[float]] = defaultdict(list)
    for sample, each in zip(samples, found.state, strict=True):
        rounds[sample.round, sample.process].append(each)
    slow = float(np.std([statistics.median(each) for each in rounds.values()]))  # bursts are over within a session
    shares = {}
    for kind, exponent in found.exponents.items():
        own = _trimmed(squares[kind]) / _trimmed_chi2(1) - _trimmed(noise[kind]) if squares[kind] else 0.0
        unlike = exponent - found.exponents.get("compute", exponent)
        shares[kind] = math.sqrt(max(0.0, own) + unlike**2) * slow
    return shares


def _exponent(deviations: npt.NDArray[np.float64], state: npt.NDArray[np.float64]) -> float:
    """Return how strongly a class's blocks follow the machine's state; 0 where that is not supported."""
    power = float(state @ state)
    if len(state) < _FEWEST_TO_FIT or power == 0:
        return 0.0
    g = float(deviations @ state) / power
    error = float(np.std(deviations - g * state)) / power**0.5
    return min(g, 1.2) if g > 3 * error else 0.0


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


def stands_alone(ms: float, error_ms: float, left_ms: Sequence[float], right_ms: Sequence[float]) -> bool:
    """Whether a layer lies above all its neighbours on the swept axis, or below all of them, by more than noise.

    Two on each side; by more than 4 standard errors and 3 %. The edge of a step agrees with one side, so it does not.
    """
    near = [*left_ms[-2:], *right_ms[:2]]
    if not left_ms or not right_ms:
        return False
    margin = max(4 * error_ms, 0.03 * ms)
    return ms > max(near) + margin or ms < min(near) - margin


def agree(first: Estimate, again: Estimate) -> bool:
    """Whether two estimates of one latency differ by no more than their intervals, or 3 %, explain."""
    tolerance = 1.96 * math.hypot(first.std_error_ms, again.std_error_ms)
    return abs(first.latency_ms - again.latency_ms) <= max(tolerance, 0.03 * first.latency_ms)

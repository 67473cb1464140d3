"""Latencies with intervals, from the samples of a session."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from nnbehave.measurement.statistics.normalising import normalise
from nnbehave.measurement.statistics.observation import Observation

ESTIMATOR = "median-of-normalised-rounds 2"  # name and version; latencies are derived again where it changes
COVERAGE = 0.95
TWO_SIDED = 1.96  # standard errors on each side of a 95 % interval
EXACT_ERROR = 1e-4  # standard error of an exact latency, as a share of it
ALONE_SHARE = 0.03  # share of its latency by which a layer that stands alone differs from all its neighbours
ALONE_ERRORS = 4  # standard errors by which it differs from them at least, so that it is not noise
AGREEMENT = 0.03  # share of a latency by which two measurements of it may differ, whatever their intervals

Terms = Mapping[str, Sequence[tuple[str, float]]]


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
        Standard error of a normal distribution with that interval: its width over 3.92.
    rounds, processes : int
        How many rounds it rests on, and how many runner processes.
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
        """How far the interval reaches from the latency on its wider side, as a share of the latency."""
        if self.latency_ms <= 0:
            return math.inf
        return max(self.high_ms - self.latency_ms, self.latency_ms - self.low_ms) / self.latency_ms


def estimate(rounds_ms: Sequence[float]) -> Estimate:
    """Return the median over rounds with its 95 % interval, whatever the distribution.

    The ends of the interval are order statistics, whose ranks follow from the binomial distribution with p = 1/2 (for
    example Conover, *Practical Nonparametric Statistics*, section 3.2). Fewer than six rounds give no interval.

    Parameters
    ----------
    rounds_ms : sequence of float
        One latency a round, in ms.

    Examples
    --------
    >>> found = estimate([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    >>> found.latency_ms, found.low_ms, found.high_ms
    (1.25, 1.0, 1.5)
    """
    ordered = sorted(rounds_ms)
    n = len(ordered)
    latency = statistics.median(ordered)
    rank = _rank(n)
    low, high = (ordered[rank], ordered[n - 1 - rank]) if rank is not None else (-math.inf, math.inf)
    return Estimate(latency, low, high, (high - low) / 3.92, n)


def exact(latency_ms: float) -> Estimate:
    """Return the estimate of a latency that was counted or computed, not timed.

    Its standard error is one part in ten thousand, so a fit weighs it as very well known, but not as beyond doubt.
    """
    error = EXACT_ERROR * latency_ms
    return Estimate(latency_ms, latency_ms - TWO_SIDED * error, latency_ms + TWO_SIDED * error, error, 1)


def estimate_session(
    samples: Sequence[Observation], terms: Terms, only: Mapping[str, Collection[int]] | None = None
) -> dict[str, Estimate]:
    """Return the estimate of each subject of a session that has samples of all its parts.

    Parameters
    ----------
    samples : sequence of Observation
        In the order in which they were taken.
    terms : mapping of str to sequence of (str, float)
        For each subject the parts that were run for it, and the weight of each in its latency.
    only : mapping of str to collection of int, optional
        For some subjects, the processes whose rounds to use.

    Notes
    -----
    Every fresh process has its own luck with memory. Its effect on latencies is pooled over all subjects, as a share of
    them, and added to the intervals: half² = (half of the rounds)² + (1.96 · share)² / processes.
    """
    values = _by_round(samples)
    found: dict[str, Estimate] = {}
    by_process: dict[str, dict[int, list[float]]] = {}
    for subject, parts in terms.items():
        known = [values.get(part, {}) for part, _ in parts]
        weights = [weight for _, weight in parts]
        constants = [statistics.median(each.values()) if each else math.nan for each in known]
        rounds: dict[int, list[float]] = defaultdict(list)
        # Rounds of the first part are set against the medians of the others, whose noise is not the subject's.
        for key, value in known[0].items():
            if only is None or subject not in only or key[1] in only[subject]:
                rest = sum(w * c for w, c in zip(weights[1:], constants[1:], strict=True))
                rounds[key[1]].append(weights[0] * value + rest)
        flat = [value for each in rounds.values() for value in each]
        if flat and not math.isnan(flat[0]):
            by_process[subject] = rounds
            found[subject] = _with_terms(estimate(flat), weights[1:], [list(each.values()) for each in known[1:]])
    share = process_share(list(by_process.values()))
    return {subject: with_processes(one, share, len(by_process[subject])) for subject, one in found.items()}


def process_share(subjects: Sequence[Mapping[int, Sequence[float]]]) -> float:
    """Return the standard deviation between processes that rounds do not explain, as a share of the latency.

    This is an analysis of variance, pooled by the median over subjects: one subject says little, all together do.

    Parameters
    ----------
    subjects : sequence of mapping of int to sequence of float
        For each subject the latencies of its rounds, by process. A subject counts if it has at least two processes with
        at least two rounds each.
    """
    between, within, freedom = [], [], []
    for rounds in subjects:
        groups = [np.asarray(each) for each in rounds.values() if len(each) > 1]
        middle = statistics.median([value for each in groups for value in each]) if groups else 0.0
        if len(groups) < 2 or middle <= 0:
            continue
        between.append(float(np.var([np.median(each) / middle for each in groups], ddof=1)))
        # The median of a few values has π/2 times the variance of their mean.
        within.append(float(np.mean([np.var(each / middle, ddof=1) * np.pi / 2 / len(each) for each in groups])))
        freedom.append(len(groups) - 1)
    if not between:
        return 0.0
    # Some layers vary for reasons of their own. The median over subjects leaves them out, even if there are few
    # subjects. A variance is distributed as chi squared over its degrees of freedom, whose median is below its mean.
    left = statistics.median(between) / _median_chi2(round(statistics.median(freedom)))
    return math.sqrt(max(0.0, left - statistics.median(within)))


def stands_alone(ms: float, error_ms: float, left_ms: Sequence[float], right_ms: Sequence[float]) -> bool:
    """Return True if a layer lies above all its neighbours on the swept axis, or below all, by more than noise.

    There are up to two neighbours on each side. "More than noise" is more than 4 standard errors and more than 3 %. A
    layer at the edge of a step agrees with one side, so it does not stand alone.

    Parameters
    ----------
    ms, error_ms : float
        Latency and standard error of the layer.
    left_ms, right_ms : sequence of float
        Latencies of the layers before and after it, in the order of the axis.
    """
    near = [*left_ms[-2:], *right_ms[:2]]
    if not left_ms or not right_ms:
        return False
    margin = max(ALONE_ERRORS * error_ms, ALONE_SHARE * ms)
    return ms > max(near) + margin or ms < min(near) - margin


def agree(first: Estimate, again: Estimate) -> bool:
    """Return True if two estimates of one latency differ by no more than their intervals, or 3 %, explain."""
    tolerance = TWO_SIDED * math.hypot(first.std_error_ms, again.std_error_ms)
    return abs(first.latency_ms - again.latency_ms) <= max(tolerance, AGREEMENT * first.latency_ms)


def _by_round(samples: Sequence[Observation]) -> dict[str, dict[tuple[int, int], float]]:
    """Return each part's normalised latency in each (round, process): the median of its samples there."""
    found: dict[str, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample, value in zip(samples, normalise(samples).values, strict=True):
        found[sample.part][sample.round, sample.process].append(value)
    return {part: {key: statistics.median(each) for key, each in of.items()} for part, of in found.items()}


def _with_terms(one: Estimate, weights: Sequence[float], rounds: Sequence[Sequence[float]]) -> Estimate:
    """Add to an interval the errors of the terms that were taken as constants."""
    squares = sum((w * estimate(each).std_error_ms * TWO_SIDED) ** 2 for w, each in zip(weights, rounds, strict=True))
    return _wider(one, squares)


def with_processes(one: Estimate, share: float, processes: int) -> Estimate:
    """Add to an interval the differences between processes."""
    square = (TWO_SIDED * share * one.latency_ms) ** 2 / processes
    return replace(_wider(one, square), processes=processes, process_share=share)


def _wider(one: Estimate, square: float) -> Estimate:
    """Add the square of a half-width to the squares of both halves of an interval."""
    if math.isnan(square):
        square = math.inf
    low = one.latency_ms - math.sqrt((one.latency_ms - one.low_ms) ** 2 + square)
    high = one.latency_ms + math.sqrt((one.high_ms - one.latency_ms) ** 2 + square)
    return replace(one, low_ms=low, high_ms=high, std_error_ms=(high - low) / 3.92)


@lru_cache(maxsize=64)
def _median_chi2(freedom: int) -> float:
    """Return the median of chi squared over its degrees of freedom."""
    from scipy.special import gammaincinv  # scipy.stats takes a second more to load

    return float(gammaincinv(freedom / 2, 0.5) / (freedom / 2))


@lru_cache(maxsize=1024)
def _rank(n: int) -> int | None:
    """Return how many values may be cut from each end if the rest is to cover the median at 95 %; None if none may."""
    outside = 0.0
    for cut in range(n // 2 + 1):
        outside += 2 * math.comb(n, cut) / 2**n
        if outside > 1 - COVERAGE:
            return cut - 1 if cut else None
    return None

"""The statistics that other benchmarks report: the mean, the median or a percentile of all timed spans as they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.statistics.estimates import Estimate, Terms, process_share, with_processes

_DRAWS = 200  # of the bootstrap, whose 95 % interval is their 2.5th and 97.5th percentile
_Rounds = dict[tuple[int, int], list[float]]  # by round and process, the latency of each span in ms


class RawSample(NamedTuple):
    """The spans of one part in one sample.

    Attributes
    ----------
    part : str
    calls_ms : sequence of float
        For each span, the mean latency of its calls in ms.
    round, process : int
    """

    part: str
    calls_ms: Sequence[float]
    round: int
    process: int


class Statistic:
    """A statistic of spans.

    Parameters
    ----------
    name : str
        ``mean``, ``median``, or a percentile from ``p1`` to ``p99``.

    Raises
    ------
    InvalidInputError
        It is none of these.

    Examples
    --------
    >>> Statistic("p90").of(range(11))
    9.0
    """

    def __init__(self, name: str) -> None:
        found = re.fullmatch(r"p([1-9]\d?)", "p50" if name == "median" else str(name))
        if name != "mean" and found is None:
            raise InvalidInputError(f"statistic: expected 'mean', 'median' or 'p1' to 'p99', got {name!r}")
        self.name = name
        self._percent = float(found[1]) if found else None

    def of(self, values: Sequence[float] | npt.NDArray[np.float64]) -> float:
        """Return the statistic of some values."""
        return float(np.mean(values) if self._percent is None else np.percentile(values, self._percent))


def estimate_plainly(samples: Iterable[RawSample], terms: Terms, statistic: Statistic) -> dict[str, Estimate]:
    """Return the statistic of each subject of a session that has samples of all its parts.

    Nothing is normalised or left out: all spans of all samples count the same, those of disturbed samples too.

    Parameters
    ----------
    samples : iterable of RawSample
    terms : mapping of str to sequence of (str, float)
        For each subject the parts that were run for it, and the weight of each in its latency.
    statistic : Statistic

    Notes
    -----
    The interval is that of a percentile bootstrap over rounds (Efron and Tibshirani, *An Introduction to the
    Bootstrap*, section 13.3), as spans of one round are alike. The luck of processes is added to it as in
    :func:`~nnbehave.measurement.statistics.estimates.estimate_session`.
    """
    rounds: dict[str, _Rounds] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        rounds[sample.part][sample.round, sample.process] += sample.calls_ms
    latencies = {part: _drawn(of_part, statistic) for part, of_part in rounds.items()}
    found: dict[str, Estimate] = {}
    by_process: dict[str, dict[int, list[float]]] = {}
    for subject, parts in terms.items():
        if all(part in latencies for part, _ in parts):
            first = rounds[parts[0][0]]
            sums = np.sum([weight * latencies[part] for part, weight in parts], axis=0)
            low, high = np.percentile(sums[1:], (2.5, 97.5))
            found[subject] = Estimate(float(sums[0]), float(low), float(high), float(high - low) / 3.92, len(first))
            by_process[subject] = defaultdict(list)
            for (_, process), calls_ms in first.items():
                by_process[subject][process].append(statistic.of(calls_ms))
    share = process_share(list(by_process.values()))
    return {
        subject: with_processes(one if one.rounds > 1 else _without_interval(one), share, len(by_process[subject]))
        for subject, one in found.items()
    }


def _drawn(rounds: _Rounds, statistic: Statistic) -> npt.NDArray[np.float64]:
    """Return the statistic of a part, and then that of each bootstrap draw of its rounds."""
    groups = [np.asarray(each) for each in rounds.values()]
    rng = np.random.default_rng(0)
    draws = rng.integers(len(groups), size=(_DRAWS, len(groups)))
    drawn = (np.concatenate([groups[i] for i in draw]) for draw in draws)
    return np.array([statistic.of(np.concatenate(groups)), *map(statistic.of, drawn)])


def _without_interval(one: Estimate) -> Estimate:
    return replace(one, low_ms=-np.inf, high_ms=np.inf, std_error_ms=np.inf)

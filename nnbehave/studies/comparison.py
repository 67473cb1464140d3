"""Is one layer or graph faster than another? Interleaved pairs, their ratio, and a verdict (perhaps "cannot tell")."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nnbehave.design.graph import Graph, as_graph
from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.derive import observations_of
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Observation, estimate
from nnbehave.studies.failures import raise_failures

Verdict = Literal["yes", "no", "cannot tell"]
Parts = Sequence[tuple[str, float]]  # the graphs that are run for a subject, each with its weight in the latency


@dataclass(frozen=True)
class Comparison:
    """The ratio of two latencies, measured in interleaved pairs.

    Attributes
    ----------
    ratio, low, high : float
        Latency of the first over latency of the second: the median over the pairs, and its 95 % interval.
    pairs : tuple of float
        The ratio of each pair.
    processes : int
        Number of fresh processes that the pairs were measured in.
    """

    ratio: float
    low: float
    high: float
    pairs: tuple[float, ...]
    processes: int

    def differs(self, by: float = 0.03) -> Verdict:
        """Return ``yes`` if the two latencies differ by more than a share.

        ``yes`` means that the whole interval lies outside ``1 / (1 + by)`` to ``1 + by``, ``no`` that it lies inside.
        Otherwise the verdict is ``cannot tell``.
        """
        return judge(self.low, self.high, 1 / (1 + by), 1 + by)

    def __repr__(self) -> str:
        return (
            f"Comparison(ratio {self.ratio:.3f}, {self.low:.3f} to {self.high:.3f}, {len(self.pairs)} pairs in "
            f"{self.processes} processes; differs by 3 %: {self.differs()})"
        )


def judge(low: float, high: float, least: float, most: float) -> Verdict:
    """Return ``yes`` if a quantity whose interval is ``low`` to ``high`` lies outside ``least`` to ``most``.

    Examples
    --------
    >>> judge(1.1, 1.2, 0.97, 1.03), judge(0.99, 1.02, 0.97, 1.03), judge(1.0, 1.1, 0.97, 1.03)
    ('yes', 'no', 'cannot tell')
    """
    if math.isnan(low) or math.isnan(high):
        return "cannot tell"
    if low > most or high < least:
        return "yes"
    return "no" if low >= least and high <= most else "cannot tell"


def compare(
    first: Layer | Graph,
    second: Layer | Graph,
    platform: str = "tflite",
    *,
    method: str | None = None,
    pairs: int = 30,
    processes: int = 5,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
    context: str | int | None = None,
) -> Comparison:
    """Measure two layers or graphs in interleaved pairs and return the ratio of their latencies.

    The two of a pair are measured within milliseconds of one another, in random order, so that the state of the machine
    cancels. The pairs are spread over fresh processes. How a process lays out memory does not cancel; the interval
    includes the differences between processes.

    Parameters
    ----------
    first, second : Layer or Graph
    platform : str
    method : str, optional
        As in :func:`nnbehave.sweep`; by default the first that the platform lists.
    pairs, processes : int
    seed : int
        Seed of weights, inputs and the order in pairs.
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.
    context : str or int, optional
        As in :func:`nnbehave.sweep`; by default the context of the method.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, TargetError
        The arguments cannot be used here.
    WorkerError
        One of the two cannot be converted or run; the message says why.
    """
    graphs = [as_graph(first), as_graph(second)]
    where = get_platform(platform)
    how = method or where.methods[0]
    if how not in where.methods:
        raise InvalidInputError(f"method: {where.name!r} can be measured by {', '.join(where.methods)}, got {method!r}")
    if graphs[0] == graphs[1]:
        raise InvalidInputError("the two are the same graph, so there is nothing to compare")
    settings = Settings(min_rounds=pairs, max_rounds=pairs, processes=processes, seed=seed)
    options = Options(settings, how, context, target, progress=progress, with_references=False, shard_bytes=math.inf)
    with Engine(platform, options) as engine:
        raise_failures(engine.measure([graphs]))
        (session,) = engine.sessions()
    observations = observations_of(session, {graph.id: graph for graph in graphs})
    return ratio(observations, *(session.terms[graph.id] for graph in graphs))


def ratio(observations: Sequence[Observation], first: Parts, second: Parts) -> Comparison:
    """Return the ratio of the latencies of two subjects in a session. Each round gives one pair.

    Each end of the interval is the outer end of two intervals: of the median over the pairs (order statistics), and of
    the processes' medians (Student's t, with one degree of freedom less than there are processes).
    """
    values: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in observations:
        values[each.round, each.process][each.part].append(each.ms)
    pairs: dict[int, list[float]] = defaultdict(list)
    for (_, process), samples in sorted(values.items()):
        if all(part in samples for part, _ in [*first, *second]):
            sums = [sum(w * statistics.median(samples[part]) for part, w in terms) for terms in (first, second)]
            if sums[1] > 0:
                pairs[process].append(sums[0] / sums[1])
    flat = tuple(value for each in pairs.values() for value in each)
    if not flat:
        return Comparison(math.nan, math.nan, math.nan, (), 0)
    middle = estimate(flat)
    low, high = middle.low_ms, middle.high_ms
    medians = [statistics.median(each) for each in pairs.values()]
    if len(medians) > 1:
        half = student_t(len(medians) - 1) * statistics.stdev(medians) / math.sqrt(len(medians))
        low, high = min(low, middle.latency_ms - half), max(high, middle.latency_ms + half)
    return Comparison(middle.latency_ms, low, high, flat, len(medians))


def student_t(degrees_of_freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t: half the width of a 95 % interval, in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, 0.975))

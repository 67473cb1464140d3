"""The one options object of the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nnbehave.design.graph import Graph
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.context import Context, context_name
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Statistic

_SHARD_BYTES = 1 << 30


@dataclass(frozen=True)
class Options:
    """How the engine measures, whoever asks it.

    Attributes
    ----------
    settings : Settings
        How a session measures.
    method : str or None
        How a layer is isolated (:mod:`nnbehave.measurement.isolation`); by default the first that its platform lists,
        and ``whole`` for networks.
    context : str or int or None
        What is touched between two calls (:mod:`nnbehave.measurement.context`); by default ``network`` for layers that
        are stacked, ``warm`` for others, and ``loop`` for networks.
    target : str
        Where runners execute (:func:`nnbehave.measurement.targets.get_target`).
    retry : bool
        Measure again what failed, timed out or stayed noisy.
    progress : bool
        Show progress bars.
    graphs_whole : bool
        Measure every graph as networks are by default, by a whole call, and all of them in one session where a runner
        has memory for that: graphs that are compared with one another.
    with_references : bool
        Measure the reference layers in every round, for ``relative_latency``.
    inside : Graph or None
        A network: in place of ``context``, layers are measured at the distances that they have in a loop of it.
    seconds : float
        End a session after so many seconds of sampling.
    statistic : str or None
        The statistic of the spans that latencies are (:class:`~nnbehave.measurement.statistics.Statistic`); by default
        that of the library's own estimator. It changes what is told, not what is measured.
    shard_bytes : float
        Memory that the graphs of one session may take in a runner; infinite to keep all in one session.
    """

    settings: Settings = field(default_factory=Settings)
    method: str | None = None
    context: Context | None = None
    target: str = "local"
    retry: bool = False
    progress: bool = True
    graphs_whole: bool = False
    with_references: bool = True
    inside: Graph | None = None
    seconds: float = math.inf
    statistic: str | None = None
    shard_bytes: float = _SHARD_BYTES

    def __post_init__(self) -> None:
        if self.context is not None:
            context_name(self.context)
        if self.statistic is not None:
            Statistic(self.statistic)
        if not self.seconds > 0:
            raise InvalidInputError(f"seconds: must be above 0, got {self.seconds!r}")

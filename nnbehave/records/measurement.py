"""The record of one measurement: frozen, typed, with its units in its names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.records.status import Status, StopRule

Scalar = str | int | float | bool | None
# Of results that were written before a measurement had a context, by method.
CONTEXTS_BEFORE = {"whole": "warm", "profiled": "warm", "stacked": "unknown"}
FEWEST_COMMON_POINTS = 8  # that two sessions share before their latencies stand in one curve


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float

    @classmethod
    def unknown(cls) -> Interval:
        """Return the interval of a quantity that is not known: NaN to NaN."""
        return cls(math.nan, math.nan)

    def scaled(self, factor: float) -> Interval:
        """Return the interval times a factor."""
        return Interval(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Latency:
    """A latency and how sure it is.

    Attributes
    ----------
    ms : float
        Latency in milliseconds: the median over the rounds.
    interval_ms : Interval
        Of that median, within its session.
    std_error_ms : float
        Standard error in milliseconds.
    relative : float
        Latency over the geometric mean of the session's compute-bound reference layers; NaN where there were none.
    relative_interval : Interval
        Of ``relative``, with the references' own errors and the effect of another state of the machine in it: this
        interval holds between sessions.
    """

    ms: float
    interval_ms: Interval
    std_error_ms: float
    relative: float = math.nan
    relative_interval: Interval = field(default_factory=Interval.unknown)

    @property
    def half_width(self) -> float:
        """How far the interval reaches on its wider side, as a share of the latency."""
        if not self.ms > 0:
            return math.inf
        return max(self.interval_ms.high - self.ms, self.ms - self.interval_ms.low) / self.ms

    def scaled(self, factor: float) -> Latency:
        """Return the latency in ms times a factor; the relative latency stays."""
        interval = self.interval_ms.scaled(factor)
        return Latency(self.ms * factor, interval, self.std_error_ms * factor, self.relative, self.relative_interval)


@dataclass(frozen=True)
class Subject:
    """The layer or graph that a measurement is about.

    Attributes
    ----------
    id : str
        The id of the :class:`~nnbehave.design.graph.Graph`.
    arrangement : str
        ``single``, ``chain``, ``fan``, ``pair`` or ``network``.
    layers : tuple of Layer
    """

    id: str
    arrangement: str
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, graph: Graph) -> Subject:
        """Return the subject that a graph is."""
        return cls(graph.id, graph.arrangement, graph.layers)

    @property
    def layer(self) -> Layer | None:
        """The layer of a single layer; None for a graph."""
        return self.layers[0] if self.arrangement == "single" else None

    @cached_property
    def ops(self) -> int:
        """Multiply-adds of one inference."""
        return sum(layer.ops for layer in self.layers)

    @cached_property
    def mac(self) -> int:
        """Elements read and written by one inference."""
        return sum(layer.mac for layer in self.layers)

    @cached_property
    def mac_bytes(self) -> int:
        """Bytes read and written by one inference, at the layers' precision."""
        return sum(layer.mac_bytes for layer in self.layers)

    def shared(self, name: str) -> Scalar:
        """Return the value of a layer field that all layers share; None where they differ."""
        values = {getattr(layer, name) for layer in self.layers}
        value: Scalar = values.pop() if len(values) == 1 else None
        return value


@dataclass(frozen=True)
class Fidelity:
    """How far an output is from that of TensorFlow in fp32.

    Attributes
    ----------
    output_error : float
        Root mean square of the difference over that of TensorFlow's output.
    output_cosine : float
        Cosine of the angle between the two outputs.
    largest_error : float
        The largest difference over TensorFlow's largest magnitude.
    rounding_error : float
        The ``output_error`` of TensorFlow's own output where its inputs are 1e-5 off. In fp32 a layer is ``failed``
        where its ``output_error`` is over 1e-3, or over ten times this where that is more.
    """

    output_error: float = math.nan
    output_cosine: float = math.nan
    largest_error: float = math.nan
    rounding_error: float = math.nan


@dataclass(frozen=True)
class Execution:
    """What really ran, in the words of the runtime.

    Attributes
    ----------
    precision : str or None
        What the kernels of the subject alone computed in.
    placement : str or None
        ``full``, ``partial`` or ``fallback``: whether the kernels ran where the platform means them to run.
    kernels : tuple of str
        Of one copy of the subject.
    fidelity : Fidelity
    """

    precision: str | None = None
    placement: str | None = None
    kernels: tuple[str, ...] = ()
    fidelity: Fidelity = field(default_factory=Fidelity)


@dataclass(frozen=True)
class Counts:
    """What an exact latency rests on: an emulator's counts, or a compiler's estimate.

    Attributes
    ----------
    counts : mapping of str to float
        By name, such as ``cycles``, ``instructions``, ``dram_bytes``.
    left_out : tuple of str
        Operators that the total leaves out: such a total is no latency to go by.
    """

    counts: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A place on a curve: the sweep of one dimension of one slot of a space.

    Attributes
    ----------
    space : str
    slot : str
    dimension : str or None
        None for a slot without choices, which is a point of the space and of no curve.
    """

    space: str
    slot: str
    dimension: str | None


@dataclass(frozen=True)
class Provenance:
    """Where a number comes from.

    Attributes
    ----------
    rounds, processes : int
        Rounds that have a sample of it; fresh processes that these were taken in. 0 without a latency.
    discarded_samples, disturbed_samples : int
        Samples that were taken again; samples that were disturbed each time they were taken.
    first_latency_ms : float
        What the first measurement gave, where it was measured again beside its neighbours; otherwise NaN.
    interval_asked : float
        Half-width that was asked for, as a share of the latency.
    stopped_by : StopRule or None
        None for exact methods, for a session that was interrupted, and in stores of earlier versions.
    session_finished : bool
        False where the session was interrupted.
    join_factor : float
        What the latency was multiplied by to stand beside the session that knows most of its curve; NaN where too few
        common points link the two.
    seed : int
        Of weights, inputs and the order of rounds.
    estimator : str
        Name and version of what derived the latency from samples.
    """

    rounds: int = 0
    processes: int = 0
    discarded_samples: int = 0
    disturbed_samples: int = 0
    first_latency_ms: float = math.nan
    interval_asked: float = math.nan
    stopped_by: StopRule | None = None
    session_finished: bool = True
    join_factor: float = 1.0
    seed: int = 0
    estimator: str = ""


@dataclass(frozen=True)
class Measurement:
    """What one subject took on one platform by one method.

    Attributes
    ----------
    subject : Subject
    platform : str
        ``name[:variant][?key=value]``.
    target : str
        Where the runner executed.
    method : str
        How the number came about: ``whole``, ``stacked``, ``profiled``, ``emulated``, ``estimated`` or ``none``.
    environment : str
        Id of the machine and the versions; :attr:`Measurements.environments` has the facts.
    session : int
        Measurements of one session are compared directly, others by :attr:`Latency.relative`.
    status : Status
    reason : str
        Why there is no latency, why it is noisy, or what ran otherwise than it was asked for.
    latency : Latency or None
        None where there is none.
    execution : Execution
    counts : Counts or None
        Of exact methods alone.
    provenance : Provenance
    point : Point or None
        None where it was measured by itself.
    context : str
        What was to be touched between two calls (:mod:`nnbehave.measurement.context`): ``warm``, ``network``, ``cold``,
        ``loop`` or a number of bytes; ``unknown`` of stacks that were measured before contexts were stored; empty
        where nothing is timed.
    distance_bytes : float
        What was touched between two uses of the weights, the median over the samples; NaN where it is not known.
    """

    subject: Subject
    platform: str
    target: str
    method: str
    environment: str
    session: int
    status: Status
    reason: str = ""
    latency: Latency | None = None
    execution: Execution = field(default_factory=Execution)
    counts: Counts | None = None
    provenance: Provenance = field(default_factory=Provenance)
    point: Point | None = None
    context: str = ""
    distance_bytes: float = math.nan

    @property
    def is_complete(self) -> bool:
        """False where the total leaves operators out."""
        return self.counts is None or not self.counts.left_out

    @property
    def usable(self) -> Latency | None:
        """The latency to go by, the one predicate for that; None where there is none.

        There is one where the status is ``ok`` or ``noisy``, nothing is left out of the total, the latency is above 0
        and its standard error is finite.
        """
        found = self.latency
        if found is None or self.status not in (Status.OK, Status.NOISY) or not self.is_complete:
            return None
        return found if found.ms > 0 and not math.isinf(found.std_error_ms) else None

    @property
    def is_usable(self) -> bool:
        """True if there is a latency to go by."""
        return self.usable is not None


@dataclass(frozen=True)
class Environment:
    """The machine and the software that a latency depends on.

    Attributes
    ----------
    machine : mapping of str to JSON value
        CPU, cores, caches, kernel, as the runner read them.
    versions : mapping of str to str
        Of the runtime and the packages.
    """

    machine: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

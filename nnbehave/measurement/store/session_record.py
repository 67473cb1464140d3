"""A session as the store holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import sample_ms
from nnbehave.records import Counts, Fidelity, Status, StopRule
from nnbehave.runner.kernels import Kernel

Parts = list[tuple[str, float]]  # the parts that make a subject's latency, and the weight of each


@dataclass(frozen=True)
class SampleRecord:
    """A sample: the timed spans of one part in one round.

    Attributes
    ----------
    part : str
    round, process : int
    calls_per_span : int
    spans_ns : tuple of int
        The timed spans in order, in ns.
    witnesses : mapping
        What was seen meanwhile (:mod:`nnbehave.runner.witnesses`). ``discarded`` says why the sample was taken again,
        ``disturbed`` why it should have been.
    taken_at : float
        Seconds since the epoch.
    """

    part: str
    round: int
    process: int
    calls_per_span: int
    spans_ns: tuple[int, ...]
    witnesses: Mapping[str, object]
    taken_at: float

    @property
    def ms(self) -> float:
        """Latency of one call (:func:`nnbehave.measurement.statistics.sample_ms`)."""
        return sample_ms(self.spans_ns, self.calls_per_span)

    @property
    def is_discarded(self) -> bool:
        """True if it was taken again, so that no latency comes from it."""
        return "discarded" in self.witnesses

    @property
    def disturbance(self) -> str:
        """What disturbed it each time it was taken; empty where nothing did."""
        return str(self.witnesses.get("disturbed", ""))


@dataclass(frozen=True)
class ProcessRecord:
    """A process of a session: the spans until it was steady, whether it ever was, and which witnesses there are."""

    warm_up_spans: int
    is_steady: bool
    witnesses: Mapping[str, bool]


@dataclass(frozen=True)
class StopRecord:
    """The rule that ended the measuring of a subject, and the half-width of its interval then, as a share."""

    rule: StopRule
    half_width: float


@dataclass(frozen=True)
class CountRecord:
    """The exact cost of a part: a latency in ms, and the counts that it follows from."""

    ms: float
    counts: Counts


@dataclass(frozen=True)
class LoadRecord:
    """What the runtime said of a part when it loaded it."""

    kernels: list[Kernel]
    executed_precision: str
    placement: str


@dataclass(frozen=True)
class OutcomeRecord:
    """Why a subject has no latency."""

    status: Status
    reason: str


@dataclass(frozen=True)
class RetestRecord:
    """The process that a subject was measured again in, and its neighbours on the swept dimension."""

    process: int
    neighbours: list[str]


@dataclass
class SessionRecord:
    """A session as the store holds it.

    Attributes
    ----------
    id : int
    platform, target, environment, method, context : str
    settings : Settings
    is_finished : bool
        False where it was interrupted.
    terms : dict of str to list of (str, float)
        For each subject the parts that make its latency, and the weight of each.
    references : set of str
        Subjects that were measured in every round for ``relative_latency``.
    asked : set of str
        Subjects that a caller asked for; a reference that nobody asked for is not among them.
    loads : dict of str to LoadRecord
        By part.
    fidelities : dict of str to Fidelity
        By part.
    outcomes : dict of str to OutcomeRecord
        By subject.
    retests : dict of str to RetestRecord
        By subject.
    stops : dict of str to StopRecord
        By subject; empty where the session was interrupted, and in stores of schema 5 and earlier.
    processes : list of ProcessRecord
    samples : list of SampleRecord
        In the order taken.
    counts : dict of str to CountRecord
        Of an exact method, by part.
    """

    id: int
    platform: str
    target: str
    environment: str
    method: str
    context: str
    settings: Settings
    is_finished: bool
    terms: dict[str, Parts] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    loads: dict[str, LoadRecord] = field(default_factory=dict)
    fidelities: dict[str, Fidelity] = field(default_factory=dict)
    outcomes: dict[str, OutcomeRecord] = field(default_factory=dict)
    retests: dict[str, RetestRecord] = field(default_factory=dict)
    stops: dict[str, StopRecord] = field(default_factory=dict)
    processes: list[ProcessRecord] = field(default_factory=list)
    samples: list[SampleRecord] = field(default_factory=list)
    counts: dict[str, CountRecord] = field(default_factory=dict)

"""The events that a session yields, in the order in which they happen.

A *part* is a graph that is run; a *subject* is the layer or graph that a result is about. Events of running name the
part; events about a result name the subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnbehave.measurement.statistics import Observation, sample_ms
from nnbehave.records import StopRule
from nnbehave.runner.kernels import Kernel

Facts = Mapping[str, object]
Witnesses = dict[str, Any]

DISCARDED = "discarded"
DISTURBED = "disturbed"
DISTANCE = "distance_bytes"


@dataclass(frozen=True)
class Hello:
    """What a runner says of itself when it starts.

    Attributes
    ----------
    protocol : int
        Version of :mod:`nnbehave.runner.protocol`.
    machine : mapping of str to JSON value
        The machine that the latencies are of (:func:`nnbehave.runner.machine.machine`); backends add facts.
    versions : mapping of str to str
        The packages that matter to a latency.
    cpus : tuple of int
        The cores that the runner is pinned to; empty where it is not pinned.
    state : mapping of str to JSON value
        The settings of the machine's clocks (:func:`nnbehave.runner.machine.state`).
    witnesses : dict of str to bool
        For each witness whether the machine has it (:mod:`nnbehave.runner.witnesses`).
    last_cache_bytes : int
        Size of the last cache of the processor; 0 where it cannot be read.
    """

    protocol: int
    machine: Facts
    versions: Mapping[str, str]
    cpus: tuple[int, ...]
    state: Facts
    witnesses: dict[str, bool]
    last_cache_bytes: int = 0


@dataclass(frozen=True)
class Loaded:
    """A part was loaded.

    Attributes
    ----------
    part : str
    load_s : float
        Time that loading took, in seconds.
    kernels : tuple of Kernel
        The kernels that will run, as the runtime tells.
    """

    part: str
    load_s: float
    kernels: tuple[Kernel, ...]


@dataclass(frozen=True)
class Checked:
    """The output of a part was compared with TensorFlow's output in fp32.

    Attributes
    ----------
    part : str
    output_error, output_cosine, largest_error, rounding_error : float
        See :class:`nnbehave.runner.reference.Fidelity`.
    """

    part: str
    output_error: float
    output_cosine: float
    largest_error: float
    rounding_error: float = float("nan")


@dataclass(frozen=True)
class Sample:
    """One part was timed once in one round.

    Attributes
    ----------
    part : str
    round, position, process : int
        Number of the round, place in the order of that round, number of the runner process in this session.
    calls_per_span : int
        Calls of the part in each timed span.
    spans_ns : tuple of int
        The timed spans in order, in ns.
    witnesses : dict
        What the machine did meanwhile (:mod:`nnbehave.runner.witnesses`). This stays a dict because the set is open:
        each machine has other witnesses, and new runners add more. The session adds ``distance_bytes``, which were
        touched between two uses of the weights (:mod:`nnbehave.measurement.context`), and one of two keys to a
        disturbed sample, with the reason as its value: ``discarded`` if the sample was taken again, ``disturbed`` if it
        was used because it had been taken again often enough.
    taken_at : float
        Seconds since the epoch.
    """

    part: str
    round: int
    position: int
    process: int
    calls_per_span: int
    spans_ns: tuple[int, ...]
    witnesses: Witnesses
    taken_at: float

    @property
    def discarded(self) -> bool:
        """True if the sample was disturbed and taken again: no estimate uses it."""
        return DISCARDED in self.witnesses

    def observation(self, bound: str) -> Observation:
        """Return the sample as the estimator takes it.

        Parameters
        ----------
        bound : str
            Class of the part: ``compute`` or ``memory``.
        """
        return Observation(self.part, sample_ms(self.spans_ns, self.calls_per_span), bound, self.round, self.process)


@dataclass(frozen=True)
class Counted:
    """The cost of a part was counted in an emulator or estimated by a compiler. It is exact.

    Attributes
    ----------
    part : str
    latency_ms : float
        Latency that follows from the counts.
    counts : dict of str to float
        The counts: ``cycles``, ``instructions`` or others.
    left_out : tuple of str
        Operators of the graph that the latency does not include, as the compiler calls them.
    """

    part: str
    latency_ms: float
    counts: dict[str, float]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """A subject left the session without a latency.

    Attributes
    ----------
    subject : str
    status : {"unsupported", "failed", "timeout"}
    reason : str
    """

    subject: str
    status: str
    reason: str


@dataclass(frozen=True)
class Process:
    """A fresh runner process was started and warmed up.

    Attributes
    ----------
    process : int
        Number of the process in this session, from 0.
    warm_up_spans : int
        Timed spans of the warm-up.
    steady : bool
        True if the last two windows of the warm-up agreed.
    witnesses : dict of str to bool
        For each witness whether the machine has it.
    """

    process: int
    warm_up_spans: int
    steady: bool
    witnesses: dict[str, bool]


@dataclass(frozen=True)
class Retest:
    """A subject disagreed with its neighbours on the swept axis and is measured again in a process of its own.

    Attributes
    ----------
    subject : str
    process : int
        Number of that process.
    neighbours : tuple of str
        The subjects beside it on the axis, which are measured again with it.
    """

    subject: str
    process: int
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class Stopped:
    """The measuring of a subject ended.

    A session that measures further after :meth:`Session.finish` yields this again for each subject for which the rule
    or the number of rounds has changed; the last one counts.

    Attributes
    ----------
    subject : str
    rule : StopRule
        The rule that ended it.
    rounds : int
        Rounds that the subject's estimate rests on.
    half_width : float
        How far its 95 % interval reached from the latency then, as a share of it; at most 1000 times the share that
        was asked for, which stands for an interval without end.
    """

    subject: str
    rule: StopRule
    rounds: int
    half_width: float


Event = Loaded | Checked | Sample | Counted | Outcome | Process | Retest | Stopped

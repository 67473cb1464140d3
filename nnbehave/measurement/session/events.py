"""What a session tells, and how it asks its runner for the first things."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnbehave.errors import ConnectionLost, WorkerDied, WorkerError, WorkerTimeout
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Sample, block_ms
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import PROTOCOL_VERSION

_LOG = logging.getLogger("nnbehave")
_START_LIMIT_S = 120.0
_WAITS_S = (0.5, 1, 2, 4, 8, 16, 32)  # between attempts to reach a target again
MOST_DROPS = 3  # of the connection while one part is loaded or measured, before that part is what it dies of


@dataclass(frozen=True)
class Part:
    """What is run: an artifact, its precision, and what bounds it (``compute`` or ``memory``)."""

    artifact: Artifact
    precision: str
    bound: str


@dataclass(frozen=True)
class Loaded:
    """A part was loaded; the runtime's word on what will run."""

    subject: str
    load_s: float
    kernels: list[Kernel]


@dataclass(frozen=True)
class Checked:
    """What a part computes was compared with what TensorFlow computes in fp32.

    Attributes
    ----------
    subject : str
        The part.
    output_error, output_cosine, largest_error, rounding_error : float
        As of :class:`nnbehave.runner.reference.Fidelity`.
    """

    subject: str
    output_error: float
    output_cosine: float
    largest_error: float
    rounding_error: float = float("nan")


@dataclass(frozen=True)
class Block:
    """A block was measured.

    Attributes
    ----------
    subject : str
        The part.
    round, position, process : int
        Which round, which place in its order, which worker process of the session.
    inner : int
        Calls a span.
    times_ns : list of int
        The spans, in order.
    witnesses : dict
        What was seen meanwhile (:mod:`nnbehave.runner.witnesses`). ``discarded`` says why a block was taken again;
        ``disturbed`` why it should have been, where that had been tried often enough.
    taken_at : float
        Seconds since the epoch.
    """

    subject: str
    round: int
    position: int
    process: int
    inner: int
    times_ns: list[int]
    witnesses: dict[str, Any]
    taken_at: float

    def sample(self, bound: str) -> Sample:
        """Return what the statistics take of it."""
        return Sample(self.subject, block_ms(self.times_ns, self.inner), bound, self.round, self.process)


@dataclass(frozen=True)
class Outcome:
    """A subject left the session without a latency: ``status`` is unsupported, failed or timeout."""

    subject: str
    status: str
    reason: str


@dataclass(frozen=True)
class Process:
    """A fresh process was started and warmed up.

    Attributes
    ----------
    process : int
    warm_up_spans : int
        How many spans it took until two windows of them agreed.
    steady : bool
        Whether they ever did.
    witnesses : dict of str to bool
        Which of them there are.
    """

    process: int
    warm_up_spans: int
    steady: bool
    witnesses: dict[str, bool]


@dataclass(frozen=True)
class Retest:
    """A subject disagreed with its neighbours on the swept axis, and was measured again in a process of its own."""

    subject: str
    process: int
    neighbours: list[str]


Event = Loaded | Checked | Block | Outcome | Process | Retest


def start_runner(target: Target, platform: Platform, number: int) -> tuple[Worker, dict[str, Any]]:
    """Start the ``number``-th runner of a session; return it and its ``hello``.

    Where the connection to the target breaks, it is tried again, after longer and longer waits.

    Raises
    ------
    WorkerError
        It does not start, its runtime does not load, or it is another version's.
    """
    for wait_s in _WAITS_S:
        try:
            return _start_once(target, platform, number)
        except ConnectionLost as error:
            _LOG.warning("%s; trying again in %g s", error, wait_s)
            time.sleep(wait_s)
    return _start_once(target, platform, number)


def _start_once(target: Target, platform: Platform, number: int) -> tuple[Worker, dict[str, Any]]:
    worker = target.start(platform, number)
    try:
        hello = worker.request("hello", _START_LIMIT_S)
        if not hello.pop("ok"):
            raise WorkerError(f"the runner of {platform} does not start: {hello['error']}")
        if (spoken := hello["protocol"]) != PROTOCOL_VERSION:
            raise WorkerError(f"the runner of {platform} speaks protocol {spoken}, not {PROTOCOL_VERSION}")
    except BaseException:
        worker.close()
        raise
    return worker, hello


def ask_to_load(worker: Worker, name: str, part: Part, settings: Settings) -> dict[str, Any] | Outcome:
    """Load an artifact into a runner.

    The runner calls each part once here, since where calls are taken in turn a failure does not tell whose it is.

    Raises
    ------
    WorkerError
        The runner has gone.
    """
    path = worker.put(part.artifact.path)
    fields = {"handle": name, "path": path, "precision": part.precision, "seed": settings.seed}
    answer = worker.request("load", settings.time_limit_s, **fields)
    return answer if answer.pop("ok") else Outcome(name, answer["kind"], answer["error"])


def loaded_events(part: str, answer: dict[str, Any]) -> Iterator[Loaded | Checked]:
    """Yield what a runner said of a part that it loaded."""
    yield Loaded(part, answer["load_s"], [Kernel(*each) for each in answer["kernels"]])
    if answer["fidelity"] is not None:
        yield Checked(part, *answer["fidelity"])


def outcome_of(subject: str, error: WorkerError, during: str) -> Outcome:
    """Return what became of a subject whose runner has gone."""
    status = "timeout" if isinstance(error, WorkerTimeout) else "failed"
    known = isinstance(error, WorkerTimeout | WorkerDied | ConnectionLost)
    return Outcome(subject, status, f"{error} ({during})" if known else str(error))

"""A session: one unbroken stretch of measuring many layers on one platform, round by round."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnbehave.converters import Artifact
from nnbehave.errors import WorkerDied, WorkerError, WorkerTimeout
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import block_ms, estimate_session
from nnbehave.platforms import Platform
from nnbehave.runner.protocol import PROTOCOL_VERSION
from nnbehave.targets import LocalTarget
from nnbehave.worker import Worker

_START_LIMIT_S = 120.0
_FEWEST_PER_ROUND = 8  # so that a last unmet layer is still measured among others
_FEWEST_AT_A_TIME = 32  # blocks asked for at once, so that asking and judging take little of the time


@dataclass(frozen=True)
class Loaded:
    """A layer was loaded; the runtime's word on what will run."""

    subject: str
    load_s: float
    executed_precision: str
    kernels: list[str]
    placement: str


@dataclass(frozen=True)
class Block:
    """A block was measured.

    Attributes
    ----------
    subject : str
    round, position, process : int
        Which round, which place in its order, which worker process of the session.
    inner : int
        Calls a span.
    times_ns : list of int
        The spans, in order.
    witnesses : dict
        What was seen meanwhile (:func:`nnbehave.runner.timing.time_block`).
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


@dataclass(frozen=True)
class Outcome:
    """A layer left the session without a latency: ``status`` is unsupported, failed or timeout."""

    subject: str
    status: str
    reason: str


class Session:
    """Measures artifacts on a platform in shuffled rounds until each is known well enough.

    Iterate over it: each event must be stored before the next is asked for. A layer that kills its worker, hangs it
    or is refused by it becomes an :class:`Outcome`, and the session goes on in a new worker.

    Parameters
    ----------
    platform : Platform
    target : LocalTarget
    artifacts : mapping of str to Artifact
        By subject.
    settings : Settings
    companions : sequence of str
        Subjects that are measured in every round whatever their interval (references, anchors).

    Attributes
    ----------
    hello : dict
        What the runner said of its machine and versions; there once ``start`` has been called.
    done : set of str
        Subjects that need no more rounds, as things stand: a later round may show that one was stopped by luck.
    expected_blocks : int
        How many blocks the whole session is likely to take, as far as can be told by now.
    """

    def __init__(
        self,
        platform: Platform,
        target: LocalTarget,
        artifacts: Mapping[str, Artifact],
        settings: Settings,
        companions: Sequence[str] = (),
    ) -> None:
        self._platform, self._target, self._settings = platform, target, settings
        self._artifacts = dict(artifacts)
        self._companions = set(companions)
        self._loaded: dict[str, None] = {}  # in the order of loading
        self._measured: list[tuple[str, float]] = []  # every block's subject and latency, in order
        self._process = -1
        self._round = 0
        self._worker: Worker | None = None
        self.hello: dict[str, Any] = {}
        self.done: set[str] = set()
        self.expected_blocks = 0

    def start(self) -> dict[str, Any]:
        """Start a runner, with what was loaded in the last one loaded again; return its ``hello``.

        Raises
        ------
        WorkerError
            The runner does not start, or its runtime does not load.
        """
        self.close()
        self._process += 1
        self._worker = self._target.start(self._platform)
        self.hello = self._worker.request("hello", _START_LIMIT_S)
        if not self.hello.pop("ok"):
            raise WorkerError(f"the runner of {self._platform} does not start: {self.hello['error']}")
        if (spoken := self.hello["protocol"]) != PROTOCOL_VERSION:
            raise WorkerError(f"the runner of {self._platform} speaks protocol {spoken}, not {PROTOCOL_VERSION}")
        return self.hello

    def close(self) -> None:
        """End the runner."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __iter__(self) -> Iterator[Loaded | Block | Outcome]:
        if self._worker is None:
            self.start()
        try:
            for subject in self._artifacts:
                yield from self._load(subject)
            rng = np.random.default_rng(self._settings.seed)
            self.expected_blocks = len(self._loaded) * self._settings.min_rounds
            while not self._settle():
                yield from self._rounds(rng)
        finally:
            self.close()

    def _load(self, subject: str) -> Iterator[Loaded | Outcome]:
        answer = self._ask_to_load(subject)
        if isinstance(answer, Outcome):
            yield answer
            yield from self._recover()
        else:
            self._loaded[subject] = None
            yield Loaded(subject, **answer)

    def _ask_to_load(self, subject: str) -> dict[str, Any] | Outcome:
        """Load an artifact into the runner; where that fails, forget it, and the runner too where that has gone."""
        assert self._worker is not None
        path, limit = self._artifacts[subject].path, self._settings.time_limit_s
        try:
            answer = self._worker.request("load", limit, handle=subject, path=path, seed=self._settings.seed)
        except WorkerError as error:
            self.close()
            self._loaded.pop(subject, None)
            return _outcome(subject, error, "loading")
        if answer.pop("ok"):
            return answer
        self._loaded.pop(subject, None)
        return Outcome(subject, answer["kind"], answer["error"])

    def _recover(self) -> Iterator[Outcome]:
        """Where the runner has gone, start a new one and load there all that was loaded; each failure is an outcome."""
        while self._worker is None:
            self.start()
            for subject in list(self._loaded):
                answer = self._ask_to_load(subject)
                if isinstance(answer, Outcome):
                    yield answer
                if self._worker is None:
                    break

    def _rounds(self, rng: np.random.Generator) -> Iterator[Block | Outcome]:
        """Measure each active layer in random order: one round of many layers, or some rounds of a few."""
        active = [subject for subject in self._loaded if subject not in self.done]
        active += [subject for subject in self._loaded if subject in self.done and subject in self._companions]
        spare = [subject for subject in self._loaded if subject not in active]
        if len(active) < _FEWEST_PER_ROUND and spare:
            active += [str(s) for s in rng.permutation(spare)[: _FEWEST_PER_ROUND - len(active)]]
        rounds = min(self._settings.min_rounds, -(-_FEWEST_AT_A_TIME // len(active)))
        todo = [
            (self._round + i, position, str(subject))
            for i in range(rounds)
            for position, subject in enumerate(rng.permutation(active))
        ]
        self._round += rounds
        value_ns, block_ns = int(self._settings.value_ms * 1e6), int(self._settings.block_ms * 1e6)
        while todo:
            assert self._worker is not None
            try:
                handles = [subject for _, _, subject in todo]
                self._worker.send("time", handles=handles, value_ns=value_ns, block_ns=block_ns)
                while todo:
                    answer = self._worker.receive(self._settings.time_limit_s)
                    if not answer.pop("ok"):
                        raise WorkerError(answer["error"])
                    yield self._block(*todo.pop(0), answer)
            except WorkerError as error:
                number, _, failed = todo[0]
                self.close()
                del self._loaded[failed]
                yield _outcome(failed, error, f"round {number + 1}")
                yield from self._recover()
                todo = [entry for entry in todo if entry[2] in self._loaded]

    def _block(self, number: int, position: int, subject: str, answer: dict[str, Any]) -> Block:
        del answer["handle"]
        self._measured.append((subject, block_ms(answer["times_ns"], answer["inner"])))
        return Block(subject, number, position, self._process, taken_at=time.time(), **answer)

    def _settle(self) -> bool:
        """Find which layers need no more rounds, and how many the others may need; return whether none does."""
        few, most = self._settings.min_rounds, self._settings.max_rounds
        estimates = estimate_session(*zip(*self._measured, strict=True)) if self._measured else {}
        self.done = set()
        expected = 0
        for subject in self._loaded:
            rounds, excess = 0, np.inf
            if known := estimates.get(subject):
                rounds, excess = known.rounds, known.interval / self._settings.interval
            expected += max(few, rounds)
            if rounds >= most or (rounds >= few and excess <= 1):
                self.done.add(subject)
            elif rounds >= few:  # an interval shrinks with the square root of the rounds
                expected += max(1, min(most, round(rounds * excess**2)) - rounds)
        self.expected_blocks = expected
        return len(self.done) == len(self._loaded)


def _outcome(subject: str, error: WorkerError, during: str) -> Outcome:
    status = "timeout" if isinstance(error, WorkerTimeout) else "failed"
    known = isinstance(error, WorkerTimeout | WorkerDied)
    return Outcome(subject, status, f"{error} ({during})" if known else str(error))

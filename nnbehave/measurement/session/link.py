"""The link of a session to its runner: what is loaded there, and what becomes of it when the runner dies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping

from nnbehave.errors import ConnectionLost, WorkerDied, WorkerError, WorkerTimeout
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.answers import (
    Answer,
    Lost,
    Timed,
    read_cost,
    read_loaded,
    read_timed,
)
from nnbehave.measurement.session.events import Checked, Counted, Hello, Loaded, Process
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.requests import Request, cost_request
from nnbehave.measurement.session.start import start_runner
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker

MOST_DROPS = 3  # of the connection during one part, before the part counts as the cause
MOST_DEATHS = 3  # of runners whose cause nobody knows, before all parts that were asked for count as the cause

MakeRequest = Callable[[Mapping[str, Part]], Request]


class Link:
    """A runner, and the parts that are loaded in it.

    A part that kills the runner, hangs it, or is refused by it is *lost*: the method that was running yields a
    :class:`Lost`. The link then starts a new runner and loads all other parts there, so the caller goes on with them.
    A connection that breaks says nothing about a part: the link starts a new runner and asks again, up to three times
    a part.

    Most methods are generators. They must be run to their end; the caller may :meth:`forget` parts meanwhile.

    Parameters
    ----------
    platform : Platform
    target : Target
    settings : Settings
        ``time_limit_s``, ``seed`` and ``span_ms``.

    Attributes
    ----------
    hello : Hello or None
        What the last runner said of itself.
    process : int
        Number of the last runner, from 0; -1 before the first.
    parts : dict of str to Part
        All parts to load, by name; lost ones are taken out.
    loaded : dict of str to None
        Names of the parts in the present runner, in the order of loading.
    """

    def __init__(self, platform: Platform, target: Target, settings: Settings) -> None:
        self._platform, self._target, self._settings = platform, target, settings
        self._worker: Worker | None = None
        self._loadable: dict[str, None] = {}  # names of the parts that were loaded in any runner
        self._load_s = 0.0
        self._used_from = 0.0
        self._drops: Counter[str] = Counter()  # of the connection, by part, since the part last gave an answer
        self._deaths = 0
        self.hello: Hello | None = None
        self.process = -1
        self.parts: dict[str, Part] = {}
        self.loaded: dict[str, None] = {}

    # ------------------------------------------------------------------ runners

    @property
    def is_open(self) -> bool:
        """True while there is a runner."""
        return self._worker is not None

    @property
    def pid(self) -> int | None:
        """Process id of the runner, or of the program that leads to it; None while there is none."""
        return None if self._worker is None else self._worker.pid

    @property
    def used_s(self) -> float:
        """Seconds since the present runner was warmed up."""
        return time.monotonic() - self._used_from

    def start(self) -> Hello:
        """Start a runner in place of the present one, with nothing loaded in it yet.

        Raises
        ------
        WorkerError
            It does not start, its runtime does not load, or it speaks another version of the protocol.
        """
        self.close()
        self.process += 1
        self._worker, self.hello = start_runner(self._target, self._platform, self.process)
        return self.hello

    def close(self) -> None:
        """End the runner."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def restart(self, keep: Collection[str]) -> Iterator[Lost]:
        """Start a fresh runner and load there those of some parts that were loaded before."""
        self.close()
        self.loaded = {part: None for part in self._loadable if part in keep}
        yield from self.open()

    def warm_up(self, part: str | None) -> Iterator[Lost | Process]:
        """Run a part until the runner is steady; yield a :class:`Process` at the end.

        A part that kills the runner here is not lost: that shows when it is measured.

        Parameters
        ----------
        part : str or None
            None where there is nothing to run, or nothing that warms up.
        """
        spans, steady = 0, True
        if part is not None and self._worker is not None:
            span_ns = int(self._settings.span_ms * 1e6)
            try:
                answer = self._worker.request("warm_up", self._settings.time_limit_s, handle=part, span_ns=span_ns)
                spans, steady = answer.get("spans", 0), answer.get("steady", False)
            except WorkerError:
                steady = False
                self.close()
                yield from self.open()
        self._used_from = time.monotonic()
        assert self.hello is not None
        yield Process(self.process, spans, steady, self.hello.witnesses)

    def open(self) -> Iterator[Lost]:
        """Start a runner if there is none, and load there all that was loaded in the last one."""
        while self._worker is None:
            self.start()
            for part in list(self.loaded):
                if part not in self.loaded:  # forgotten while another one was reported lost
                    continue
                answer = self._try_to_load(part, self.parts[part])
                if isinstance(answer, Lost):
                    yield self._lose(answer)
                if self._worker is None:
                    break

    # ------------------------------------------------------------------ parts

    def unloaded(self) -> list[str]:
        """Return the names of the parts that were never loaded."""
        return [name for name in self.parts if name not in self._loadable]

    def expected_load_s(self, parts: Collection[str] | None = None) -> float:
        """Return how long loading takes in a fresh runner, in seconds: of all parts, or of so many of them."""
        share = 1.0 if parts is None else len(parts) / max(1, len(self._loadable))
        return self._load_s * share

    def load(self, part: str) -> Iterator[Loaded | Checked | Lost]:
        """Load a part for the first time. The runner calls it once, so that a part that kills it shows here."""
        answer = yield from self._load(part, self.parts[part])
        if isinstance(answer, Lost):
            yield self._lose(answer)
            yield from self.open()
            return
        self.loaded[part] = self._loadable[part] = None
        loaded, checked = answer
        self._load_s += loaded.load_s
        yield loaded
        if checked:
            yield checked

    def load_again(self, parts: Iterable[str]) -> Iterator[Lost]:
        """Load parts that an earlier runner had and this one lacks."""
        for part in parts:
            if part in self.loaded or part not in self._loadable:
                continue
            answer = yield from self._load(part, self.parts[part])
            if isinstance(answer, Lost):
                yield self._lose(answer)
                yield from self.open()
            else:
                self.loaded[part] = None

    def check(self, name: str, part: Part) -> Iterator[Loaded | Checked | Lost]:
        """Load a part that is not in ``parts``, which calls it once, and unload it."""
        answer = yield from self._load(name, part)
        if isinstance(answer, Lost):
            yield answer
            yield from self.open()
            return
        yield from filter(None, answer)
        yield from self.unload([name])

    def unload(self, parts: Collection[str]) -> Iterator[Lost]:
        """Let the runner forget parts; they can be loaded again."""
        self.forget(parts)
        for part in parts:
            if self._worker is None:
                return
            try:
                self._worker.request("unload", self._settings.time_limit_s, handle=part)
            except WorkerError:  # a new runner has none of them
                self.close()
                yield from self.open()
                return

    def forget(self, parts: Iterable[str]) -> None:
        """Load these parts into no new runner."""
        for part in parts:
            self.loaded.pop(part, None)

    def _load(self, name: str, part: Part) -> Generator[Lost, None, tuple[Loaded, Checked | None] | Lost]:
        """Load a part, and again in a new runner where the connection to the last one broke meanwhile."""
        while True:
            yield from self.open()
            if (answer := self._try_to_load(name, part)) is not None:
                return answer

    def _try_to_load(self, name: str, part: Part) -> tuple[Loaded, Checked | None] | Lost | None:
        """Load a part once; return None where the connection broke, which says nothing of the part."""
        assert self._worker is not None
        fields = {"precision": part.precision, "seed": self._settings.seed}
        try:
            path = self._worker.put(part.artifact.path)
            answer = self._worker.request("load", self._settings.time_limit_s, handle=name, path=path, **fields)
        except WorkerError as error:
            self.close()
            return None if self._is_drop(error, name) else _loss(name, error, "loading")
        return read_loaded(name, answer) if answer["ok"] else Lost(name, answer["kind"], answer["error"])

    def _is_drop(self, error: WorkerError, part: str) -> bool:
        """Return True if the connection broke, and not so often with this part that the part must be the cause."""
        self._drops[part] += isinstance(error, ConnectionLost)
        return isinstance(error, ConnectionLost) and self._drops[part] <= MOST_DROPS

    def _lose(self, lost: Lost) -> Lost:
        """Take a lost part out of everything."""
        for names in (self.loaded, self._loadable, self.parts):
            names.pop(lost.part, None)
        return lost

    # ------------------------------------------------------------------ samples and costs

    def time(self, parts: Iterable[str], request: MakeRequest) -> Iterator[Timed | Lost]:
        """Time each part once, in this order, by a request for those that are left."""
        for part, answer in self._ask(parts, request):
            if isinstance(answer, Lost):
                yield answer
            else:
                yield read_timed(part, answer)

    def cost(self, parts: Iterable[str]) -> Iterator[Counted | Lost]:
        """Ask for the exact cost of each part, in this order, and unload it."""
        costed = []
        for part, answer in self._ask(parts, lambda left: cost_request(left, self._settings)):
            if isinstance(answer, Lost):
                yield answer
            else:
                costed.append(part)
                self.forget([part])
                yield read_cost(part, answer)
        yield from self.unload(costed)

    def _ask(self, parts: Iterable[str], make_request: MakeRequest) -> Iterator[tuple[str, Answer | Lost]]:
        """Send a request and yield the answer for each part; if the runner dies, ask a new one for those left."""
        left = list(parts)
        while True:
            for lost in self.open():
                yield lost.part, lost
            left = [part for part in left if part in self.loaded]
            if not left:
                return
            request = make_request({part: self.parts[part] for part in left})
            try:
                for part, answer in self._answers(request):
                    left.remove(part)
                    yield part, answer
            except WorkerError as error:
                self.close()
                for lost in self._losses(left, error, request):
                    yield lost.part, self._lose(lost)

    def _answers(self, request: Request) -> Iterator[tuple[str, Answer]]:
        """Send a request and yield its answers. A caller that stops early ends the runner, whose answers are due."""
        assert self._worker is not None
        due = len(request.parts)
        try:
            self._worker.send(request.command, **request.fields)
            for part in request.parts:
                answer = self._worker.receive(request.limit_s)
                if not answer["ok"]:
                    raise _Refused(answer["error"], answer["kind"] if request.can_be_refused else "failed")
                self._drops.pop(part, None)
                due -= 1
                yield part, answer
        finally:
            if due:
                self.close()

    def _losses(self, left: list[str], error: WorkerError, request: Request) -> list[Lost]:
        """Return the parts that are lost with a runner that has gone; ``left`` had no answer yet."""
        if self._is_drop(error, next(iter(left), "")):
            return []
        if request.one_by_one:
            return [_loss(left[0], error, request.during)]
        self._deaths += 1  # each part is called alone when it is loaded again, which shows most faults
        return [_loss(part, error, request.during) for part in left] if self._deaths > MOST_DEATHS else []


class _Refused(WorkerError):
    """The runner answered a request with an error."""

    def __init__(self, reason: str, status: str) -> None:
        super().__init__(reason)
        self.status = status


def _loss(part: str, error: WorkerError, during: str) -> Lost:
    """Return the loss of a part whose runner has gone or has given up."""
    if isinstance(error, _Refused):
        return Lost(part, error.status, str(error))
    status = "timeout" if isinstance(error, WorkerTimeout) else "failed"
    is_known = isinstance(error, WorkerTimeout | WorkerDied | ConnectionLost)
    return Lost(part, status, f"{error} ({during})" if is_known else str(error))

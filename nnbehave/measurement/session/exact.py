"""A session of exact costs, each counted in an emulator or estimated by a compiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence

from nnbehave.errors import ConnectionLost, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.events import Counted, Event, Hello, Outcome
from nnbehave.measurement.session.link import MOST_DROPS, ask_to_load, loaded_events, outcome_of, start_runner
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate, Terms, exact
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker

_AT_A_TIME = 64  # graphs that a runner is asked for at once: starting an emulator takes longer than most of them


class ExactSession:
    """What :class:`nnbehave.measurement.Session` is to time, this is to exact costs; it is used in the same way.

    A graph that kills its runner, hangs it or is refused by it becomes an :class:`Outcome`, and the session goes on in
    a new one.
    """

    def __init__(self, platform: Platform, target: Target, settings: Settings) -> None:
        self._platform, self._target, self._settings = platform, target, settings
        self._parts: dict[str, Part] = {}
        self._waiting: dict[str, None] = {}
        self._process = -1
        self._drops: Counter[str] = Counter()  # of the connection, while a graph was loaded or costed
        self._worker: Worker | None = None
        self.hello: Hello | None = None
        self.done: set[str] = set()
        self.estimates: dict[str, Estimate] = {}
        self.expected_samples = 0

    def start(self) -> Hello:
        """Start a runner; return its ``hello``. Raises WorkerError where it does not start."""
        self.close()
        self._process += 1
        self._worker, self.hello = start_runner(self._target, self._platform, self._process)
        return self.hello

    def close(self) -> None:
        """End the runner."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def add(
        self,
        parts: Mapping[str, Part],
        terms: Terms,
        companions: Sequence[str] = (),
        axes: Sequence[Sequence[str]] = (),
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        """Take more subjects, each of which is its own only part; those that another session needs serve nothing."""
        self._parts |= parts
        self._waiting |= dict.fromkeys(subject for subject in terms if subject not in self.estimates)
        self.expected_samples = len(self.estimates) + len(self._waiting)

    def begin(self, rounds: int) -> Iterator[Event]:
        """Cost all that was added."""
        while self._waiting:
            batch = list(self._waiting)[:_AT_A_TIME]
            loaded = yield from self._load(batch)
            yield from self._estimate(loaded)

    def finish(self) -> Iterator[Event]:
        """Yield nothing: there is no more to know."""
        yield from ()

    def _runner(self) -> Worker:
        if self._worker is None:
            self.start()
        assert self._worker is not None
        return self._worker

    def _load(self, batch: Sequence[str]) -> Generator[Event, None, list[str]]:
        """Load some graphs; return those that are. Where one kills the runner, those loaded before it wait."""
        loaded: list[str] = []
        for subject in batch:
            try:
                answer = ask_to_load(self._runner(), subject, self._parts[subject], self._settings)
            except WorkerError as error:
                yield from self._gone(subject, error, "loading")
                return []
            if isinstance(answer, Outcome):
                yield self._leave(answer)
            else:
                loaded.append(subject)
                yield from loaded_events(subject, answer)
        return loaded

    def _estimate(self, loaded: Sequence[str]) -> Iterator[Event]:
        """Ask what some graphs cost, and let them go. Where one kills the runner, those after it wait."""
        if not loaded:
            return
        worker = self._runner()
        for position, subject in enumerate(loaded):
            try:
                if not position:
                    worker.send("estimate", handles=loaded)
                answer = worker.receive(self._settings.time_limit_s)
            except WorkerError as error:
                yield from self._gone(subject, error, "estimating")
                return
            if not answer["ok"]:  # the runner has given up on all that were asked for
                yield self._leave(Outcome(subject, answer["kind"], answer["error"]))
                self.close()
                return
            if "refused" in answer:
                yield self._leave(Outcome(subject, "unsupported", answer["refused"]))
                continue
            del self._waiting[subject]
            counted = Counted(subject, answer["latency_ns"] / 1e6, answer["counts"], tuple(answer["left_out"]))
            self.estimates[subject] = exact(counted.latency_ms)
            self.done.add(subject)
            yield counted
        for subject in loaded:
            try:
                worker.request("unload", self._settings.time_limit_s, handle=subject)
            except WorkerError:  # all is known of these
                self.close()
                return

    def _gone(self, subject: str, error: WorkerError, during: str) -> Iterator[Outcome]:
        """Let go of a runner that has gone, and of what it died of; a connection that broke may be mended."""
        self.close()
        self._drops[subject] += isinstance(error, ConnectionLost)
        if not isinstance(error, ConnectionLost) or self._drops[subject] > MOST_DROPS:
            yield self._leave(outcome_of(subject, error, during))

    def _leave(self, outcome: Outcome) -> Outcome:
        del self._waiting[outcome.subject]
        return outcome

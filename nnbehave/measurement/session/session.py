"""A session: one unbroken stretch of measuring many layers on one platform, round by round."""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnbehave.errors import ConnectionLost, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.events import (
    DISCARDED,
    DISTURBED,
    Event,
    Hello,
    Outcome,
    Process,
    Retest,
    Sample,
    Stopped,
)
from nnbehave.measurement.session.link import MOST_DROPS, ask_to_load, loaded_events, outcome_of, start_runner
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.stopping import Progress, StoppingRule
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import (
    Estimate,
    Observation,
    Terms,
    estimate_session,
    stands_alone,
)
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker
from nnbehave.records import StopRule

_FEWEST_PER_ROUND = 8  # so that a last unmet layer is still measured among others
_FEWEST_AT_A_TIME = 32  # blocks asked for at once, so that asking and judging take little of the time
_PARTS_IN_TURN = 32  # models that single calls go round
_USE_PER_LOAD = 4  # how long a process is used at least, over what loading took
_MOST_RETAKES = 2  # of one block
_FEWEST_PROXIES, _THROTTLED = 20, 1.5  # the proxy of a shared core varies by a third without any throttling
_STOLEN = 0.02
_MOST_DEATHS = 3  # of workers, of which nobody knows the reason


class Session:
    """Measures subjects on a platform in shuffled rounds until each is known well enough.

    Iterate over it: each event must be stored before the next is asked for. A layer that kills its worker, hangs it
    or is refused by it becomes an :class:`Outcome`, and the session goes on in a new worker. The rounds are spread
    over several fresh processes. Where what to measure depends on what was found, :meth:`add` subjects, iterate over
    :meth:`begin`, add more, and in the end iterate over :meth:`finish` and :meth:`close`.

    Parameters
    ----------
    platform : Platform
    target : Target
    parts : mapping of str to Part
        What is run.
    terms : mapping of str to sequence of (str, float)
        For each subject the parts that make its latency, and what each counts for.
    settings : Settings
    method : {"whole", "stacked", "profiled", "none"}
        How parts are timed; ``none`` only loads them.
    references : sequence of str
        Subjects that go on being measured when they are known, as many in a round as there are others, so that these
        are never among few; the first is what a fresh process is warmed up with.
    companions : sequence of str
        Further such subjects (anchors).
    axes : sequence of sequence of str
        Subjects in the order of a swept dimension; one that stands alone there is measured again.
    evictor : str, optional
        A part that runs before every call of the others, and is timed like them.
    checks : mapping of str to Part, optional
        Subjects alone, where no part is that: each is loaded and called once, for its kernels and its output, and let
        go; one that cannot be has no latency.

    Attributes
    ----------
    hello : Hello
        What the runner said of its machine and versions; there once ``start`` has been called.
    done : set of str
        Subjects that need no more rounds, as things stand: a later round may show that one was stopped by luck.
    estimates : dict of str to Estimate
        As they stand.
    expected_samples : int
        How many blocks the whole session is likely to take, as far as can be told by now.
    """

    def __init__(
        self,
        platform: Platform,
        target: Target,
        parts: Mapping[str, Part],
        terms: Terms,
        settings: Settings,
        method: str = "whole",
        references: Sequence[str] = (),
        companions: Sequence[str] = (),
        axes: Sequence[Sequence[str]] = (),
        evictor: str | None = None,
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        self._platform, self._target, self._settings, self._method = platform, target, settings, method
        self._parts: dict[str, Part] = {}
        self._terms: dict[str, list[tuple[str, float]]] = {}
        self._references = list(references)
        self._evictor = evictor
        self._unchecked: dict[str, Part] = {}
        self._loadable: dict[str, None] = {}  # in the order of loading
        self._loaded: dict[str, None] = {}  # of these, in the process there is
        self._rng = np.random.default_rng(settings.seed)
        self._observations: list[Observation] = []
        self._proxies: deque[float] = deque(maxlen=200)
        self._spent_ns: Counter[str] = Counter()
        self._progress: dict[str, Progress] = {}
        self._rule = StoppingRule(settings)
        self._stopped: dict[str, Stopped] = {}  # as last told
        self._held: dict[str, StopRule] = {}
        self._process = -1
        self._process_began = 0.0
        self._load_s = 0.0
        self._deaths = 0
        self._drops: Counter[str] = Counter()  # of the connection, since a part was last measured
        self._round = 0
        self._worker: Worker | None = None
        self.hello: Hello | None = None
        self.done: set[str] = set()
        self.estimates: dict[str, Estimate] = {}
        self.expected_samples = 0
        self.add(parts, terms, companions, axes, checks)

    def add(
        self,
        parts: Mapping[str, Part],
        terms: Terms,
        companions: Sequence[str] = (),
        axes: Sequence[Sequence[str]] = (),
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        """Take more subjects; ``companions`` and ``axes`` are instead of those before."""
        self._parts |= parts
        self._terms |= {subject: list(each) for subject, each in terms.items()}
        self._companions = {*self._references, *companions}
        self._axes = axes
        self._unchecked |= checks or {}

    # ------------------------------------------------------------------ processes

    def start(self) -> Hello:
        """Start a runner; return its ``hello``.

        Raises
        ------
        WorkerError
            The runner does not start, or its runtime does not load.
        """
        self.close()
        self._process += 1
        self._worker, self.hello = start_runner(self._target, self._platform, self._process)
        return self.hello

    def close(self) -> None:
        """End the runner."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self.begin(self._settings.min_rounds)
            yield from self.finish()
        finally:
            self.close()

    def begin(self, rounds: int) -> Iterator[Event]:
        """Check and load what was added, and measure it for as many rounds.

        What is known by now is let go. The process is a fresh one while there were fewer than are wanted, and where
        loading there what is needed costs little beside how long the last one was used.
        """
        new = [subject for subject in self._terms if subject not in self._progress]
        fresh = True
        if self._worker is None:
            self.start()
        elif self._round:
            self._settle()
            keep = self._of([s for s in self._terms if s not in self.done or s in self._companions])
            load_s = self._load_s * len(keep) / max(1, len(self._loadable))
            used_s = time.monotonic() - self._process_began
            if fresh := self._process + 1 < self._settings.processes or used_s > _USE_PER_LOAD * load_s:
                yield from self._restart(keep)
            else:
                yield from self._unload([part for part in self._loaded if part not in keep])
                yield from self._load_again(keep)
        for subject, part in list(self._unchecked.items()):
            yield from self._check(subject, part)
        for name in [name for name in self._parts if name not in self._loadable]:
            yield from self._load(name)
        if self._method == "none":
            return
        if fresh:
            yield from self._warm_up()
        self.expected_samples = len(self._observations) + rounds * len(self._of(new))
        while not self._settle() and any(s in self._terms and self._progress[s].rounds < rounds for s in new):
            yield from self._go_on()

    def finish(self) -> Iterator[Event]:
        """Measure until all is known well enough, and what stands alone on its axis once more."""
        if self._method == "none":
            return
        self._companions = set(self._references)  # the others have served
        while not self._settle():
            yield from self._go_on()
        yield from self._retest()
        yield from self._tell_stopped()

    def _go_on(self) -> Iterator[Event]:
        if self._wants_fresh_process():
            yield from self._refresh()
        yield from self._rounds()

    def _wants_fresh_process(self) -> bool:
        """Whether the next rounds belong into a new process.

        The first rounds are dealt out evenly. Later ones go on in the last process, unless what differs between
        processes is most of what is left to know, and starting one costs less than it was used.
        """
        wanted = self._settings.processes
        if self._process + 1 < wanted:
            return self._round >= (self._process + 1) * self._settings.min_rounds // wanted
        share = next((found.process_share for found in self.estimates.values()), 0.0)
        unknown = 1.96 * share / (self._process + 1) ** 0.5
        used_s = time.monotonic() - self._process_began
        return unknown > self._settings.interval / 2 and used_s > _USE_PER_LOAD * self._load_s

    def _refresh(self, keep: Sequence[str] | None = None) -> Iterator[Event]:
        """Go on in a fresh process, with what is loaded loaded there too, or ``keep`` alone."""
        yield from self._restart(list(self._loaded) if keep is None else keep)
        yield from self._warm_up()

    def _restart(self, keep: Sequence[str]) -> Iterator[Event]:
        self.close()
        self._loaded = {part: None for part in self._loadable if part in keep or part == self._evictor}
        yield from self._recover()

    def _load(self, part: str) -> Iterator[Event]:
        answer = yield from self._get_loaded(part, self._parts[part])
        if isinstance(answer, Outcome):
            yield from self._lost(answer)
            yield from self._recover()
        else:
            self._loaded[part] = self._loadable[part] = None
            self._load_s += answer["load_s"]
            yield from loaded_events(part, answer)

    def _check(self, subject: str, part: Part) -> Iterator[Event]:
        """Load a subject alone, which calls it once, and let it go."""
        del self._unchecked[subject]
        answer = yield from self._get_loaded(subject, part)
        if isinstance(answer, Outcome):
            self._terms.pop(subject, None)
            yield answer
            yield from self._recover()
        else:
            yield from loaded_events(subject, answer)
            yield from self._unload([subject])

    def _unload(self, parts: Sequence[str]) -> Iterator[Outcome]:
        """Let the runner forget parts; they can be loaded again."""
        for part in parts:
            self._loaded.pop(part, None)
            try:
                assert self._worker is not None
                self._worker.request("unload", self._settings.time_limit_s, handle=part)
            except WorkerError:  # all the others go on in a new one, which has never had this part
                self.close()
                yield from self._recover()

    def _lost(self, outcome: Outcome) -> Iterator[Outcome]:
        """Say of every subject that a part was for that it has no latency."""
        self._loaded.pop(outcome.subject, None)
        self._loadable.pop(outcome.subject, None)
        self._parts.pop(outcome.subject, None)
        for subject in [s for s, terms in self._terms.items() if outcome.subject in dict(terms)]:
            del self._terms[subject]
            yield Outcome(subject, outcome.status, outcome.reason)

    def _get_loaded(self, name: str, part: Part) -> Generator[Outcome, None, dict[str, Any] | Outcome]:
        """Ask to load an artifact, and again in a new runner where the connection to the last broke meanwhile."""
        while (answer := self._ask_to_load(name, part)) is None:
            yield from self._recover()
        return answer

    def _ask_to_load(self, name: str, part: Part) -> dict[str, Any] | Outcome | None:
        """Load an artifact into the runner; where that fails, forget it, and the runner too where that has gone.

        None where the connection broke, which says nothing of the artifact.
        """
        assert self._worker is not None
        try:
            return ask_to_load(self._worker, name, part, self._settings)
        except WorkerError as error:
            self.close()
            return None if self._only_dropped(error, name) else outcome_of(name, error, "loading")

    def _only_dropped(self, error: WorkerError, part: str) -> bool:
        """Whether the connection broke, and not so often with this part that it must be what the host dies of."""
        self._drops[part] += isinstance(error, ConnectionLost)
        return isinstance(error, ConnectionLost) and self._drops[part] <= MOST_DROPS

    def _recover(self) -> Iterator[Outcome]:
        """Where the runner has gone, start a new one and load there all that was loaded; each failure is an outcome."""
        while self._worker is None:
            self.start()
            needed = self._of(self._terms)
            for part in [part for part in self._loaded if part in needed or part == self._evictor]:
                answer = self._ask_to_load(part, self._parts[part])
                if isinstance(answer, Outcome):
                    yield from self._lost(answer)
                if self._worker is None:
                    break

    def _load_again(self, parts: Sequence[str]) -> Iterator[Outcome]:
        """Load parts that this process lacks and an earlier one had."""
        for part in parts:
            if part in self._loaded or part not in self._loadable:
                continue
            answer = yield from self._get_loaded(part, self._parts[part])
            if isinstance(answer, Outcome):
                yield from self._lost(answer)
                yield from self._recover()
            else:
                self._loaded[part] = None

    def _warm_up(self) -> Iterator[Process | Outcome]:
        """Run the reference layer until the process is steady; what it dies of shows when it is measured."""
        first = [part for part in self._of(self._references) if part in self._loaded] or list(self._loaded)
        spans, steady = 0, True
        if first and self._platform.wall_clock and self._worker is not None:
            value_ns = int(self._settings.span_ms * 1e6)
            try:
                answer = self._worker.request(
                    "warm_up", self._settings.time_limit_s, handle=first[0], value_ns=value_ns
                )
                spans, steady = answer.get("spans", 0), answer.get("steady", False)
            except WorkerError:
                steady = False
                self.close()
                yield from self._recover()
        self._process_began = time.monotonic()
        assert self.hello is not None
        yield Process(self._process, spans, steady, self.hello.witnesses)

    # ------------------------------------------------------------------ rounds

    def _of(self, subjects: Sequence[str] | Mapping[str, Any] | set[str]) -> list[str]:
        """Return the parts of subjects, each once."""
        return list(dict.fromkeys(part for s in subjects for part, _ in self._terms.get(s, ())))

    def _rounds(self, only: Sequence[str] | None = None) -> Iterator[Event]:
        """Measure each active layer in random order: one round of many layers, or some rounds of a few."""
        if only is None:  # what an earlier process knew well enough, and now is not
            yield from self._load_again(self._of([subject for subject in self._terms if subject not in self.done]))
        known = [subject for subject in self._terms if all(part in self._loaded for part, _ in self._terms[subject])]
        active = [s for s in known if s not in self.done] if only is None else list(only)
        if only is None:
            known = [str(s) for s in self._rng.permutation([s for s in known if s in self.done])]
            known.sort(key=lambda subject: subject not in self._companions)
            fewest, most = _FEWEST_PER_ROUND - len(active), len(active)
            active += [s for i, s in enumerate(known) if i < fewest or (i < most and s in self._companions)]
        parts = self._of(active)
        if not parts:
            return
        rounds = min(self._rounds_left_in_process(), -(-_FEWEST_AT_A_TIME // len(parts)))
        todo: deque[tuple[int, list[str], int]] = deque()
        for i in range(rounds):
            order = [str(part) for part in self._rng.permutation(parts)]
            chunks = [order[start : start + _PARTS_IN_TURN] for start in range(0, len(order), _PARTS_IN_TURN)]
            todo += [(self._round + i, chunk, _MOST_RETAKES) for chunk in chunks]
        self._round += rounds
        while todo:
            number, chunk, retakes = todo.popleft()
            again: list[str] = []
            for event in self._chunk(number, chunk, retakes > 0):
                if isinstance(event, Sample) and event.discarded:
                    again.append(event.part)
                yield event
            again = [part for part in again if part in self._loaded]
            if again:
                todo.append((number, again, retakes - 1))

    def _rounds_left_in_process(self) -> int:
        few, wanted = self._settings.min_rounds, self._settings.processes
        if self._process + 1 >= wanted:
            return few
        return max(1, (self._process + 1) * few // wanted - self._round)

    def _chunk(self, number: int, chunk: Sequence[str], may_retake: bool) -> Iterator[Event]:
        """Ask for one block of each part and yield them; what fails is an outcome, and the others are asked again."""
        todo = [part for part in chunk if part in self._loaded and part != self._evictor]
        while todo:
            assert self._worker is not None
            try:
                expected, limit_s = self._ask(todo), self._limit_s(todo)
                while expected:
                    answer = self._worker.receive(limit_s)
                    if not answer.pop("ok"):
                        raise WorkerError(answer["error"])
                    part = expected.pop(0)
                    if part in todo:
                        todo.remove(part)
                    yield self._sample(number, len(chunk) - len(todo), part, answer, may_retake)
            except WorkerError as error:
                self.close()
                if self._only_dropped(error, next(iter(todo), "")):
                    pass
                elif self._method == "stacked":  # nobody knows whose fault it was: each is tried alone when loaded
                    self._deaths += 1
                    if self._deaths > _MOST_DEATHS:  # as likely as not one of these, and there must be an end
                        for part in todo:
                            self._loaded.pop(part, None)
                            yield from self._lost(outcome_of(part, error, f"one of {len(todo)} layers in turn"))
                else:
                    failed = todo[0]
                    del self._loaded[failed]
                    yield from self._lost(outcome_of(failed, error, f"round {number + 1}"))
                yield from self._recover()
                todo = [part for part in todo if part in self._loaded]

    def _ask(self, todo: Sequence[str]) -> list[str]:
        """Send the request for a block of each part; return the parts in the order of the answers."""
        assert self._worker is not None
        value_ns, block_ns = int(self._settings.span_ms * 1e6), int(self._settings.sample_ms * 1e6)
        if self._method == "whole":
            self._worker.send("time", handles=list(todo), value_ns=value_ns, block_ns=block_ns)
        elif self._method == "profiled":
            self._worker.send("profile", handles=list(todo), block_ns=block_ns)
        elif self._evictor:
            self._worker.send("alternate", handles=list(todo), passes=self._settings.passes, evictor=self._evictor)
            return [part for each in todo for part in (each, self._evictor)]
        else:
            held = sum(self._parts[part].artifact.size_bytes for part in todo)
            evict = max(0, round(self._settings.footprint_mib * 2**20) - held) if self._platform.wall_clock else 0
            self._worker.send("rotate", handles=list(todo), passes=self._settings.passes, evict_bytes=evict)
        return list(todo)

    def _limit_s(self, todo: Sequence[str]) -> float:
        """Calls in turn are answered all at once."""
        return self._settings.time_limit_s * (len(todo) if self._method == "stacked" else 1)

    def _sample(self, number: int, position: int, part: str, answer: dict[str, Any], may_retake: bool) -> Sample:
        self._drops.pop(part, None)
        seen = answer["witnesses"]
        if why := self._disturbance(seen):
            seen[DISCARDED if may_retake else DISTURBED] = why
        spans_ns = tuple(answer["times_ns"])
        sample = Sample(part, number, position, self._process, answer["inner"], spans_ns, seen, time.time())
        self._spent_ns[part] += sum(spans_ns)
        if not sample.discarded:
            self._observations.append(sample.observation(self._parts[part].bound))
        return sample

    def _disturbance(self, seen: dict[str, Any]) -> str:
        """Return what took the core from a block or slowed its clock; nothing for one that can be used."""
        if seen.get("preempted"):
            return "preempted"
        if (stolen := seen.get("steal_ms")) and stolen * 1e6 > _STOLEN * seen["wall_ns"]:
            return "stolen"
        if proxy := seen.get("clock_proxy_ns"):
            self._proxies.append(proxy)
            if len(self._proxies) >= _FEWEST_PROXIES and proxy > _THROTTLED * statistics.median(self._proxies):
                return "throttled"
        return ""

    def _settle(self) -> bool:
        """Find which layers need no more rounds, and how many the others may need; return whether none does."""
        self.estimates = estimate_session(self._observations, self._terms) if self._observations else {}
        self.done = set()
        rounds_ahead: Counter[str] = Counter()
        for subject, terms in self._terms.items():
            progress = self._progress.setdefault(subject, Progress())
            if subject in self.estimates:
                progress.update(self.estimates[subject], self._settings.interval)
            if rule := self._rule(progress, sum(self._spent_ns[part] for part, _ in terms) / 1e9):
                self.done.add(subject)
                self._held[subject] = rule
            ahead = 0 if rule else self._rule.rounds_ahead(progress)
            for part, _ in terms:
                rounds_ahead[part] = max(rounds_ahead[part], ahead)
        self.expected_samples = len(self._observations) + sum(rounds_ahead.values())
        return len(self.done) == len(self._terms)

    def _tell_stopped(self) -> Iterator[Stopped]:
        """Say of each subject which rule ended its measuring, where that has not been said."""
        for subject in self._terms:
            progress = self._progress[subject]
            half_width = progress.excess * self._settings.interval
            stopped = Stopped(subject, self._held[subject], progress.rounds, half_width)
            if self._stopped.get(subject) != stopped:
                self._stopped[subject] = stopped
                yield stopped

    # ------------------------------------------------------------------ layers that stand alone

    def _retest(self) -> Iterator[Event]:
        """Measure what disagrees with its neighbours again, beside them, in a process of its own."""
        suspects: dict[str, list[str]] = {}
        for axis in self._axes:
            known = [subject for subject in axis if subject in self.estimates and subject in self._terms]
            latencies = [self.estimates[subject].latency_ms for subject in known]
            for i, subject in enumerate(known):
                error = self.estimates[subject].std_error_ms
                if stands_alone(latencies[i], error, latencies[:i], latencies[i + 1 :]):
                    suspects[subject] = known[max(0, i - 2) : i] + known[i + 1 : i + 3]
        if not suspects:
            return
        again = list(dict.fromkeys([*suspects, *(near for each in suspects.values() for near in each)]))
        again += [subject for subject in self._references if subject in self._terms and subject not in again]
        yield from self._refresh(self._of(again))
        for subject, neighbours in suspects.items():
            yield Retest(subject, self._process, tuple(neighbours))
        first = self._round
        while self._round - first < self._settings.min_rounds:
            here = [s for s in again if s in self._terms and all(part in self._loaded for part, _ in self._terms[s])]
            if not here:
                return
            yield from self._rounds(here)
        self._settle()

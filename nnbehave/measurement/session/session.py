"""A session: one unbroken stretch of measuring many subjects on one platform, round by round."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial

from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.answers import Lost, Timed
from nnbehave.measurement.session.disturbance import DisturbanceJudge
from nnbehave.measurement.session.events import (
    DISCARDED,
    DISTANCE,
    DISTURBED,
    Checked,
    Event,
    Hello,
    Loaded,
    Outcome,
    Process,
    Retest,
    Sample,
)
from nnbehave.measurement.session.knowledge import Knowledge
from nnbehave.measurement.session.link import Link
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.requests import Group, Request, TimingMethod
from nnbehave.measurement.session.retest import find_suspects, retested_together
from nnbehave.measurement.session.schedule import Schedule, Turn
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate, Terms
from nnbehave.measurement.targets import Target


class Session:
    """Measures subjects on a platform in shuffled rounds until each is known well enough.

    Iterate over it, and store each event before asking for the next. A subject that kills its runner, hangs it or is
    refused by it becomes an :class:`Outcome`; the session goes on in a new runner.

    Where later subjects depend on earlier results, do not iterate over the session itself. :meth:`add` subjects and
    iterate over :meth:`begin`, as often as needed; then iterate over :meth:`finish`; then :meth:`close`.

    Parameters
    ----------
    platform : Platform
    target : Target
    parts : mapping of str to Part
        The graphs to run, by name.
    terms : mapping of str to sequence of (str, float)
        For each subject the parts that make its latency, and the weight of each in the sum.
    settings : Settings
    method : {"whole", "stacked", "profiled", "none"}
        How parts are timed (:mod:`nnbehave.measurement.isolation`); ``none`` only loads them.
    references : sequence of str
        Subjects that stay in the rounds when they are done, up to as many as there are others, so that the others are
        never among few. A fresh process is warmed up with the first one.
    companions : sequence of str
        Further subjects that stay in the rounds, until :meth:`finish`: points that link this session to earlier ones.
    axes : sequence of sequence of str
        Subjects in the order of a swept dimension. A subject that stands alone there is measured again.
    checks : mapping of str to Part, optional
        For subjects that are no part themselves: the subject as a graph of its own. It is loaded, called once for its
        kernels and its output, and unloaded. A subject that fails this has no latency.
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
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        self._settings, self._method = settings, method
        self._warms_up = platform.wall_clock
        self._timing = TimingMethod(method, settings, platform.wall_clock)
        self._link = Link(platform, target, settings)
        self._schedule = Schedule(settings)
        self._judge = DisturbanceJudge()
        self._knowledge = Knowledge(settings)
        self._terms: dict[str, list[tuple[str, float]]] = {}
        self._references = list(references)
        self._unchecked: dict[str, Part] = {}
        self.add(parts, terms, companions, axes, checks)

    @property
    def hello(self) -> Hello | None:
        """What the runner says of its machine and versions; None before :meth:`start`."""
        return self._link.hello

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The estimate of each subject as it stands."""
        return self._knowledge.estimates

    @property
    def done(self) -> set[str]:
        """Subjects that need no more rounds as things stand; a later round may show that one stopped by luck."""
        return self._knowledge.done

    @property
    def expected_samples(self) -> int:
        """How many samples the whole session is likely to take, as far as is known by now."""
        return self._knowledge.expected_samples

    def add(
        self,
        parts: Mapping[str, Part],
        terms: Terms,
        companions: Sequence[str] = (),
        axes: Sequence[Sequence[str]] = (),
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        """Add subjects. ``companions`` and ``axes`` replace the earlier ones."""
        self._link.parts |= parts
        self._terms |= {subject: list(each) for subject, each in terms.items()}
        self._companions = {*self._references, *companions}
        self._axes = axes
        self._unchecked |= checks or {}

    def start(self) -> Hello:
        """Start a runner; return what it says of itself.

        Raises
        ------
        WorkerError
            The runner does not start, or its runtime does not load.
        """
        return self._link.start()

    def close(self) -> None:
        """End the runner."""
        self._link.close()

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self.begin(self._settings.min_rounds)
            yield from self.finish()
        finally:
            self.close()

    def begin(self, rounds: int) -> Iterator[Event]:
        """Check and load the added subjects, and measure them for so many rounds, or until they are done.

        Subjects that are done are unloaded. The process is a fresh one while there have been fewer than
        ``Settings.processes``, or if loading costs little beside the time that the last one was used.
        """
        new = [subject for subject in self._terms if self._knowledge.is_new(subject)]
        is_fresh = yield from self._make_room()
        for subject in list(self._unchecked):
            yield from self._tell(self._link.check(subject, self._unchecked.pop(subject)))
        for part in self._link.unloaded():
            yield from self._tell(self._link.load(part))
        if self._method == "none":
            return
        if is_fresh:
            yield from self._warm_up()
        while not self._update() and any(self._knowledge.rounds(s) < rounds for s in new if s in self._terms):
            yield from self._go_on()

    def finish(self) -> Iterator[Event]:
        """Measure until all subjects are done, then again those that stand alone, and tell what stopped each one."""
        if self._method == "none":
            return
        self._companions = set(self._references)  # the others have served
        while not self._update():
            yield from self._go_on()
        yield from self._retest()
        yield from self._knowledge.stopped(self._terms)

    # ------------------------------------------------------------------ rounds

    def _go_on(self) -> Iterator[Event]:
        """Measure the next rounds, in a fresh process if one is due."""
        link, knowledge = self._link, self._knowledge
        share, load_s = knowledge.process_share, link.expected_load_s()
        if self._schedule.wants_fresh_process(link.process, share, link.used_s, load_s):
            yield from self._restart(list(link.loaded))
        # A subject that was done in an earlier process, and was not loaded in this one, may need more rounds now.
        unknown = [subject for subject in self._terms if subject not in knowledge.done]
        yield from self._tell(link.load_again(self._parts_of(unknown)))
        yield from self._measure(self._schedule.choose(self._measurable(), knowledge.done, self._companions))

    def _measure(self, subjects: Sequence[str]) -> Iterator[Event]:
        """Measure some subjects for as many rounds as the schedule plans; disturbed samples are taken again."""
        turns = deque(self._schedule.turns(self._parts_of(subjects), self._link.process))
        while turns:
            turn = turns.popleft()
            discarded = []
            for event in self._take_turn(turn):
                if isinstance(event, Sample) and event.discarded:
                    discarded.append(event.part)
                yield event
            if again := [part for part in discarded if part in self._link.loaded]:
                turns.append(turn.again(again))

    def _take_turn(self, turn: Turn) -> Iterator[Sample | Outcome]:
        """Take one sample of each part of a turn, and judge it."""
        loaded = {part: self._link.parts[part] for part in turn.parts if part in self._link.loaded}
        for group in self._timing.groups(loaded):
            ask = partial(self._request, group, turn.round)
            for timed in self._link.time(group.parts, ask):
                if isinstance(timed, Lost):
                    yield from self._lose(timed)
                else:
                    yield self._judged(timed, turn, group.distance_bytes(timed.part))

    def _request(self, group: Group, round_number: int, left: Mapping[str, Part]) -> Request:
        """Return the request for those of a group that have no sample yet."""
        return self._timing.request(Group(left, group.in_turn), round_number)

    def _judged(self, timed: Timed, turn: Turn, distance_bytes: int) -> Sample:
        """Return a sample, discarded if it was disturbed and may be taken again, and take it into account."""
        witnesses = {**timed.witnesses, DISTANCE: distance_bytes}
        position = 1 + turn.parts.index(timed.part)
        if disturbance := self._judge(witnesses):
            witnesses[DISCARDED if turn.retakes > 0 else DISTURBED] = disturbance.value
        process, spans_ns = self._link.process, timed.spans_ns
        sample = Sample(
            timed.part, turn.round, position, process, timed.calls_per_span, spans_ns, witnesses, taken_at=time.time()
        )
        self._knowledge.take(sample, self._link.parts[timed.part].bound)
        return sample

    def _retest(self) -> Iterator[Event]:
        """Measure the subjects that stand alone again, beside their neighbours, in a process of their own."""
        suspects = find_suspects(self._axes, self.estimates, self._terms)
        if not suspects:
            return
        again = retested_together(suspects, self._measured_references())
        yield from self._restart(self._parts_of(again))
        for subject, neighbours in suspects.items():
            yield Retest(subject, self._link.process, neighbours)
        first = self._schedule.round
        while self._schedule.round - first < self._settings.min_rounds:
            here = self._measurable()
            subjects = [subject for subject in again if subject in here]
            if not subjects:
                return
            yield from self._measure(subjects)
        self._update()

    # ------------------------------------------------------------------ subjects and their parts

    def _update(self) -> bool:
        """Look at what is known; return True if no subject needs more rounds."""
        return self._knowledge.update(self._terms)

    def _parts_of(self, subjects: Iterable[str]) -> list[str]:
        """Return the parts of subjects, each once."""
        return list(dict.fromkeys(part for subject in subjects for part, _ in self._terms[subject]))

    def _measurable(self) -> list[str]:
        """Return the subjects whose parts are all loaded."""
        return [s for s, terms in self._terms.items() if all(part in self._link.loaded for part, _ in terms)]

    # ------------------------------------------------------------------ runners

    def _make_room(self) -> Generator[Event, None, bool]:
        """Prepare a runner for added subjects; return True if it is a fresh one, which is to be warmed up."""
        link, schedule = self._link, self._schedule
        if not link.is_open:
            yield from self._tell(link.open())
            return True
        if not schedule.round:
            return True
        self._update()
        keep = [s for s in self._terms if s not in self._knowledge.done or s in self._companions]
        parts = self._parts_of(keep)
        if schedule.may_start_fresh(link.process, link.used_s, link.expected_load_s(parts)):
            yield from self._tell(link.restart(parts))
            return True
        yield from self._tell(link.unload([part for part in link.loaded if part not in parts]))
        yield from self._tell(link.load_again(parts))
        return False

    def _restart(self, parts: Iterable[str]) -> Iterator[Event]:
        """Go on in a fresh process, in which these parts are loaded."""
        yield from self._tell(self._link.restart(list(parts)))
        yield from self._warm_up()

    def _warm_up(self) -> Iterator[Event]:
        """Run the first reference, or whatever is loaded first, until the process is steady."""
        loaded = self._link.loaded
        references = [part for part in self._parts_of(self._measured_references()) if part in loaded]
        first = next(iter(references or loaded), None)
        yield from self._tell(self._link.warm_up(first if self._warms_up else None))

    def _measured_references(self) -> list[str]:
        return [subject for subject in self._references if subject in self._terms]

    def _tell(self, reports: Iterable[Loaded | Checked | Process | Lost]) -> Iterator[Event]:
        """Turn the link's reports into events."""
        for report in reports:
            if isinstance(report, Lost):
                yield from self._lose(report)
            else:
                yield report

    def _lose(self, lost: Lost) -> Iterator[Outcome]:
        """Yield the outcome of every subject that a lost part was for, and of one that was lost in its check."""
        for subject in [s for s, terms in self._terms.items() if lost.part in (s, *dict(terms))]:
            del self._terms[subject]
            yield Outcome(subject, lost.status, lost.reason)
        needed = self._parts_of(self._terms)
        self._link.forget([part for part in self._link.loaded if part not in needed])

"""Sessions with runners that need no process, so that every latency is given and every failure is chosen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.session.events import Counted, Event, Loaded, Outcome, Process, Retest, Sample, Stopped
from nnbehave.measurement.session.exact import ExactSession
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Terms
from nnbehave.records import StopRule
from tests.measurement.session.fake_runner import DIED, DROPPED, FakeTarget, part_of, parts_of

NAMES = [f"layer{i}" for i in range(10)]
ALONE: Terms = {name: [(name, 1.0)] for name in NAMES}


def session_on(target: FakeTarget, terms: Terms = ALONE, method: str = "whole", **more: Any) -> Session:
    names = dict.fromkeys(part for each in terms.values() for part, _ in each)
    parts = parts_of(names, distance=2**20 if method == "stacked" else 0)
    settings = more.pop("settings", Settings())
    return Session(get_platform("simulated"), target, parts, terms, settings, method, **more)


def samples_of(events: list[Event]) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample)]


def stops_of(events: list[Event]) -> dict[str, Stopped]:
    stopped = [event for event in events if isinstance(event, Stopped)]
    assert len({event.subject for event in stopped}) == len(stopped)
    return {event.subject: event for event in stopped}


def test_each_subject_is_told_once_at_the_end_which_rule_stopped_it() -> None:
    target = FakeTarget()
    target.spans_ns = lambda part, number: [1_000_000 if part != NAMES[0] or number % 2 else 1_050_000] * 3
    session = session_on(target, references=[NAMES[1]], settings=Settings(max_rounds=30))
    events = list(session)
    stopped = stops_of(events)
    assert list(stopped) == NAMES
    assert stopped[NAMES[0]].rule in (StopRule.MAX_ROUNDS, StopRule.NO_PROGRESS)
    assert {stopped[name].rule for name in NAMES[1:]} == {StopRule.INTERVAL}
    assert all(stopped[name].rounds == session.estimates[name].rounds for name in NAMES)
    first = next(i for i, event in enumerate(events) if isinstance(event, Stopped))
    assert all(isinstance(event, Stopped) for event in events[first:])


def test_a_session_that_is_interrupted_tells_no_stops() -> None:
    session = session_on(FakeTarget())
    assert stops_of(list(session.begin(6))) == {}
    session.close()


def test_a_session_that_only_loads_tells_no_stops_and_times_nothing() -> None:
    events = list(session_on(FakeTarget(), method="none"))
    assert [type(event) for event in events] == [Loaded] * len(NAMES)


def test_a_session_that_is_finished_twice_tells_a_stop_again_if_it_has_changed() -> None:
    target = FakeTarget()
    session = session_on(target, references=[NAMES[0]])
    first = [*session.begin(6), *session.finish()]
    session.add(parts_of(["more"]), {"more": [("more", 1.0)]}, companions=[NAMES[1]])
    second = [*session.begin(6), *session.finish()]
    session.close()
    assert set(stops_of(first)) == set(NAMES)
    assert set(stops_of(second)) == {"more", NAMES[0], NAMES[1]}
    assert stops_of(second)[NAMES[0]].rounds > stops_of(first)[NAMES[0]].rounds


def test_a_part_that_is_lost_takes_all_its_subjects_with_it() -> None:
    target = FakeTarget()
    target.faults["time", "shared"] = [None, None, DIED]
    terms = {name: [(name, 1.0), ("shared", -1.0)] for name in NAMES[:3]} | {"free": [("free", 1.0)]}
    events = list(session_on(target, terms))
    lost = [event for event in events if isinstance(event, Outcome)]
    assert [event.subject for event in lost] == NAMES[:3]
    assert {event.status for event in lost} == {"failed"}
    assert list(stops_of(events)) == ["free"]
    assert target.runners[-1].loaded == ["free"]  # what nothing needs any more is not loaded again


def test_a_subject_that_fails_its_check_has_no_latency() -> None:
    target = FakeTarget()
    target.faults["load", "alone1"] = [("unsupported", "no")]
    terms: Terms = {f"alone{i}": [(f"full{i}", 0.5), (f"empty{i}", -0.5)] for i in range(3)}
    checks = {name: part_of(name) for name in terms}
    events = list(session_on(target, terms, "stacked", checks=checks))
    assert [event for event in events if isinstance(event, Outcome)] == [Outcome("alone1", "unsupported", "no")]
    assert {event.part for event in samples_of(events)} == {"full0", "empty0", "full2", "empty2"}
    assert [event.part for event in events if isinstance(event, Loaded)][:2] == ["alone0", "alone2"]
    assert not any(name in runner.loaded for runner in target.runners for name in terms)


@pytest.mark.parametrize(("method", "command"), [("whole", "time"), ("profiled", "profile"), ("stacked", "rotate")])
def test_each_method_makes_its_own_request(method: str, command: str) -> None:
    target = FakeTarget()
    list(session_on(target, method=method))
    assert {cmd for _, cmd, _ in target.log} == {"hello", "load", command}


def test_positions_are_places_in_the_order_of_a_round() -> None:
    events = samples_of(list(session_on(FakeTarget())))
    for number in {event.round for event in events}:
        assert [event.position for event in events if event.round == number] == list(range(1, len(NAMES) + 1))


def test_disturbed_samples_are_taken_again_twice_then_used_and_marked() -> None:
    target = FakeTarget()
    target.witnesses = lambda part: {"preempted": part == NAMES[3]}
    events = samples_of(list(session_on(target)))
    of_part = [event for event in events if event.part == NAMES[3]]
    assert not any(event.discarded for event in events if event.part != NAMES[3])
    for number in {event.round for event in of_part}:
        marks = [set(event.witnesses) - {"preempted", "distance_bytes"} for event in of_part if event.round == number]
        assert marks == [{"discarded"}, {"discarded"}, {"disturbed"}]


def test_one_that_stands_alone_is_measured_again_in_a_process_with_its_neighbours_and_the_references() -> None:
    target = FakeTarget()
    target.spans_ns = lambda part, number: [2_000_000 if part == NAMES[4] else 1_000_000] * 3
    events = list(session_on(target, axes=[NAMES[:9]], references=[NAMES[9]]))
    (retest,) = [event for event in events if isinstance(event, Retest)]
    assert (retest.subject, retest.neighbours) == (NAMES[4], (NAMES[2], NAMES[3], NAMES[5], NAMES[6]))
    again = Counter(event.part for event in samples_of(events) if event.process == retest.process)
    assert set(again) == {retest.subject, *retest.neighbours, NAMES[9]}
    assert min(again.values()) >= Settings().min_rounds
    assert stops_of(events)[NAMES[4]].rounds == len([event for event in samples_of(events) if event.part == NAMES[4]])
    assert target.runners[-1].loaded == [NAMES[2], NAMES[3], NAMES[4], NAMES[5], NAMES[6], NAMES[9]]


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
def test_the_first_rounds_are_spread_over_so_many_processes(processes: int) -> None:
    events = list(session_on(FakeTarget(), settings=Settings(processes=processes)))
    assert [event.process for event in events if isinstance(event, Process)] == list(range(processes))
    share = Settings().min_rounds // processes
    assert {(s.round, s.process) for s in samples_of(events) if s.round < 6} == {(r, r // share) for r in range(6)}


def test_added_subjects_are_measured_beside_companions_and_what_is_done_is_let_go() -> None:
    target = FakeTarget()
    first, second = NAMES[:4], NAMES[4:]
    session = session_on(target, {name: ALONE[name] for name in first}, settings=Settings(processes=1))
    list(session.begin(6))
    session.add(parts_of(second), {name: ALONE[name] for name in second}, companions=[NAMES[0]])
    events = samples_of(list(session.begin(8)))
    session.close()
    assert {event.part for event in events} == {NAMES[0], *second}
    assert target.runners[-1].loaded == [NAMES[0], *second]
    assert session.done == set(NAMES)


@pytest.mark.parametrize("again", ["begin", "finish"])
def test_a_session_that_is_left_in_the_middle_of_a_round_goes_on_without_late_answers(again: str) -> None:
    target = FakeTarget()
    target.spans_ns = lambda part, number: [2_000_000 * (1 + NAMES.index(part))] * 3
    session = session_on(target)
    for event in session.begin(6):
        if isinstance(event, Sample):
            break
    if again == "begin":
        list(session.begin(6))
    events = list(session.finish())
    session.close()
    assert not any(isinstance(event, Outcome) for event in events)
    assert {name: found.latency_ms for name, found in session.estimates.items()} == {
        name: pytest.approx(1.0 + i) for i, name in enumerate(NAMES)
    }


def test_exact_costs_are_asked_for_in_batches_and_each_once() -> None:
    target = FakeTarget()
    names = [f"graph{i}" for i in range(150)]
    target.faults["load", "graph3"] = [("unsupported", "no")]
    target.faults["estimate", "graph70"] = [DIED]
    target.faults["estimate", "graph90"] = [DROPPED, None]
    session = ExactSession(get_platform("simulated"), target, Settings())
    session.add(parts_of(names), {name: [(name, 1.0)] for name in names})
    assert session.expected_samples == 150
    events = list(session.begin(6))
    counted = [event.part for event in events if isinstance(event, Counted)]
    outcomes = [event.subject for event in events if isinstance(event, Outcome)]
    assert sorted(counted + outcomes) == sorted(names)
    assert outcomes == ["graph3", "graph70"]
    assert set(session.estimates) == session.done == set(counted)
    assert len([event for event in events if isinstance(event, Loaded)]) == 149
    assert max(len(parts) for _, _, parts in target.commands("estimate")) <= 64
    session.add(parts_of(["graph0"]), {"graph0": [("graph0", 1.0)]})
    assert list(session.begin(6)) == list(session.finish()) == []

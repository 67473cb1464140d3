"""The link to a runner: what is lost when a runner fails, and that all else goes on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.errors import WorkerError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.session.answers import Lost, Timed
from nnbehave.measurement.session.events import Counted, Loaded, Process
from nnbehave.measurement.session.link import MOST_DEATHS, MOST_DROPS, Link
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.requests import Group, Request, TimingMethod
from nnbehave.measurement.settings import Settings
from tests.measurement.session.fake_runner import DIED, DROPPED, HUNG, FakeTarget, Fault, parts_of

NAMES = ["a", "b", "c", "d"]


def request(parts: Mapping[str, Part]) -> Request:
    return TimingMethod("whole", Settings(), wall_clock=True).request(Group(parts, in_turn=False), 3)


def in_turn(parts: Mapping[str, Part]) -> Request:
    return TimingMethod("stacked", Settings(), wall_clock=True).request(Group(parts, in_turn=True), 3)


def link_to(target: FakeTarget, names: list[str] = NAMES) -> Link:
    """A link with a runner in which nothing is loaded yet."""
    link = Link(get_platform("simulated"), target, Settings())
    link.parts |= parts_of(names)
    link.start()
    return link


def loaded_link(target: FakeTarget, names: list[str] = NAMES) -> Link:
    link = link_to(target, names)
    for name in names:
        assert [type(report) for report in link.load(name)] == [Loaded]
    return link


def test_the_hello_of_a_runner_is_typed() -> None:
    hello = link_to(FakeTarget()).hello
    assert hello is not None
    assert (hello.machine["host"], hello.versions, hello.cpus) == ("fake", {"fake": "1"}, (3,))


def test_a_runner_of_another_protocol_is_refused_and_closed() -> None:
    target = FakeTarget()
    target.protocol += 1
    with pytest.raises(WorkerError, match="speaks protocol"):
        link_to(target)
    assert all(runner.is_closed for runner in target.runners)


def test_a_part_that_is_refused_when_loaded_is_lost_and_its_runner_is_kept() -> None:
    target = FakeTarget()
    target.faults["load", "b"] = [("unsupported", "no such kernel")]
    link = link_to(target)
    reports = [report for name in NAMES for report in link.load(name)]
    assert [report for report in reports if isinstance(report, Lost)] == [Lost("b", "unsupported", "no such kernel")]
    assert list(link.loaded) == ["a", "c", "d"]
    assert "b" not in link.parts
    assert len(target.runners) == 1


@pytest.mark.parametrize(("fault", "status"), [(DIED, "failed"), (HUNG, "timeout")])
def test_a_part_that_ends_its_runner_when_loaded_is_lost_and_the_others_are_loaded_again(
    fault: WorkerError, status: str
) -> None:
    target = FakeTarget()
    target.faults["load", "c"] = [fault]
    link = link_to(target)
    reports = [report for name in NAMES for report in link.load(name)]
    assert [report for report in reports if isinstance(report, Lost)] == [Lost("c", status, f"{fault} (loading)")]
    assert target.commands("load") == [
        *((0, "load", (name,)) for name in "abc"),
        *((1, "load", (name,)) for name in "abd"),
    ]
    assert target.runners[0].is_closed


@given(
    st.lists(st.sampled_from([None, None, DIED, HUNG, ("unsupported", "no")]), min_size=1, max_size=12),
)
def test_every_part_is_timed_once_or_lost_and_none_for_the_fault_of_another(faults: list[WorkerError | None]) -> None:
    target = FakeTarget()
    names = [f"part{i}" for i in range(len(faults))]
    link = loaded_link(target, names)
    target.faults |= {("time", name): [fault] for name, fault in zip(names, faults, strict=True) if fault}
    reports = list(link.time(names, request))
    assert [report.part for report in reports] == names
    assert [isinstance(report, Lost) for report in reports] == [fault is not None for fault in faults]
    assert list(link.loaded) == [name for name, fault in zip(names, faults, strict=True) if fault is None]
    assert target.runners[-1].loaded == list(link.loaded)


def test_an_error_while_a_part_is_timed_is_a_failure_since_it_ran_when_it_was_loaded() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["time", "b"] = [("unsupported", "RuntimeError: no")]
    assert next(r for r in link.time(NAMES, request) if isinstance(r, Lost)) == Lost("b", "failed", "RuntimeError: no")


@pytest.mark.parametrize("command", ["load", "time"])
@pytest.mark.parametrize("drops", [MOST_DROPS, MOST_DROPS + 1])
def test_a_connection_that_breaks_on_one_part_again_and_again_loses_the_part(command: str, drops: int) -> None:
    target = FakeTarget()
    target.faults[command, "b"] = [*[DROPPED] * drops, None]
    link = link_to(target)
    reports = [report for name in NAMES for report in link.load(name)]
    reports += link.time(NAMES, request)
    lost = [report for report in reports if isinstance(report, Lost)]
    assert [each.part for each in lost] == (["b"] if drops > MOST_DROPS else [])
    assert all("the connection was lost" in each.reason for each in lost)
    assert len(target.runners) == 1 + drops
    assert {report.part for report in reports if isinstance(report, Timed)} == {*NAMES} - {each.part for each in lost}


def test_drops_that_an_answer_lies_between_are_not_added_up() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    for _ in range(3):
        target.faults["time", "b"] = [*[DROPPED] * MOST_DROPS, None]
        assert not any(isinstance(report, Lost) for report in link.time(NAMES, request))


def test_a_runner_that_dies_during_calls_in_turn_costs_nobody_until_it_has_died_too_often() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["rotate", "c"] = [*[DIED] * MOST_DEATHS, None]
    assert [report.part for report in link.time(NAMES, in_turn)] == NAMES
    assert len(target.runners) == 1 + MOST_DEATHS
    target.faults["rotate", "c"] = [DIED]
    lost = list(link.time(NAMES, in_turn))
    assert all(isinstance(report, Lost) and "one of 4 layers in turn" in report.reason for report in lost)
    assert [report.part for report in lost] == NAMES


def test_a_part_that_a_dead_runner_lost_is_found_when_it_is_loaded_again() -> None:
    """Calls in turn do not tell whose fault a death was; the call while loading does."""
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["rotate", "c"] = [DIED]
    target.faults["load", "c"] = [DIED]
    reports = list(link.time(NAMES, in_turn))
    assert [report.part for report in reports if isinstance(report, Lost)] == ["c"]
    assert [report.part for report in reports if isinstance(report, Timed)] == ["a", "b", "d"]


def test_a_caller_that_stops_early_gets_no_late_answers() -> None:
    target = FakeTarget()
    target.spans_ns = lambda part, number: [1000 * (1 + NAMES.index(part))]
    link = loaded_link(target)
    timing = link.time(NAMES, request)
    next(timing)
    timing.close()  # type: ignore[attr-defined]
    found = {report.part: report.spans_ns for report in link.time(NAMES[::-1], request) if isinstance(report, Timed)}
    assert found == {name: (1000 * (1 + i),) for i, name in enumerate(NAMES)}


def test_a_restart_loads_what_is_kept_in_the_order_of_the_first_loading() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    assert list(link.restart(["d", "b", "unknown"])) == []
    assert target.runners[-1].loaded == list(link.loaded) == ["b", "d"]
    assert list(link.load_again(["c", "b"])) == []
    assert target.runners[-1].loaded == ["b", "d", "c"]


@pytest.mark.parametrize("fault", [DIED, ("unsupported", "no")])
def test_a_part_that_is_forgotten_during_a_recovery_is_not_loaded_again(fault: Fault) -> None:
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["load", "b"] = [fault]
    for report in link.restart(NAMES):
        assert isinstance(report, Lost)
        link.forget(["d"])
    assert target.runners[-1].loaded == ["a", "c"]


def test_a_check_leaves_nothing_behind() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    (part,) = parts_of(["alone"]).values()
    assert [report.part for report in link.check("alone", part) if isinstance(report, Loaded)] == ["alone"]
    assert target.runners[-1].loaded == list(link.loaded) == NAMES
    target.faults["load", "alone"] = [DIED]
    assert [type(report) for report in link.check("alone", part)] == [Lost]
    assert target.runners[-1].loaded == list(link.loaded) == NAMES


def test_a_runner_that_dies_while_it_unloads_is_replaced_by_one_with_the_rest() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["unload", "b"] = [DIED]
    assert list(link.unload(["a", "b", "c"])) == []
    assert target.runners[-1].loaded == list(link.loaded) == ["d"]


def test_a_part_that_ends_the_warm_up_is_not_lost_and_the_process_not_steady() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    assert list(link.warm_up("a")) == [Process(0, 20, True, {})]
    target.faults["warm_up", "a"] = [DIED]
    assert list(link.warm_up("a")) == [Process(1, 0, False, {})]
    assert "a" in link.loaded


def test_costs_are_asked_for_once_and_let_go() -> None:
    target = FakeTarget()
    link = loaded_link(target)
    target.faults["estimate", "c"] = [("unsupported", "no table")]
    reports = list(link.cost(NAMES))
    assert reports == [
        Counted("a", 1.0, {"cycles": 7.0}, ("relu",)),
        Counted("b", 1.0, {"cycles": 7.0}, ("relu",)),
        Lost("c", "unsupported", "no table"),
        Counted("d", 1.0, {"cycles": 7.0}, ("relu",)),
    ]
    assert target.commands("estimate") == [(0, "estimate", tuple("abcd")), (1, "estimate", ("d",))]
    assert [entry[2] for entry in target.commands("load") if entry[0] == 1] == [("d",)]
    assert not link.loaded

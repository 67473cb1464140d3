"""The choice of what is measured again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.retest import find_suspects, retested_together
from nnbehave.measurement.statistics import Estimate


def known(latencies_ms: dict[str, float]) -> dict[str, Estimate]:
    return {name: Estimate(ms, 0.99 * ms, 1.01 * ms, 0.005 * ms, 6) for name, ms in latencies_ms.items()}


AXIS = list("abcdefgh")
FLAT = dict.fromkeys(AXIS, 1.0)


def test_a_subject_that_differs_from_both_sides_is_suspect_with_its_neighbours() -> None:
    estimates = known(FLAT | {"d": 1.5})
    assert find_suspects([AXIS], estimates, estimates) == {"d": ("b", "c", "e", "f")}


def test_a_fast_one_is_suspect_too_and_near_an_end_has_fewer_neighbours() -> None:
    estimates = known(FLAT | {"b": 0.5})
    assert find_suspects([AXIS], estimates, estimates) == {"b": ("a", "c", "d")}


def test_the_edge_of_a_step_and_the_ends_of_an_axis_are_not_suspect() -> None:
    step = known({name: 1.0 if name < "e" else 2.0 for name in AXIS})
    ends = known(FLAT | {"a": 2.0, "h": 2.0})
    assert find_suspects([AXIS], step, step) == {}
    assert find_suspects([AXIS], ends, ends) == {}


def test_one_without_an_estimate_is_passed_over() -> None:
    estimates = known(FLAT | {"d": 1.5})
    del estimates["c"]
    assert find_suspects([AXIS], estimates, estimates) == {"d": ("a", "b", "e", "f")}


def test_one_that_cannot_be_measured_again_is_neither_suspect_nor_neighbour() -> None:
    estimates = known(FLAT | {"d": 1.5})
    assert find_suspects([AXIS], estimates, set(AXIS) - {"d"}) == {}
    assert find_suspects([AXIS], estimates, set(AXIS) - {"e"}) == {"d": ("b", "c", "f", "g")}


@given(st.lists(st.floats(0.1, 10.0), min_size=3, max_size=20))
def test_suspects_lie_outside_all_their_neighbours(latencies_ms: list[float]) -> None:
    axis = [f"layer{i}" for i in range(len(latencies_ms))]
    estimates = known(dict(zip(axis, latencies_ms, strict=True)))
    for suspect, neighbours in find_suspects([axis], estimates, estimates).items():
        near = [estimates[name].latency_ms for name in neighbours]
        ms = estimates[suspect].latency_ms
        assert 2 <= len(near) <= 4
        assert suspect not in neighbours
        assert ms > 1.02 * max(near) or ms < 0.99 * min(near)


def test_all_that_is_retested_is_named_once() -> None:
    suspects = {"d": ("b", "c", "e", "f"), "f": ("d", "e", "g", "h")}
    assert retested_together(suspects, ["b", "reference"]) == ["d", "f", "b", "c", "e", "g", "h", "reference"]

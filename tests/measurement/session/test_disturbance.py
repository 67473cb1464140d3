"""Whether the machine disturbed a sample."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.disturbance import (
    FEWEST_PROXIES,
    MOST_PROXIES,
    STOLEN_SHARE,
    THROTTLED,
    Disturbance,
    DisturbanceJudge,
)


def experienced(proxy_ns: float = 20_000, samples: int = FEWEST_PROXIES) -> DisturbanceJudge:
    """A judge that has seen a steady clock."""
    judge = DisturbanceJudge()
    for _ in range(samples):
        assert judge({"clock_proxy_ns": proxy_ns}) is None
    return judge


@pytest.mark.parametrize(
    ("witnesses", "disturbance"),
    [
        ({}, None),
        ({"preempted": False, "steal_ms": None, "clock_proxy_ns": None}, None),
        ({"preempted": True}, Disturbance.PREEMPTED),
        ({"preempted": True, "steal_ms": 10.0, "wall_ns": 10**8}, Disturbance.PREEMPTED),
        ({"steal_ms": 10.0, "wall_ns": 10**8}, Disturbance.STOLEN),
        ({"steal_ms": 1.0, "wall_ns": 10**8}, None),
        ({"steal_ms": 0.0, "wall_ns": 10**8}, None),
        ({"steal_ms": None, "clock_proxy_ns": 20_000}, None),
        ({"steal_ms": None, "clock_proxy_ns": 40_000}, Disturbance.THROTTLED),
    ],
)
def test_each_witness(witnesses: dict[str, Any], disturbance: Disturbance | None) -> None:
    assert experienced()(witnesses) == disturbance


@given(st.floats(0.0, 100.0), st.integers(1, 10**9))
def test_what_is_stolen_counts_from_a_share_of_the_sample(steal_ms: float, wall_ns: int) -> None:
    found = DisturbanceJudge()({"steal_ms": steal_ms, "wall_ns": wall_ns})
    assert (found == Disturbance.STOLEN) == (steal_ms * 1e6 > STOLEN_SHARE * wall_ns)


@given(st.floats(1.0, 1e6), st.floats(0.1, 10.0))
def test_a_clock_is_judged_by_its_usual_speed_whatever_that_is(usual_ns: float, factor: float) -> None:
    found = experienced(usual_ns)({"clock_proxy_ns": factor * usual_ns})
    assert (found == Disturbance.THROTTLED) == (factor * usual_ns > THROTTLED * usual_ns)


def test_nothing_is_throttled_before_the_usual_speed_is_known() -> None:
    judge = experienced(samples=FEWEST_PROXIES - 2)
    assert judge({"clock_proxy_ns": 1e9}) is None
    assert judge({"clock_proxy_ns": 1e9}) == Disturbance.THROTTLED


def test_the_usual_speed_follows_a_machine_that_stays_slow() -> None:
    judge = experienced(20_000, MOST_PROXIES)
    found = [judge({"clock_proxy_ns": 40_000}) for _ in range(MOST_PROXIES * 3 // 4)]
    assert found[0] == Disturbance.THROTTLED
    assert found[-1] is None

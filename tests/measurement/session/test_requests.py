"""The requests for samples, and the answers as typed values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.answers import Lost, read_cost, read_loaded, read_timed
from nnbehave.measurement.session.events import Checked, Counted
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.requests import Request, TimingMethod, cost_request
from nnbehave.measurement.settings import Settings
from nnbehave.runner.kernels import Kernel
from tests.measurement.session.fake_runner import part_of, parts_of

SETTINGS = Settings(span_ms=0.5, sample_ms=4.0, passes=7, time_limit_s=30)


MIB = 2**20


def request_of(parts: dict[str, Part], name: str = "whole", wall_clock: bool = True, number: int = 0) -> Request:
    method = TimingMethod(name, SETTINGS, wall_clock)
    (group,) = method.groups(parts)
    return method.request(group, number)


def test_warm_calls_are_timed_part_by_part() -> None:
    request = request_of(parts_of("ab"), number=4)
    assert (request.command, request.parts, request.limit_s) == ("time", ("a", "b"), 30)
    assert request.fields == {"handles": ["a", "b"], "span_ns": 500_000, "sample_ns": 4_000_000}
    assert request.one_by_one
    assert request.during == "round 5"


def test_a_profile_has_no_spans_to_choose() -> None:
    request = request_of(parts_of("ab"), "profiled")
    assert request.command == "profile"
    assert request.fields == {"handles": ["a", "b"], "sample_ns": 4_000_000}


def test_calls_in_turn_are_answered_together() -> None:
    request = request_of(parts_of("ab", distance=MIB))
    assert request.fields == {"handles": ["a", "b"], "passes": 7, "evict_bytes": MIB}
    assert request.limit_s == 60
    assert not request.one_by_one


sizes = st.integers(0, 8 * MIB)
distances = st.sampled_from([0, MIB, 24 * MIB, 64 * MIB])


@given(st.lists(st.tuples(sizes, sizes, distances), min_size=1, max_size=12))
def test_every_part_is_in_one_group_at_the_distance_that_it_wants(drawn: list[tuple[int, int, int]]) -> None:
    """No nearer than 10 % of a pass; further only where a part by itself touches more than a pass."""
    parts = {
        f"part{i}": part_of(f"part{i}", weights + others, weights, distance)
        for i, (weights, others, distance) in enumerate(drawn)
    }
    groups = TimingMethod("stacked", SETTINGS, wall_clock=True).groups(parts)
    assert sorted(name for group in groups for name in group.parts) == sorted(parts)
    for group in groups:
        for name, part in group.parts.items():
            found, a_pass = group.distance_bytes(name), part.distance_bytes + part.weight_bytes
            if not part.distance_bytes:
                assert found == 0
            elif len(group.parts) > 1 or part.touched_bytes <= a_pass:
                assert abs(found - part.distance_bytes) <= 0.1 * a_pass + 2
            else:
                assert found == part.touched_bytes - part.weight_bytes


def test_a_simulated_clock_has_no_caches_to_empty() -> None:
    request = request_of(parts_of("ab", distance=MIB), wall_clock=False)
    assert request.fields == {"handles": ["a", "b"], "passes": 7, "evict_bytes": 0}


def test_only_a_cost_can_be_refused_after_loading() -> None:
    assert cost_request(parts_of("ab"), SETTINGS).can_be_refused
    assert not request_of(parts_of("ab")).can_be_refused


def test_a_load_says_which_kernels_run_and_how_near_the_output_is() -> None:
    answer = {"ok": True, "load_s": 0.5, "kernels": [["conv", "int8", False, "no"]], "fidelity": [0.1, 0.9, 0.2, 0.3]}
    loaded, checked = read_loaded("a", answer)
    assert (loaded.part, loaded.load_s, loaded.kernels) == ("a", 0.5, (Kernel("conv", "int8", False, "no"),))
    assert checked == Checked("a", 0.1, 0.9, 0.2, 0.3)
    assert read_loaded("a", answer | {"fidelity": None})[1] is None


def test_spans_and_costs_are_read_with_their_units() -> None:
    answer = {"ok": True, "handle": "a", "calls_per_span": 4, "spans_ns": [8, 9], "witnesses": {"cpu_ns": 17}}
    timed = read_timed("a", answer)
    assert (timed.part, timed.calls_per_span, timed.spans_ns, timed.witnesses) == ("a", 4, (8, 9), {"cpu_ns": 17})
    cost = read_cost("a", {"ok": True, "latency_ns": 2.5e6, "counts": {"cycles": 3.0}, "left_out": ["relu"]})
    assert cost == Counted("a", 2.5, {"cycles": 3.0}, ("relu",))
    assert read_cost("a", {"ok": True, "handle": "a", "refused": "no table"}) == Lost("a", "unsupported", "no table")

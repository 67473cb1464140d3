"""The requests for samples, and the answers as typed values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.answers import Lost, read_cost, read_loaded, read_timed
from nnbehave.measurement.session.events import Checked, Counted
from nnbehave.measurement.session.requests import TimingMethod, cost_request
from nnbehave.measurement.settings import Settings
from nnbehave.runner.kernels import Kernel
from tests.measurement.session.fake_runner import part_of, parts_of

SETTINGS = Settings(span_ms=0.5, sample_ms=4.0, passes=7, footprint_mib=24, time_limit_s=30)


def test_whole_calls_are_timed_part_by_part() -> None:
    request = TimingMethod("whole", SETTINGS, None, True).request(parts_of("ab"), 4)
    assert (request.command, request.parts, request.limit_s) == ("time", ("a", "b"), 30)
    assert request.fields == {"handles": ["a", "b"], "span_ns": 500_000, "sample_ns": 4_000_000}
    assert request.one_by_one
    assert request.during == "round 5"


def test_a_profile_has_no_spans_to_choose() -> None:
    request = TimingMethod("profiled", SETTINGS, None, True).request(parts_of("ab"), 0)
    assert request.command == "profile"
    assert request.fields == {"handles": ["a", "b"], "sample_ns": 4_000_000}


@given(st.lists(st.integers(0, 8 * 2**20), min_size=1, max_size=6))
def test_calls_in_turn_have_the_footprint_between_them(sizes: list[int]) -> None:
    """The other parts are read between two calls of one, so only the rest is read from a buffer."""
    parts = {f"part{i}": part_of(f"part{i}", size) for i, size in enumerate(sizes)}
    request = TimingMethod("stacked", SETTINGS, None, wall_clock=True).request(parts, 0)
    evicted = request.fields["evict_bytes"]
    assert isinstance(evicted, int)
    assert evicted + sum(sizes) >= 24 * 2**20
    assert evicted == 0 or evicted + sum(sizes) == 24 * 2**20
    assert request.limit_s == 30 * len(parts)
    assert not request.one_by_one


def test_a_simulated_clock_has_no_caches_to_empty() -> None:
    request = TimingMethod("stacked", SETTINGS, None, wall_clock=False).request(parts_of("ab"), 0)
    assert request.fields == {"handles": ["a", "b"], "passes": 7, "evict_bytes": 0}


def test_an_evictor_runs_before_every_call_and_is_timed_with_it() -> None:
    request = TimingMethod("stacked", SETTINGS, "evictor", True).request(parts_of("ab"), 0)
    assert request.command == "alternate"
    assert request.fields == {"handles": ["a", "b"], "passes": 7, "evictor": "evictor"}
    assert request.parts == ("a", "evictor", "b", "evictor")


def test_only_a_cost_can_be_refused_after_loading() -> None:
    assert cost_request(parts_of("ab"), SETTINGS).can_be_refused
    assert not TimingMethod("whole", SETTINGS, None, True).request(parts_of("ab"), 0).can_be_refused


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

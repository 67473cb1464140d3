from __future__ import annotations

from collections.abc import Callable

import pytest

from nnbehave.runner.timing import FEWEST_SPANS, MOST_SPANS, Spans, calibrate, rotate, time_sample, warm_up


class Clock:
    """A clock that advances only in calls of ``spend``."""

    def __init__(self, cost_ns: int) -> None:
        self.now, self.cost, self.calls = 0, cost_ns, 0

    def __call__(self) -> int:
        return self.now

    def spend(self) -> None:
        self.now += self.cost
        self.calls += 1


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore interruptions of the test process, because the time of these tests is simulated."""
    monkeypatch.setattr("nnbehave.runner.timing.involuntary_switches", lambda: 0)


def test_a_span_has_as_many_calls_as_the_clock_needs() -> None:
    for cost, calls in ((1_000_000, 1), (200_000, 1), (199_999, 2), (60_000, 4), (350, 1024)):
        clock = Clock(cost)
        assert calibrate(clock.spend, clock, 200_000) == calls


def test_a_disturbed_call_does_not_mislead_the_calibration() -> None:
    clock = Clock(10_000)
    disturbed = iter([0, 300_000])

    def spend() -> None:
        clock.spend()
        clock.now += next(disturbed, 0)

    assert calibrate(spend, clock, 200_000) == 32


def test_a_sample_has_three_to_ten_spans() -> None:
    for cost, calls, expected in ((50_000_000, 1, FEWEST_SPANS), (500_000, 1, 4), (100_000, 1, MOST_SPANS)):
        clock = Clock(cost)
        spans, _ = time_sample(clock.spend, clock, calls, 2_000_000)
        assert spans == [cost * calls] * expected
        assert clock.calls == 1 + calls * expected  # the first call is not timed


def test_models_are_called_in_turn() -> None:
    clock = Clock(1000)
    order: list[str] = []

    def model(name: str) -> Callable[[], None]:
        return lambda: (order.append(name), clock.spend())[1]

    spans = rotate([model("a"), model("b")], clock, passes=3, evict_bytes=800)
    assert order == ["a", "b"] * 4  # the first pass is not timed
    assert [sample.clean for sample in spans] == [[1000] * 3] * 2


def test_interrupted_spans_are_taken_again_and_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter of interruptions rises with every third reading."""
    readings = iter(range(10_000))
    monkeypatch.setattr("nnbehave.runner.timing.involuntary_switches", lambda: next(readings) // 3)
    clock = Clock(100_000)
    good, interrupted = time_sample(clock.spend, clock, 1, 2_000_000)
    assert len(good) == MOST_SPANS
    assert interrupted
    (good, interrupted), _ = rotate([clock.spend] * 2, clock, passes=4, evict_bytes=0)
    assert len(good) == 4
    assert interrupted


def test_a_sample_whose_spans_are_all_interrupted_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter(range(10_000))
    monkeypatch.setattr("nnbehave.runner.timing.involuntary_switches", lambda: next(readings))
    clock = Clock(100_000)
    assert time_sample(clock.spend, clock, 1, 2_000_000) == Spans([], [100_000] * MOST_SPANS)
    assert rotate([clock.spend], clock, passes=3, evict_bytes=0) == [Spans([], [100_000] * 6)]


@pytest.mark.parametrize("slow_calls", [0, 30, 120])
def test_warming_up_ends_when_the_model_is_warm(slow_calls: int) -> None:
    clock = Clock(100_000)

    def spend() -> None:
        clock.spend()
        clock.now += 2000 * max(0, slow_calls - clock.calls)

    spans, steady = warm_up(spend, clock, calls_per_span=1)
    assert steady
    assert slow_calls <= spans <= slow_calls + 40


def test_a_model_that_never_becomes_warm_is_reported() -> None:
    clock = Clock(100_000)

    def spend() -> None:
        clock.spend()
        clock.cost = round(clock.cost * 1.02)

    assert warm_up(spend, clock, calls_per_span=1) == (300, False)

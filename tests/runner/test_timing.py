from __future__ import annotations

from nnbehave.runner.timing import MAX_VALUES, MIN_VALUES, calibrate, time_block


class Clock:
    """Time that passes only in calls of ``spend``."""

    def __init__(self, cost_ns: int) -> None:
        self.now, self.cost, self.calls = 0, cost_ns, 0

    def __call__(self) -> int:
        return self.now

    def spend(self) -> None:
        self.now += self.cost
        self.calls += 1


def test_spans_are_long_enough_for_the_clock() -> None:
    for cost, inner in ((1_000_000, 1), (200_000, 1), (199_999, 2), (60_000, 4), (350, 1024)):
        clock = Clock(cost)
        assert calibrate(clock.spend, clock, 200_000) == inner


def test_a_disturbed_call_does_not_mislead_the_calibration() -> None:
    clock = Clock(10_000)
    disturbed = iter([0, 300_000])

    def spend() -> None:
        clock.spend()
        clock.now += next(disturbed, 0)

    assert calibrate(spend, clock, 200_000) == 32


def test_a_block_holds_three_to_ten_spans() -> None:
    for cost, inner, expected in ((50_000_000, 1, MIN_VALUES), (500_000, 1, 4), (100_000, 1, MAX_VALUES)):
        clock = Clock(cost)
        spans, witnesses = time_block(clock.spend, clock, inner, 2_000_000)
        assert spans == [cost * inner] * expected
        assert witnesses["wall_ns"] == sum(spans)
        assert clock.calls == 1 + inner * expected  # the first call is not recorded

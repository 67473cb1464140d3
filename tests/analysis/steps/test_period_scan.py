from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.period_scan import PeriodScan


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=30, max_size=80, unique=True), st.integers(0, 1000))
def test_the_shared_sums_are_those_of_each_width_and_phase(points: list[int], seed: int) -> None:
    n = np.array(sorted(points), dtype=float)
    rng = np.random.default_rng(seed)
    y, weights = rng.uniform(1, 2, len(n)), rng.uniform(0.5, 2, len(n))
    scan = PeriodScan(n)
    first, of_y, squared, squared_by_part = scan._projections(y, weights)
    x, parts = n / n[-1], np.arange(len(n)) * 4 // len(n)
    for i in rng.choice(len(scan._width), 20):
        place = Period(int(scan._width[i]), int(scan._phase[i])).place(n)
        for part in range(4):
            inside = parts == part
            for power in range(4):
                assert np.isclose(first[power, part, i], (weights * place * x**power)[inside].sum())
            assert np.isclose(of_y[1, part, i], (weights * place * x * y)[inside].sum())
            assert np.isclose(squared_by_part[part, i], (weights * place**2)[inside].sum())
        for power in range(3):
            assert np.isclose(squared[power, i], (weights * place**2 * x**power).sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 59))
def test_the_period_of_noiseless_stairs_gains_most(width: int, phase: int) -> None:
    n = np.arange(1.0, 257.0)
    period = Period(width, phase % width)
    assert PeriodScan(n).likely(period.start(n), np.ones(256), 1) == [period]


def test_a_second_curve_over_the_same_points_is_not_mixed_with_the_first() -> None:
    n, weights = np.arange(1.0, 257.0), np.ones(256)
    scan = PeriodScan(n)
    scan.likely(np.ceil(n / 16), weights, 1)
    assert scan.likely(np.ceil(n / 24), weights, 1) == [Period(24, 0)]
    assert scan.likely(np.ceil(n / 24), 2 * weights, 1) == PeriodScan(n).likely(np.ceil(n / 24), 2 * weights, 1)


def test_a_grid_hides_the_widths_that_its_stride_repeats() -> None:
    n = np.arange(8, 512, 8, dtype=float)
    periods = PeriodScan(n).stairs(np.ceil(n / 32), np.ones(len(n)))
    assert min(period.width for period in periods) >= 16
    assert any(period.width == 32 for period in periods)


def test_too_few_points_have_no_period() -> None:
    n = np.array([1.0, 2.0, 3.0])
    scan = PeriodScan(n)
    assert scan.stairs(n, np.ones(3)) == scan.likely(n, np.ones(3), 5) == scan.patterns(n, np.ones(3), 3) == []

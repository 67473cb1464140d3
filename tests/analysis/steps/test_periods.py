from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from nnbehave.analysis.steps.periods import Periods


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=30, max_size=80, unique=True), st.integers(0, 1000))
def test_the_shared_sums_are_those_of_each_width_and_phase(points: list[int], seed: int) -> None:
    n = np.array(sorted(points), dtype=float)
    rng = np.random.default_rng(seed)
    y, weights = rng.uniform(1, 2, len(n)), rng.uniform(0.5, 2, len(n))
    periods = Periods(n)
    first, of_y, squared, squared_by_part = periods._projections(y, weights)
    x, parts = n / n[-1], np.arange(len(n)) * 4 // len(n)
    for i in rng.choice(len(periods._width), 20):
        place = (n - periods._phase[i] - 1) % periods._width[i]
        for part in range(4):
            inside = parts == part
            for power in range(4):
                assert np.isclose(first[power, part, i], (weights * place * x**power)[inside].sum())
            assert np.isclose(of_y[1, part, i], (weights * place * x * y)[inside].sum())
            assert np.isclose(squared_by_part[part, i], (weights * place**2)[inside].sum())
        for power in range(3):
            assert np.isclose(squared[power, i], (weights * place**2 * x**power).sum())


def test_a_grid_hides_the_widths_that_its_stride_repeats() -> None:
    n = np.arange(8, 512, 8, dtype=float)
    shapes = Periods(n).stairs(np.ceil(n / 32), np.ones(len(n)))
    assert min(width for width, _ in shapes) >= 16
    assert any(width == 32 for width, _ in shapes)

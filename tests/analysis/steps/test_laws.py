from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.families import (
    FLAT,
    LINEAR,
    QUADRATIC,
    Family,
    fit_patterns,
    nested_staircases,
    staircases,
)
from nnbehave.analysis.steps.fitting import fit_law
from nnbehave.analysis.steps.laws import (
    BentStaircase,
    FirstApart,
    GrowingPattern,
    LastApart,
    LinearLaw,
    NestedSlopedStaircase,
    NestedStaircase,
    Pattern,
    PeriodicLaw,
    SlopedStaircase,
    Staircase,
)

N = np.arange(1.0, 97.0)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    width = draw(st.integers(2, 20))
    return Period(width, draw(st.integers(0, width - 1)))


@st.composite
def laws(draw: st.DrawFn) -> LinearLaw:
    """A linear law of any kind, with any period."""
    period = draw(periods())
    outer = Period(2 * period.width, draw(st.integers(0, 2 * period.width - 1)))
    shape = tuple(np.random.default_rng(draw(st.integers(0, 99))).uniform(-1, 1, period.width).tolist())
    choices = [
        *(family.laws[0] for family in (FLAT, LINEAR, QUADRATIC)),
        *(kind(period) for kind in (Staircase, SlopedStaircase, FirstApart, LastApart, BentStaircase)),
        *(kind(period, outer) for kind in (NestedStaircase, NestedSlopedStaircase)),
        Pattern(period, shape),
        GrowingPattern(period, shape, shape[::-1]),
    ]
    law = draw(st.sampled_from(choices))
    assert isinstance(law, LinearLaw)
    return law


@given(periods(), st.integers(1, 500))
def test_a_step_begins_where_n_less_the_phase_is_1_modulo_the_width(period: Period, n: int) -> None:
    at = np.array([float(n)])
    assert period.begins(at)[0] == ((n - period.phase) % period.width == 1 % period.width)
    assert 0 <= period.place(at)[0] < period.width
    assert period.start(at)[0] == period.width * period.step(at)[0]
    assert n == period.start(at)[0] + period.phase + 1 + period.place(at)[0]


@given(periods())
def test_the_number_of_the_step_rises_by_one_at_each_beginning(period: Period) -> None:
    assert np.array_equal(np.diff(period.step(N)) == 1, period.begins(N)[1:])
    assert set(np.diff(period.step(N)).tolist()) <= {0, 1}


@given(periods())
def test_the_first_and_the_last_n_of_a_step_are_neighbours_of_its_edges(period: Period) -> None:
    assert np.array_equal(period.is_first(N) == 1, period.begins(N))
    assert np.array_equal(period.is_last(N)[:-1] == 1, period.begins(N)[1:])


@given(laws())
def test_the_design_has_a_row_for_each_coefficient_and_the_constant_first(law: LinearLaw) -> None:
    design = law.design(N)
    assert design.shape == (law.coefficient_count, len(N))
    assert (design[0] == 1).all()
    assert law.parameter_count >= law.coefficient_count


@given(laws(), st.integers(0, 999))
def test_between_its_breaks_a_law_is_the_polynomial_that_it_says(law: LinearLaw, seed: int) -> None:
    coefficients = np.random.default_rng(seed).uniform(-1, 1, law.coefficient_count)
    values = coefficients @ law.design(N)
    breaks = law.breaks(1, 96)
    assert breaks[0] == 1
    slope, bend = law.slope_and_bend(coefficients)
    for begin, end in zip(breaks, [*breaks[1:], 97], strict=True):
        n = np.arange(begin, end)
        expected = values[begin - 1] + slope * (n - begin) + bend * (n**2 - begin**2)
        np.testing.assert_allclose(values[n - 1], expected, atol=1e-9)


@given(laws())
def test_a_law_with_a_period_has_its_edges_among_its_breaks(law: LinearLaw) -> None:
    if isinstance(law, PeriodicLaw):
        assert set(law.edges(1, 96).tolist()) <= {*law.breaks(1, 96).tolist(), 1}
        assert set(law.edges(1, 96).tolist()) >= {n for n in range(1, 97) if law.period.begins(np.array(n))}


@given(periods())
def test_level_steps_jump_at_their_edges_and_nowhere_else(period: Period) -> None:
    law = Staircase(period)
    jumps = np.flatnonzero(np.diff(np.array([0.0, 1.0]) @ law.design(N))) + 2
    assert jumps.tolist() == [n for n in law.edges(1, 96).tolist() if n > 1]


def test_the_jumps_of_a_sloped_staircase_are_their_share_of_the_rise() -> None:
    """ANNETTE's α is −c/b: a staircase of 8 that rises by 2 a step, 1.5 of it in the jump."""
    law = SlopedStaircase(Period(8, 0))
    n = np.arange(1.0, 65.0)
    fit = fit_law(law, n, 1.5 * np.ceil(n / 8) + 0.5 * n / 8, np.ones(64))
    _, b, c = fit.coefficients
    assert -c / b == pytest.approx(0.75)
    assert fit.slope_and_bend() == (pytest.approx(0.5 / 8), 0.0)


@pytest.mark.parametrize(
    ("family", "width", "outer", "price"),
    [
        (FLAT, None, None, 0.0),
        (LINEAR, None, None, 0.0),
        (staircases(Period(8, 3)), 8, None, 2 * np.log(128**2)),
        (nested_staircases(Period(8, 0), Period(64, 0)), 8, 64, 4 * np.log(128**2)),
    ],
)
def test_a_family_knows_its_periods_and_its_price(
    family: Family, width: int | None, outer: int | None, price: float
) -> None:
    assert (family.period.width if family.period else None) == width
    assert (family.outer.width if family.outer else None) == outer
    assert family.longest_width == (outer or width or 0)
    assert family.price == pytest.approx(price)


def test_two_families_of_one_period_are_equal_and_share_their_columns() -> None:
    assert staircases(Period(8, 0)) == staircases(Period(8, 0))
    assert hash(staircases(Period(8, 0))) == hash(staircases(Period(8, 0)))
    assert staircases(Period(8, 0)) != staircases(Period(8, 1))
    columns = [c for law in staircases(Period(8, 0)).laws if isinstance(law, LinearLaw) for c in law.columns]
    assert len(columns) == 11
    assert len(set(columns)) == 6


@given(st.integers(4, 12), st.integers(0, 999))
def test_a_pattern_on_a_line_is_recovered(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-1, 1, width)
    y = 10 + 0.1 * N + shape[((N - 1) % width).astype(int)]
    (pattern, *_) = fit_patterns(width, N, y, rng.uniform(0.5, 2, len(N)))
    law = pattern.laws[0]
    assert isinstance(law, Pattern)
    np.testing.assert_allclose(law.shape, shape - shape.mean(), atol=1e-9)
    assert law.parameter_count == 3 + width


def test_a_pattern_grows_only_where_each_place_has_points_enough_for_a_line() -> None:
    y = (1 + 0.1 * N) * np.where(N % 8 == 0, 0.7, 1)
    assert [type(family.laws[0]) for family in fit_patterns(8, N, y, np.ones(96))] == [Pattern, GrowingPattern]
    few = N[:40]
    assert [type(family.laws[0]) for family in fit_patterns(8, few, y[:40], np.ones(40))] == [Pattern]

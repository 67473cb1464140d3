from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.fitting import LinearFit, fit_law, fit_linear
from nnbehave.analysis.steps.laws import BentStaircase, FirstApart, Levels, Linear, SlopedStaircase, Staircase

LAWS = [Linear(), *(kind(Period(8, 3)) for kind in (Staircase, SlopedStaircase, FirstApart, BentStaircase))]


@settings(max_examples=50)
@given(st.sampled_from(LAWS), st.integers(0, 9999))
def test_residuals_are_orthogonal_to_every_column(law: Linear, seed: int) -> None:
    """The normal equations of weighted least squares."""
    rng = np.random.default_rng(seed)
    n = np.sort(rng.choice(np.arange(1.0, 200.0), 80, replace=False))
    y, weights = rng.uniform(1, 2, 80), rng.uniform(0.1, 3, 80)
    residuals = y - fit_law(law, n, y, weights).values(n)
    design = law.design(n)
    size = np.sqrt((design**2 * weights).sum(axis=1))
    np.testing.assert_allclose(design @ (weights * residuals) / size, 0, atol=1e-6)


@given(st.sampled_from(LAWS), st.integers(0, 9999))
def test_points_on_a_law_are_fitted_exactly(law: Linear, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = np.arange(1.0, 65.0)
    y = rng.uniform(-1, 1, law.coefficient_count) @ law.design(n)
    np.testing.assert_allclose(fit_law(law, n, y, np.ones(64)).values(n), y, atol=1e-6 * np.abs(y).max())


@pytest.mark.parametrize("law", [*LAWS, Levels(Period(8, 3))])
def test_errors_are_the_spread_of_fits_to_noise(law: Linear) -> None:
    rng = np.random.default_rng(0)
    n = np.arange(1.0, 65.0)
    fits = [fit_law(law, n, rng.standard_normal(64), np.ones(64)) for _ in range(2000)]
    spread = np.std([fit.values(n) for fit in fits], axis=0)
    np.testing.assert_allclose(fits[0].errors(n), spread, rtol=0.1)  # six standard errors of a standard deviation


def test_a_point_without_weight_has_no_say() -> None:
    n, weights = np.arange(1.0, 33.0), np.ones(32)
    y = 1 + 0.1 * n
    y[10], weights[10] = 99.0, 0.0
    fit = fit_linear(Linear(), n, y, weights)
    assert isinstance(fit, LinearFit)
    assert fit.coefficients == pytest.approx([1, 0.1])


def test_levels_are_the_weighted_means_of_the_steps() -> None:
    n = np.array([1.0, 2.0, 5.0, 6.0])
    fit = fit_law(Levels(Period(4, 0)), n, np.array([1.0, 3.0, 5.0, 7.0]), np.array([1.0, 3.0, 1.0, 1.0]))
    assert fit.values(np.array([1.0, 4.0, 8.0])).tolist() == [2.5, 2.5, 6.0]
    assert fit.errors(n).tolist() == pytest.approx([0.5, 0.5, 0.5**0.5, 0.5**0.5])


def test_a_step_without_points_lies_between_its_neighbours() -> None:
    n = np.array([1.0, 2.0, 9.0, 10.0])
    fit = fit_law(Levels(Period(4, 0)), n, np.array([1.0, 1.0, 3.0, 3.0]), np.ones(4))
    assert fit.values(np.array([6.0])).tolist() == [2.0]
    assert fit.values(np.array([99.0])).tolist() == [3.0]

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.analysis.steps.columns import Period
from nnbehave.analysis.steps.families import FLAT, LINEAR, QUADRATIC, nested_staircases, staircases
from nnbehave.analysis.steps.fitting import fit_law
from nnbehave.analysis.steps.laws import Levels, LinearLaw
from nnbehave.analysis.steps.segmentation import StretchCosts


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.booleans())
def test_the_costs_are_those_of_least_squares_on_each_stretch(seed: int, width: int, nested: bool) -> None:
    rng = np.random.default_rng(seed)
    n = np.sort(rng.choice(np.arange(1, 300), 120, replace=False)).astype(float)
    y, weights = rng.uniform(1, 2, len(n)), rng.uniform(0.5, 2, len(n))
    phase = int(rng.integers(width))
    period, outer = Period(width, phase), Period(2 * width, phase)
    family = nested_staircases(period, outer) if nested else staircases(period)
    places = np.array([0, 20, 61, 100, 120])
    costs = StretchCosts(n, y, weights, [FLAT, LINEAR, QUADRATIC, family], places, places)
    for f, each in enumerate(costs.families):
        for i in range(5):
            for j in range(i + 1, 5):
                if not np.isfinite(costs.cost[f, i, j]):
                    continue
                law = each.laws[costs.law[f, i, j]]
                part = slice(places[i], places[j])
                fit = fit_law(law, n[part], y[part], weights[part])
                left = (weights[part] * (y[part] - fit.values(n[part])) ** 2).sum()
                if isinstance(law, Levels):
                    count = len(np.unique(law.period.step(n[part])))
                else:
                    assert isinstance(law, LinearLaw)
                    count = law.coefficient_count
                assert costs.cost[f, i, j] == pytest.approx(left + count * np.log(len(n)), rel=1e-6)


def test_the_best_stretches_are_the_cheapest_of_all_cuts() -> None:
    """Compare with every way to cut a short curve into flat pieces."""
    rng = np.random.default_rng(1)
    n = np.arange(1.0, 13.0)
    y = np.array([1, 1, 1, 1, 2, 2, 2, 5, 5, 5, 5, 5]) + 0.05 * rng.standard_normal(12)
    weights = np.full(12, 400.0)
    places = np.arange(13)
    price, segments = StretchCosts(n, y, weights, [FLAT], places, places).best()

    def cost(cuts: tuple[int, ...]) -> float:
        ends = [0, *cuts, 12]
        pieces = list(pairwise(ends))
        if any(b - a < 3 for a, b in pieces):
            return np.inf
        left = sum(weights[0] * ((y[a:b] - y[a:b].mean()) ** 2).sum() for a, b in pieces)
        return left + (len(pieces) + 2 * len(cuts)) * np.log(12)

    ways = [tuple(i + 1 for i in range(11) if mask >> i & 1) for mask in range(2**11)]
    best = min(ways, key=cost)
    assert price == pytest.approx(cost(best))
    assert [segment.begin for segment in segments[1:]] == list(best) == [4, 7]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_cut_is_never_dearer_than_the_best_law_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = np.arange(1.0, 101.0)
    y = 1 + np.cumsum(rng.standard_normal(100) * (rng.random(100) < 0.1))
    places = np.unique([0, *rng.integers(1, 100, 8), 100])
    families = [FLAT, LINEAR, QUADRATIC, staircases(Period(int(rng.integers(2, 30)), 0))]
    costs = StretchCosts(n, y, np.full(100, 25.0), families, places, places)
    price, segments = costs.best()
    alone, (whole,) = costs.best_alone()
    assert price <= alone + 1e-9
    assert (whole.begin, whole.end) == (0, 100)
    assert [segments[0].begin, *(segment.end for segment in segments)] == [
        *(segment.begin for segment in segments),
        100,
    ]


def test_the_best_among_some_families_uses_no_other() -> None:
    n = np.arange(1.0, 101.0)
    y = np.ceil(n / 10)
    family = staircases(Period(10, 0))
    places = np.array([0, 50, 100])
    costs = StretchCosts(n, y, np.full(100, 1e4), [FLAT, LINEAR, family], places, places)
    assert costs.best()[1][0].family == family
    assert {segment.family for segment in costs.best([FLAT, LINEAR])[1]} <= {FLAT, LINEAR}
    assert costs.best_alone([FLAT])[1][0].family == FLAT

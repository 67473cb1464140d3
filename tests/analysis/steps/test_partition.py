from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnbehave.analysis.steps.partition import Costs

from nnbehave.analysis.steps.laws import FLAT, LEVELS, LINE, PARABOLA, Form, Stretch, stairs_of


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.booleans())
def test_costs_are_those_of_least_squares(seed: int, width: int, nested: bool) -> None:
    rng = np.random.default_rng(seed)
    n = np.sort(rng.choice(np.arange(1, 300), 120, replace=False)).astype(float)
    y, weights = rng.uniform(1, 2, len(n)), rng.uniform(0.5, 2, len(n))
    phase = int(rng.integers(width))
    form = stairs_of(width, phase, 2 * width, phase) if nested else stairs_of(width, phase)
    places = np.array([0, 20, 61, 100, 120])
    costs = Costs(n, y, weights, [FLAT, LINE, PARABOLA, form], places, places)
    for f, each in enumerate(costs.forms):
        for i in range(5):
            for j in range(i + 1, 5):
                if not np.isfinite(costs.cost[f, i, j]):
                    continue
                names = each.sets[costs.names[f, i, j]]
                law = Stretch(each, names, int(places[i]), int(places[j])).fitted(n, y, weights)
                part = slice(places[i], places[j])
                left = (weights * (y - law.values(n)) ** 2)[part].sum()
                count = len(np.unique(each.step(n[part]))) if names == LEVELS else 1 + len(names)
                assert costs.cost[f, i, j] == pytest.approx(left + count * np.log(len(n)), rel=1e-6)


def test_the_best_stretches_are_those_of_all_cuts() -> None:
    """Against every way to cut a short curve into flat pieces."""
    rng = np.random.default_rng(1)
    n = np.arange(1.0, 13.0)
    y = np.array([1, 1, 1, 1, 2, 2, 2, 5, 5, 5, 5, 5]) + 0.05 * rng.standard_normal(12)
    weights = np.full(12, 400.0)
    places = np.arange(13)
    price, stretches = Costs(n, y, weights, [FLAT], places, places).best()

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
    assert [stretch.begin for stretch in stretches[1:]] == list(best) == [4, 7]


def test_a_form_knows_its_steps() -> None:
    form = Form("stairs", (("k",),), 8, 3)
    n = np.array([3.0, 4.0, 11.0, 12.0])
    assert np.diff(form.step(n)).tolist() == [1, 0, 1]
    assert form.column("s", n).tolist() == [7, 0, 7, 0]
    assert np.diff(form.column("k", n)).tolist() == [8, 0, 8]

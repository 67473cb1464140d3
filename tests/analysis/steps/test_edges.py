from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.analysis.steps.curve import Curve, read_points
from nnbehave.analysis.steps.curve_fit import CurveFit, fit_curve
from nnbehave.analysis.steps.edges import Edges, find_edges
from nnbehave.analysis.steps.pieces import law_at, merged, pieces_of, with_exceptions
from nnbehave.analysis.steps.piecewise_law import Piece


def fit_of(y: np.ndarray, std_error: np.ndarray | None = None) -> CurveFit:
    return fit_curve(Curve.of(read_points(np.arange(1, len(y) + 1), y, std_error)))


def edges_of(jump: float, seen: float, error: float, others: float = 1.0) -> Edges:
    """Nine edges of a period: all with jumps of one size, but for the one in the middle."""
    every = np.full(9, others)
    jumps, shown, errors = every.copy(), every.copy(), np.full(9, 0.01)
    jumps[4], shown[4], errors[4] = jump, seen, error
    return Edges(np.arange(17, 161, 16), np.ones(9, dtype=bool), jumps, shown, errors)


@pytest.mark.parametrize(
    ("jump", "seen", "error", "says"),
    [
        (1.0, 1.0, 0.1, "observed"),
        (1.0, 1.0, 0.5, "inferred"),  # two standard errors
        (1.0, 0.0, 0.1, "contradicted"),
        (1.0, 0.0, 0.3, "inferred"),  # the points could not show a jump of 1
        (-1.0, -1.0, 0.1, "observed"),
        (-1.0, 1.0, 0.1, "contradicted"),  # it jumps the other way
        (0.1, 0.1, 0.1, "contradicted"),  # much smaller than its neighbours
    ],
)
def test_the_evidence_for_an_edge_is_what_the_points_beside_it_say(
    jump: float, seen: float, error: float, says: str
) -> None:
    evidence = edges_of(jump, seen, error).evidence()
    assert evidence[4] == says
    assert set(evidence[:4] + evidence[5:]) == {"observed"}


def test_the_jump_that_the_points_show_is_measured_even_where_the_law_is_wrong() -> None:
    """The law jumps by 0.5 at each edge, the points by 0.3 at one of them."""
    fit = fit_of(1 + 0.5 * np.ceil(np.arange(1, 129) / 16))
    pieces = pieces_of(fit, fit.stretches)
    wrong = [Piece(p.begin, (p.coefficients[0] + 0.2 * (p.begin >= 65),), p.std_error_ms) for p in pieces]
    edges = find_edges(fit, fit.stretches, wrong)
    at = edges.n.tolist().index(65)
    difference = edges.jump - edges.seen
    assert difference[at] == pytest.approx(0.2, abs=1e-6)
    assert np.delete(difference, at) == pytest.approx(0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 30), st.floats(0, 0.02), st.integers(0, 999), st.sampled_from(["stairs", "line", "zigzag"]))
def test_the_pieces_are_the_law_of_the_stretches_at_every_point(width: int, noise: float, seed: int, kind: str) -> None:
    n = np.arange(1, 201)
    laws = {"stairs": np.ceil(n / width), "line": 0.1 * n, "zigzag": 0.1 * n + ((n - 1) % width) / width}
    y = (1 + laws[kind]) * np.exp(noise * np.random.default_rng(seed).standard_normal(200))
    fit = fit_of(y)
    pieces = pieces_of(fit, fit.stretches)
    for stretch in fit.stretches:
        inside = n[stretch.points]
        np.testing.assert_allclose(law_at(pieces, inside), stretch.values(inside.astype(float)), rtol=1e-9)


def test_steps_without_a_jump_between_them_get_one_level() -> None:
    pieces = [Piece(1, (1.0,), 0.1), Piece(9, (1.2,), 0.1), Piece(17, (2.0,), 0.1), Piece(25, (2.1, 0.1), 0.1)]
    first, *others = merged(pieces, np.array([9, 25]))
    assert first.begin == 1
    assert first.coefficients == pytest.approx((1.1,))
    assert first.std_error_ms == pytest.approx(0.1 / 2**0.5)
    assert others == pieces[2:]  # a rising piece stays apart


@pytest.mark.parametrize("seed", range(3))
def test_a_point_that_its_law_does_not_explain_is_priced_between_the_law_and_its_measurement(seed: int) -> None:
    n = np.arange(1, 129)
    y = (1 + 0.5 * np.ceil(n / 16)) * np.exp(0.01 * np.random.default_rng(seed).standard_normal(128))
    fit = fit_of(y, 0.002 * y)
    pieces = pieces_of(fit, fit.stretches)
    law, changed = law_at(pieces, n), law_at(with_exceptions(pieces, fit), n)
    is_changed = ~np.isclose(law, changed, rtol=1e-12)
    assert 20 < is_changed.sum() < 128
    share = ((changed - law) / (fit.curve.y - law))[is_changed]
    assert ((share > 0.5) & (share < 1)).all()
    assert (np.abs(fit.curve.y / law - 1)[~is_changed] < 4 * 0.0036).all()
    assert with_exceptions(pieces, fit_of(y)) == pieces  # nobody can tell without the errors of the points

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave import find_steps
from nnbehave.analysis.steps.search import StepSearch
from nnbehave.errors import InvalidInputError

Law = Callable[[np.ndarray], np.ndarray]


class Objective:
    """A curve measured with 0.3 % noise (ten rounds of 1 %), on a machine that may drift."""

    def __init__(self, law: Law, seed: int = 0, drift: float = 0.0) -> None:
        self.law, self.rng, self.drift = law, np.random.default_rng(seed), drift
        self.asked: list[int] = []

    def __call__(self, ns: list[int]) -> list[tuple[float, float]]:
        self.asked += ns
        speed = np.exp(self.drift * self.rng.standard_normal())
        truth = self.law(np.array(ns, dtype=float))
        return [(float(y * speed * np.exp(0.003 * self.rng.standard_normal())), 0.003 * float(y)) for y in truth]


def stairs(width: int, slope: float = 0.0) -> Law:
    return lambda n: 0.02 + 0.0025 * ((1 - slope) * width * np.ceil(n / width) + slope * n)


def zigzag(width: int) -> Law:
    return lambda n: 0.02 + 0.0025 * (n + width * ((n - 1) % width) / width)


ENDS = np.cumsum(np.random.default_rng(4).integers(8, 65, 40))


def irregular(n: np.ndarray) -> np.ndarray:
    return 0.02 + 0.0025 * ENDS[np.searchsorted(ENDS, n)]


@pytest.mark.parametrize("width", [4, 8, 24, 64, 128])
@pytest.mark.parametrize(
    ("law", "kind"),
    [(stairs, "staircase"), (lambda w: stairs(w, 0.4), "sloped-staircase"), (zigzag, "zigzag")],
    ids=["stairs", "sloped", "zigzag"],
)
def test_a_period_is_found_exactly_by_few_measurements(law: Callable[[int], Law], kind: str, width: int) -> None:
    objective = Objective(law(width), seed=width)
    found = find_steps(objective, 1, 1000)
    assert (found.kind, found.width) == (kind, width)
    assert len(set(objective.asked)) == len(objective.asked) <= 70
    if kind == "staircase":
        assert found.best_channels() == sorted({*range(width, 1001, width), 1000})


@pytest.mark.parametrize(
    ("law", "kind"),
    [
        (lambda n: 0.05 + 0.0025 * n, "linear"),
        (lambda n: 0.3 + 0 * n, "flat"),
        (lambda n: 3.0 - 0.0025 * n, "linear"),
        (lambda n: 0.05 + 1e-5 * n**2, "quadratic"),
    ],
    ids=["line", "flat", "falling", "parabola"],
)
def test_a_smooth_law_is_found_by_few_measurements(law: Law, kind: str) -> None:
    objective = Objective(law)
    found = find_steps(objective, 1, 1000)
    assert (found.kind, found.width) == (kind, None)
    assert len(objective.asked) <= 100


def test_the_edges_of_irregular_steps_are_found_by_bisection() -> None:
    objective = Objective(irregular)
    found = find_steps(objective, 1, 1000)
    assert found.kind == "irregular"
    assert len(objective.asked) <= 250
    truth = {int(end) + 1 for end in ENDS if end < 1000}
    right = {edge for edge in truth if {edge - 1, edge, edge + 1} & set(found.edges)}
    assert len(right) >= 0.9 * len(truth)


def test_anchors_bring_the_batches_of_a_drifting_machine_to_one_scale() -> None:
    plain = find_steps(Objective(stairs(16), drift=0.05), 1, 512)
    anchored = find_steps(Objective(stairs(16), drift=0.05), 1, 512, anchors=6)
    assert (anchored.kind, anchored.width) == ("staircase", 16)
    assert anchored.confidence > max(0.9, plain.confidence - 0.01)


def test_a_search_that_its_budget_ends_says_so_and_halves_its_confidence() -> None:
    objective = Objective(irregular)
    found = find_steps(objective, 1, 1000, budget=60)
    assert len(objective.asked) == 60
    assert found.confidence <= 0.5
    assert "stopped at 60 points, before its jumps were narrowed down" in found.reason
    whole = find_steps(Objective(stairs(8)), 1, 40, budget=40)
    assert "stopped" not in whole.reason


def test_a_small_budget_still_spans_the_range() -> None:
    found = find_steps(Objective(stairs(16)), 1, 1000, budget=16)
    assert (found.low, found.high) == (1, 1000)


def test_a_search_that_is_told_everything_asks_for_nothing() -> None:
    objective, known = Objective(stairs(12)), {}
    search = StepSearch(range(1, 513))
    while wanted := search.ask():
        known |= dict(zip(wanted, objective(wanted), strict=True))
        search.tell(known)
    again = StepSearch(range(1, 513))
    again.tell(known)
    assert again.ask() == []
    assert again.result() == search.result()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=120, unique=True),
    st.integers(1, 120),
    st.integers(0, 1000),
    st.floats(0, 1),
)
def test_a_search_asks_each_candidate_at_most_once_and_ends(
    candidates: list[int], budget: int, seed: int, failing: float
) -> None:
    rng = np.random.default_rng(seed)
    search = StepSearch(candidates, budget, seed)
    known: dict[int, tuple[float, float]] = {}
    lost: set[int] = set()
    while wanted := search.ask():
        assert set(wanted) <= set(candidates) - set(known) - lost
        assert len(known) + len(lost) + len(wanted) <= budget
        for n in wanted:
            if rng.random() < failing:
                lost.add(n)
            else:
                known[n] = float(rng.uniform(0.5, 2.0)), 0.01
        search.tell(known, lost)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"low": 9, "high": 3}, "expected 1 <= low <= high, got 9 and 3"),
        ({"low": 0, "high": 3}, "expected 1 <= low <= high"),
        ({"low": 1, "high": 30, "budget": 7}, "at least 8 points are needed, got 7"),
        ({"low": 1.5, "high": 30}, "low: expected a whole number, 0 or more, got 1.5"),
        ({"low": 1, "high": 30, "anchors": -1}, "anchors: expected a whole number, 0 or more, got -1"),
    ],
)
def test_an_argument_that_is_not_allowed_is_refused(arguments: dict[str, int], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        find_steps(lambda ns: [(1.0, 0.01)] * len(ns), **arguments)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([(1.0, 0.1)], "28 pairs, one for each n: .*; got 1 values"),
        ([1.0] * 28, "28 pairs, one for each n: .*; got 1.0 at n=1$"),
        ([(1.0, 0.1)] * 27 + [(1.0, 0.1, 3)], "got \\(1.0, 0.1, 3\\) at n=1000$"),
        ([(1.0, 0.1), (0.0, 0.1)] + [(1.0, 0.1)] * 26, "a latency above 0 .*; got \\(0.0, 0.1\\) at n=2$"),
        ([(1.0, -0.1)] * 28, "got \\(1.0, -0.1\\) at n=1$"),
        ([(float("nan"), 0.1)] * 28, "got \\(nan, 0.1\\) at n=1$"),
        (3, "28 pairs, one for each n: .*; got 3$"),
    ],
)
def test_an_answer_that_is_not_a_pair_for_each_n_is_refused_with_the_n_at_fault(answer: list, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        find_steps(lambda ns: answer, 1, 1000)


def test_a_search_without_candidates_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no n to measure"):
        StepSearch([])

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnbehave.analysis.steps.pareto import ParetoSets, pareto_set

latencies = st.lists(st.integers(1, 9).map(float), min_size=1, max_size=40)


@given(latencies, st.data())
def test_the_set_of_a_part_is_what_no_larger_n_in_it_outdoes(values: list[float], data: st.DataObject) -> None:
    first = 7
    sets = ParetoSets(first, values)
    low = data.draw(st.integers(first, first + len(values) - 1))
    high = data.draw(st.integers(low, first + len(values) - 1))
    inside = dict(zip(range(low, high + 1), values[low - first : high - first + 1], strict=True))
    expected = [n for n in inside if all(inside[m] > inside[n] for m in inside if m > n)]
    assert sets.between(low, high) == expected


@given(latencies, st.floats(0, 2))
def test_a_tolerance_only_takes_values_away_and_keeps_the_last(values: list[float], tolerance: float) -> None:
    n = range(len(values))
    exact, tolerant = pareto_set(n, values.__getitem__), pareto_set(n, values.__getitem__, tolerance)
    assert set(tolerant) <= set(exact)
    assert tolerant[-1] == n[-1]

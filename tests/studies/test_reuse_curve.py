"""The study of the machine's curve."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.analysis import find_reuse_curve
from nnbehave.studies import measure_reuse_curve
from nnbehave.studies.reuse_curve import CONTEXTS


@pytest.mark.process
def test_a_machine_without_caches_has_a_flat_curve_that_its_store_gives_again(tmp_path: Path) -> None:
    found = measure_reuse_curve("simulated?noise=0.001", tmp_path / "s.db", progress=False)
    assert repr(found).endswith("cost the same at every reuse distance")
    results = nb.load_results(tmp_path / "s.db")
    assert {one.context for one in results} == set(map(str, CONTEXTS))
    assert find_reuse_curve(results) == found


@pytest.mark.setup  # it takes long
@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_memory_is_further_away_than_a_cache() -> None:
    found = measure_reuse_curve("tflite", progress=False)
    low, high = found.rise_bytes
    assert low < high
    assert found.cost_us_per_mib[-1] > 10  # no memory gives 100 GB/s to one core

"""What a study of roofs measures, and what the machine does by itself."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import InvalidInputError
from nnbehave.studies.roofline import family, machine_peaks, measure_roofline


@pytest.mark.process
def test_planted_roofs_are_found() -> None:
    found = measure_roofline("simulated?law=roofline&peak_gops=60&bandwidth_gbs=12&noise=0.02", progress=False)
    (roof,) = found.roofs.to_dict("records")
    assert roof["ridge"] == pytest.approx(60 / 12, rel=0.05)
    assert roof["peak_gops"] == pytest.approx(60, rel=0.05)
    assert roof["bandwidth_gbs"] == pytest.approx(12, rel=0.05)
    assert len(found.levels) == 1
    assert found.levels["up_to_bytes"][0] == 64 * 2**20
    assert "least utilised: " in repr(found)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layers_reach_from_the_caches_to_memory_and_from_memory_to_computing(precision: str) -> None:
    layers = list(family(precision))
    sizes = [layer.mac_bytes for layer in layers if layer.op in ("relu", "add", "multiply")]
    assert min(sizes) == 16 * 2**10
    assert max(sizes) == 64 * 2**20
    assert len(set(layers)) == len(layers) < 80
    intensities = sorted(layer.ops / layer.mac_bytes for layer in layers)
    assert intensities[0] < 1 < 20 < intensities[-5]
    assert all(b / a < 4 for a, b in pairwise(intensities))


def test_a_precision_must_be_known() -> None:
    with pytest.raises(InvalidInputError, match="precision: must be one of fp32, .*, got 'fp64'"):
        measure_roofline("simulated?law=roofline", precision="fp64", progress=False)


@pytest.mark.process
def test_the_machine_has_peaks() -> None:
    peaks = machine_peaks(seconds=0.05)
    assert peaks["threads"] == 1
    assert 0.1 < peaks["peak_gops"] < 10_000
    assert 0.1 < peaks["bandwidth_gbs"] < 10_000


@pytest.mark.parametrize(("seconds", "threads"), [(0.0, 1), (float("nan"), 1), (1.0, 0)])
def test_peaks_need_time_and_a_thread(seconds: float, threads: int) -> None:
    with pytest.raises(InvalidInputError, match="seconds above 0 and threads from 1 on"):
        machine_peaks(seconds, threads)

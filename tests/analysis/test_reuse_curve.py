"""The machine's curve, found from latencies that follow a known one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis import ReuseCurve, find_reuse_curve
from nnbehave.design.working_set import weight_bytes
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurements
from tests.rows import row

MIB = 2**20
SHAPES = [(14, 128, 128, 3), (7, 512, 512, 1), (8, 256, 256, 3), (7, 256, 512, 3), (4, 512, 512, 3)]
LAYERS = [nb.Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=k) for h, i, o, k in SHAPES]
DISTANCES = [0, *(mib * MIB for mib in (1, 4, 8, 16, 24, 32, 48, 64, 128, 256))]


def weights_of(layer: nb.Layer) -> int:
    return weight_bytes(nb.Graph([layer]))


def truth(reuse_bytes: float) -> float:
    """Return the true cost of a MiB in µs: nothing up to 8 MiB, 60 from 64 MiB, between them straight over the log."""
    return float(np.interp(math.log2(max(1, reuse_bytes / MIB)), (3, 6), (0, 60)))


def measured(
    layers: Iterable[nb.Layer] = LAYERS,
    distances: Iterable[float] = DISTANCES,
    law: Callable[[float], float] = truth,
    noise: float = 0.0,
    seed: int = 0,
    **changes: str,
) -> Measurements:
    rng = np.random.default_rng(seed)
    found = []
    for layer in layers:
        for distance in distances:
            weights = weights_of(layer)
            ms = (500 + 300 * weights / MIB + weights / MIB * law(distance + weights)) / 1e3
            one = row(layer, ms * math.exp(noise * rng.standard_normal()), **changes)
            found.append(replace(one, distance_bytes=distance, context=str(distance) if distance else "warm"))
    return Measurements(found)


def test_a_known_curve_is_found() -> None:
    found = find_reuse_curve(measured())
    assert found.error < 0.005
    for mib in (2, 8, 16, 32, 64, 256):
        assert found.cost(mib * MIB) == pytest.approx(truth(mib * MIB), abs=5)  # a point an octave
    low, high = found.rise_bytes
    assert low / MIB == pytest.approx(2**3.3, rel=0.15)
    assert high / MIB == pytest.approx(2**5.7, rel=0.15)
    assert repr(found).startswith("weights on some come from near up to ")
    assert repr(found).endswith(f"for {found.cost_us_per_mib[-1]:.3g} µs a MiB")
    assert list(found.frame.columns) == ["platform", "environment", "reuse_bytes", "cost_us_per_mib"]
    assert found.plot().get_ylabel() == "cost of weights (µs/MiB)"


@given(st.integers(0, 50), st.floats(0, 0.1))
def test_a_curve_starts_at_nothing_and_never_falls(seed: int, noise: float) -> None:
    found = find_reuse_curve(measured(noise=noise, seed=seed))
    assert found.cost_us_per_mib[0] == 0
    assert list(found.cost_us_per_mib) == sorted(found.cost_us_per_mib)
    costs = [found.cost(2**power) for power in range(45)]
    assert costs == sorted(costs)


def test_a_noisy_curve_is_found() -> None:
    found = find_reuse_curve(measured(noise=0.03))
    assert found.cost(128 * MIB) == pytest.approx(60, rel=0.15)
    assert found.cost(4 * MIB) < 8


def test_a_machine_whose_weights_all_cost_the_same_has_no_rise() -> None:
    found = find_reuse_curve(measured(law=lambda reuse_bytes: 0.0))
    assert repr(found) == "weights on some cost the same at every reuse distance"
    assert all(map(math.isnan, found.rise_bytes))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.id)
@pytest.mark.parametrize("known", [("warm", 256), (24, 128), ("warm",)])
def test_a_layer_that_the_curve_never_saw_is_priced_at_any_distance(layer: nb.Layer, known: tuple[str | int]) -> None:
    """As far as the curve goes between its points: it is straight there, over the logarithm."""
    others = [other for other in LAYERS if other != layer]
    curve = find_reuse_curve(measured(others))
    distances = [0 if each == "warm" else each * MIB for each in known]  # type: ignore[operator]
    table = nb.LatencyTable.from_results(measured([layer], distances), curve=curve)
    for one in measured([layer]):
        assert table.latency([layer], max(1, int(one.distance_bytes))) == pytest.approx(one.latency.ms, rel=0.03)


def test_a_table_finds_the_curve_itself_and_keeps_it(tmp_path: object) -> None:
    table = nb.LatencyTable.from_results(measured())
    assert isinstance(table.curve, ReuseCurve)
    assert nb.LatencyTable.from_results(measured(distances=[0, MIB])).curve is None
    path = f"{tmp_path}/table.json"
    table.save(path)
    assert nb.LatencyTable.load(path) == table


@pytest.mark.parametrize(
    ("some", "says"),
    [
        (Measurements([]), "no layer with weights was measured at 3 distances"),
        (measured(distances=[0, MIB]), "no layer with weights was measured at 3 distances"),
        (measured([nb.Layer(op="maxpool", height=8, in_channels=64, kernel=2)]), "no layer with weights"),
        (measured([nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=1)]), "no layer with weights"),
        (
            Measurements([*measured(), *measured(platform="other")]),
            "these are of some, whole, here; other, whole, here",
        ),
    ],
)
def test_results_that_tell_no_curve_are_refused(some: Measurements, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        find_reuse_curve(some)


def test_the_platform_can_be_chosen() -> None:
    both = Measurements([*measured(), *measured(platform="other", law=lambda reuse_bytes: 0.0)])
    assert find_reuse_curve(both, "other").cost_us_per_mib[-1] == pytest.approx(0, abs=1e-6)

"""Roofs, found from measurements whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements, Subject
from tests.rows import lost, row, scaled

Floats = npt.NDArray[np.float64]

PEAK, BANDWIDTH = 60.0, 12.0  # G multiply-adds/s and GB/s
KIB, MIB = 2**10, 2**20


@dataclass(frozen=True)
class Planted(Subject):
    """A single layer of any OPs and bytes, by another layer's name."""

    planted_ops: float = 0.0
    planted_bytes: float = 0.0

    @property
    def ops(self) -> int:
        return self.planted_ops  # type: ignore[return-value]

    @property
    def mac_bytes(self) -> int:
        return self.planted_bytes  # type: ignore[return-value]


def rows(
    ops: npt.ArrayLike,
    size: npt.ArrayLike,
    ms: npt.ArrayLike,
    error: float = 0.02,
    precision: str = "fp32",
    first: int = 1,
    **changes: Any,
) -> list[Measurement]:
    """Single layers; those of less than one OP a byte are called relu, others dwconv."""
    measured = []
    of_each = zip(*(np.asarray(each, float).tolist() for each in (ops, size, ms)), strict=True)
    for i, (some_ops, some_bytes, some_ms) in enumerate(of_each, first):
        kind = {"op": "relu"} if some_ops < some_bytes else {"op": "dwconv", "kernel": 3}
        layer = nb.Layer(**kind, height=1, in_channels=i, precision=precision)
        subject = Planted(layer.id, "single", (layer,), some_ops, some_bytes)
        measured.append(replace(row(layer, some_ms, error, **changes), subject=subject))
    return measured


def least_ms(ops: Floats, size: Floats, peak: float = PEAK, bandwidth: float | Floats = BANDWIDTH) -> Floats:
    return np.maximum(ops / peak, size / bandwidth) / 1e6


def layers(rng: np.random.Generator, ridge: float = PEAK / BANDWIDTH, count: int = 12) -> tuple[Floats, Floats]:
    """Return OPs and bytes of as many layers of low as of high intensity, and of some between."""
    low, high = ridge / rng.uniform(2, 60, count), ridge * rng.uniform(2, 60, count)
    intensity = np.concatenate([low, high, ridge * rng.uniform(0.5, 2, count // 3)])
    size = np.exp(rng.uniform(np.log(16 * KIB), np.log(64 * MIB), len(intensity)))
    return intensity * size, size


def planted(seed: int = 0, overhead_ms: float = 0.0, error: float = 0.002, **changes: Any) -> list[Measurement]:
    """Two thirds of the layers are at the roofs, the others somewhere below; the noise is of the errors given."""
    rng = np.random.default_rng(seed)
    ops, size = layers(rng)
    below = np.where(np.arange(len(ops)) % 3 == 0, rng.uniform(0.2, 0.9, len(ops)), 1.0)
    noise = 1 + error * rng.standard_normal(len(ops))
    return rows(ops, size, (overhead_ms + least_ms(ops, size) / below) * noise, error, **changes)


def memory_and_compute(size: Floats, bandwidth: Floats) -> list[Measurement]:
    """Forty layers bound by memory at some bandwidths, and ten at the peak."""
    convs = np.geomspace(1e6, 1e9, 10)
    return rows(
        np.concatenate([size / 8, convs]),
        np.concatenate([size, convs / 40]),
        np.concatenate([size / bandwidth / 1e6, convs / PEAK / 1e6]),
        error=0.005,
    )


def fitted(measured: Iterable[Measurement]) -> Roofline:
    return fit_roofline(Measurements(measured))


def only(found: Roofline) -> dict[Any, Any]:
    (roof,) = found.roofs.to_dict("records")
    return roof


def ids(measured: Sequence[Measurement]) -> list[str]:
    return [one.subject.id for one in measured]


def test_roofs_are_found_and_layers_placed() -> None:
    measured = planted()
    found = fitted(measured)
    roof = only(found)
    assert roof["peak_gops"] == pytest.approx(PEAK, rel=0.01)
    assert roof["bandwidth_gbs"] == pytest.approx(BANDWIDTH, rel=0.01)
    assert roof["ridge"] == pytest.approx(PEAK / BANDWIDTH, rel=0.01)
    assert (roof["overhead_ms"], roof["reason"], len(found.levels)) == (0.0, "", 1)
    placed = found.frame
    assert 0 < roof["overhead_high"] < placed["latency_ms"].min() / 10
    assert placed["layers"].tolist() == ids(measured)
    beyond = placed["intensity"] / (PEAK / BANDWIDTH)
    assert set(placed["bound"][beyond > 1.05]) == {"compute"}
    assert set(placed["bound"][beyond < 0.95]) == {"memory"}
    assert placed["utilisation"].to_numpy() == pytest.approx(placed["attained_gops"] / placed["roof_gops"])
    assert (placed["attained_low"] < placed["attained_gops"]).all()
    assert (placed["attained_gops"] < placed["attained_high"]).all()
    assert placed["utilisation"].max() < 1.03


def test_layers_below_do_not_pull_the_roofs_down() -> None:
    """Three layers at each roof, and many that attain three quarters of it and less."""
    rng = np.random.default_rng(1)
    ops, size = layers(rng, count=30)
    share = rng.uniform(0.3, 0.75, len(ops))
    share[[0, 1, 2, 30, 31, 32]] = 1.0
    roof = only(fitted(rows(ops, size, least_ms(ops, size) / share, 0.01)))
    assert roof["peak_gops"] == pytest.approx(PEAK, rel=0.02)
    assert roof["bandwidth_gbs"] == pytest.approx(BANDWIDTH, rel=0.02)


def test_one_layer_astray_lifts_no_roof() -> None:
    measured = planted(error=0.01)
    dwconvs = [i for i, one in enumerate(measured) if one.subject.layers[0].op == "dwconv"]
    measured[dwconvs[3]] = scaled(measured[dwconvs[3]], 0.5)
    assert only(fitted(measured))["peak_gops"] == pytest.approx(PEAK, rel=0.02)


def test_the_overhead_of_every_layer_is_told_from_the_roofs() -> None:
    ops, size = np.geomspace(100, 20_000, 6), np.geomspace(400, 40_000, 6)
    tiny = rows(ops, size, 0.02 + least_ms(ops, size), 0.002, first=1000)
    found = fitted([*planted(overhead_ms=0.02), *tiny])
    roof = only(found)
    assert roof["overhead_ms"] == pytest.approx(0.02, rel=0.03)
    assert roof["overhead_low"] < 0.02 < roof["overhead_high"]
    assert roof["ridge"] == pytest.approx(PEAK / BANDWIDTH, rel=0.02)
    assert set(found.frame["bound"].tail(6)) == {"overhead"}
    assert roof["overhead"] >= 6
    assert "ms a layer, whatever its size" in repr(found)


def test_each_level_of_the_caches_has_a_roof() -> None:
    size = np.geomspace(16 * KIB, 64 * MIB, 40)
    found = fitted(memory_and_compute(size, np.select([size < 48 * KIB, size < 2 * MIB], [90.0, 40.0], 12.0)))
    assert found.levels["bandwidth_gbs"].to_numpy() == pytest.approx([90, 40, 12], rel=0.02)
    assert found.levels["up_to_bytes"].to_numpy() == pytest.approx([48 * KIB, 2 * MIB, 64 * MIB], rel=0.35)
    assert only(found)["bandwidth_gbs"] == found.levels["bandwidth_gbs"].iloc[-1]
    assert found.frame["utilisation"].to_numpy() == pytest.approx(np.ones(50), rel=0.03)
    assert repr(found).count("GB/s up to a working set of") == 3


def test_a_slope_between_levels_is_no_staircase() -> None:
    """A layer that half fits into a cache is under the faster roof, and hardly over the slower one."""
    size = np.geomspace(16 * KIB, 64 * MIB, 40)
    found = fitted(memory_and_compute(size, np.clip(90 * (size / (512 * KIB)) ** -0.7, 12, 90)))
    assert found.levels["bandwidth_gbs"].to_numpy() == pytest.approx([90, 12], rel=0.05)
    assert found.frame["utilisation"].max() < 1.2


def test_platforms_methods_and_precisions_are_never_mixed() -> None:
    slow = [scaled(one, 2) for one in planted(platform="other")]
    found = fitted([*planted(), *slow, *planted(precision="int8"), *planted(method="stacked")])
    assert found.roofs["peak_gops"].to_numpy() == pytest.approx([60, 30, 60, 60], rel=0.01)
    assert len(found.levels) == 4
    words = repr(found)
    assert "other, fp32, whole" in words
    assert "some, int8, whole" in words
    assert "some, fp32, stacked" in words


def test_a_layer_on_several_curves_counts_once() -> None:
    measured = planted()
    once, thrice = fitted(measured), fitted(measured * 3)
    pd.testing.assert_frame_equal(once.roofs, thrice.roofs)
    assert len(thrice.frame) == len(measured)


def test_a_layer_without_a_latency_is_a_row_with_a_reason() -> None:
    measured = planted()
    measured[3] = lost(measured[3])
    found = fitted(measured)
    one = found.frame.iloc[3]
    assert (one["status"], one["reason"], one["bound"]) == ("unsupported", "no kernel", "")
    assert np.isnan(one["utilisation"])
    assert only(found)["layers"] == len(measured) - 1


def test_where_nothing_runs_the_roofs_say_why() -> None:
    found = fitted(map(lost, planted()))
    assert only(found)["reason"] == "no layer has a latency: no kernel"
    assert np.isnan(only(found)["ridge"])
    assert "no kernel" in repr(found)
    assert found.levels.empty
    assert len(found.plot().get_legend().get_texts()) == 1


@pytest.mark.parametrize(
    ("keep", "known", "lacking"),
    [("low", "bandwidth_gbs", "no peak, .* measure conv"), ("high", "peak_gops", "no bandwidth, .* measure add")],
)
def test_a_roof_that_no_layer_comes_near_is_not_made_up(keep: str, known: str, lacking: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ops, size = layers(rng)
        some = ops / size < 4 if keep == "low" else ops / size > 6
        ms = least_ms(ops, size) * (1 + 0.02 * rng.standard_normal(len(ops)))
        found = fitted(rows(ops[some], size[some], ms[some]))
        roof = only(found)
        assert roof[known] == pytest.approx({"low": BANDWIDTH, "high": PEAK}[keep], rel=0.05)
        assert np.isnan(roof["ridge"])
        assert pd.Series([roof["reason"]]).str.match(lacking).all()
        assert found.frame["roof_gops"].isna().all()
        assert set(found.frame["bound"]) == {""}


def test_a_peak_of_one_slow_operator_is_said_to_be_one() -> None:
    """Depthwise layers, all of one intensity, that attain a tenth of what memory allows."""
    size = np.geomspace(16 * KIB, 64 * MIB, 12)
    found = fitted(
        rows(
            np.concatenate([size / 8, 1.1 * size]),
            np.concatenate([size, size]),
            np.concatenate([size / BANDWIDTH, 10 * size / BANDWIDTH]) / 1e6,
        )
    )
    assert only(found)["peak_gops"] == pytest.approx(1.1 * BANDWIDTH / 10, rel=0.05)
    assert "as of one slow operator" in repr(found)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_layers_tell_of_no_roof(count: int) -> None:
    found = fitted(planted()[:count])
    assert np.isnan(only(found)["peak_gops"])
    assert np.isnan(only(found)["bandwidth_gbs"])
    assert "no peak" in only(found)["reason"]
    assert "no bandwidth" in only(found)["reason"]
    assert found.frame["attained_gops"].notna().all()


RELU = nb.Layer(op="relu", height=8, in_channels=8)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (Measurements(), "no single layers"),
        (Measurements([row(nb.Graph([RELU, RELU]), 1.0)]), "no single layers"),
        (pd.DataFrame({"a": [1]}), "lacks the columns"),
        ([1, 2], "expected Results or their frame, got list"),
    ],
)
def test_an_input_without_single_layers_is_refused(results: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        fit_roofline(results)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_a_slower_machine_has_lower_roofs_and_the_same_ridge(seed: int, factor: float) -> None:
    measured = planted(seed, error=0.02)
    before, after = only(fitted(measured)), only(fitted(scaled(one, factor) for one in measured))
    for name in ("peak_gops", "peak_low", "peak_high", "bandwidth_gbs", "bandwidth_low", "bandwidth_high"):
        assert after[name] * factor == pytest.approx(before[name])
    for name in ("ridge", "ridge_low", "ridge_high", "compute", "memory"):
        assert after[name] == pytest.approx(before[name])


@settings(max_examples=25)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_measurements_is_irrelevant(seed: int, random: Random) -> None:
    measured = planted(seed, error=0.02)
    shuffled = list(measured)
    random.shuffle(shuffled)
    one, other = fitted(measured), fitted(shuffled)
    pd.testing.assert_frame_equal(one.roofs, other.roofs)
    pd.testing.assert_frame_equal(one.levels, other.levels)
    sorted_again = other.frame.set_index("layers").loc[ids(measured)].reset_index()
    pd.testing.assert_frame_equal(one.frame[sorted_again.columns], sorted_again)


def test_intervals_hold_the_truth_and_the_ridge_is_found() -> None:
    """Random families at 2 % noise: any roofs, all of the layers at them or a part, the others below by any share."""
    rng = np.random.default_rng(5)
    truth, families = [], []
    for i in range(200):
        peak, bandwidth = np.exp(rng.uniform(np.log([5, 3]), np.log([500, 60])))
        ops, size = layers(rng, peak / bandwidth, int(rng.integers(6, 16)))
        share = np.where(rng.random(len(ops)) < rng.choice([0.4, 0.7, 1.0]), 1.0, rng.uniform(0.2, 0.98, len(ops)))
        high = len(ops) * 3 // 7
        share[:3] = share[high : high + 3] = 1.0
        ms = least_ms(ops, size, peak, bandwidth) / share * (1 + 0.02 * rng.standard_normal(len(ops)))
        families += rows(ops, size, ms, platform=f"family {i}")
        truth.append({"peak": peak, "bandwidth": bandwidth, "ridge": peak / bandwidth})
    roofs, true = fitted(families).roofs, pd.DataFrame(truth)
    for name in true:
        assert np.mean((roofs[f"{name}_low"] <= true[name]) & (true[name] <= roofs[f"{name}_high"])) >= 0.93
    off = np.abs(roofs["ridge"] / true["ridge"] - 1)
    assert np.mean(off < 0.05) >= 0.99


def test_roofs_and_layers_are_drawn() -> None:
    ax = fitted([*planted(), *planted(platform="other")[:2]]).plot()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_xlabel() == "intensity (OPs per byte)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["some, fp32", "other, fp32"]

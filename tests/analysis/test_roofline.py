"""Roofs: from frames whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.errors import InvalidInputError

PEAK, BANDWIDTH = 60.0, 12.0
KIB, MIB = 2**10, 2**20


def frame(ops: Any, size: Any, ms: Any, error: float = 0.02, **changes: Any) -> pd.DataFrame:
    """Single layers; those of less than one OP a byte are called add, others conv."""
    ops, size, ms = (np.asarray(each, float) for each in (ops, size, ms))
    given = {
        "platform": "some",
        "environment": "here",
        "method": "whole",
        "precision": "fp32",
        "arrangement": "single",
        "layers": [f"layer{i}" for i in range(len(ops))],
        "op": np.where(ops < size, "add", "conv"),
        "ops": ops,
        "mac_bytes": size,
        "latency_ms": ms,
        "std_error_ms": error * ms,
        "status": "ok",
        "reason": "",
    }
    return pd.DataFrame(given | changes)


def least_ms(ops: Any, size: Any, peak: float = PEAK, bandwidth: Any = BANDWIDTH) -> Any:
    return np.maximum(ops / peak, size / bandwidth) / 1e6


def layers(rng: np.random.Generator, ridge: float = PEAK / BANDWIDTH, count: int = 12) -> tuple[Any, Any]:
    """Return OPs and bytes of as many layers of low as of high intensity, and of some between."""
    low, high = ridge / rng.uniform(2, 60, count), ridge * rng.uniform(2, 60, count)
    intensity = np.concatenate([low, high, ridge * rng.uniform(0.5, 2, count // 3)])
    size = np.exp(rng.uniform(np.log(16 * KIB), np.log(64 * MIB), len(intensity)))
    return intensity * size, size


def planted(seed: int = 0, overhead_ms: float = 0.0, error: float = 0.002, **changes: Any) -> pd.DataFrame:
    """Two thirds of the layers are at the roofs, the others somewhere below; the noise is of the errors given."""
    rng = np.random.default_rng(seed)
    ops, size = layers(rng)
    below = np.where(np.arange(len(ops)) % 3 == 0, rng.uniform(0.2, 0.9, len(ops)), 1.0)
    noise = 1 + error * rng.standard_normal(len(ops))
    return frame(ops, size, (overhead_ms + least_ms(ops, size) / below) * noise, error, **changes)


def only(found: Roofline) -> dict[str, Any]:
    (roof,) = found.roofs.to_dict("records")
    return roof


def test_roofs_are_found_and_layers_placed() -> None:
    rows = planted()
    found = fit_roofline(rows)
    roof = only(found)
    assert roof["peak_gops"] == pytest.approx(PEAK, rel=0.01)
    assert roof["bandwidth_gbs"] == pytest.approx(BANDWIDTH, rel=0.01)
    assert roof["ridge"] == pytest.approx(PEAK / BANDWIDTH, rel=0.01)
    assert (roof["overhead_ms"], roof["reason"], len(found.levels)) == (0.0, "", 1)
    assert 0 < roof["overhead_high"] < rows["latency_ms"].min() / 10
    placed = found.frame
    assert placed["layers"].tolist() == rows["layers"].tolist()
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
    roof = only(fit_roofline(frame(ops, size, least_ms(ops, size) / share, 0.01)))
    assert roof["peak_gops"] == pytest.approx(PEAK, rel=0.02)
    assert roof["bandwidth_gbs"] == pytest.approx(BANDWIDTH, rel=0.02)


def test_one_layer_astray_lifts_no_roof() -> None:
    rows = planted(error=0.01)
    rows.loc[rows["op"] == "conv", "latency_ms"] *= np.where(np.arange((rows["op"] == "conv").sum()) == 3, 0.5, 1.0)
    assert only(fit_roofline(rows))["peak_gops"] == pytest.approx(PEAK, rel=0.02)


def test_what_every_layer_takes_is_told_from_the_roofs() -> None:
    rows = planted(overhead_ms=0.02)
    tiny = frame(np.geomspace(100, 20_000, 6), np.geomspace(400, 40_000, 6), 0.0)
    tiny["latency_ms"] = 0.02 + least_ms(tiny["ops"], tiny["mac_bytes"])
    tiny["std_error_ms"], tiny["layers"] = 0.002 * tiny["latency_ms"], [f"tiny{i}" for i in range(6)]
    found = fit_roofline(pd.concat([rows, tiny], ignore_index=True))
    roof = only(found)
    assert roof["overhead_ms"] == pytest.approx(0.02, rel=0.03)
    assert roof["overhead_low"] < 0.02 < roof["overhead_high"]
    assert roof["ridge"] == pytest.approx(PEAK / BANDWIDTH, rel=0.02)
    assert set(found.frame["bound"].tail(6)) == {"overhead"}
    assert roof["overhead"] >= 6
    assert "ms a layer, whatever its size" in repr(found)


def test_each_level_of_the_caches_has_a_roof() -> None:
    size = np.geomspace(16 * KIB, 64 * MIB, 40)
    bandwidth = np.select([size < 48 * KIB, size < 2 * MIB], [90.0, 40.0], 12.0)
    convs = np.geomspace(1e6, 1e9, 10)
    rows = frame(
        np.concatenate([size / 8, convs]),
        np.concatenate([size, convs / 40]),
        np.concatenate([size / bandwidth / 1e6, convs / PEAK / 1e6]),
        error=0.005,
    )
    found = fit_roofline(rows)
    assert found.levels["bandwidth_gbs"].to_numpy() == pytest.approx([90, 40, 12], rel=0.02)
    assert found.levels["up_to_bytes"].to_numpy() == pytest.approx([48 * KIB, 2 * MIB, 64 * MIB], rel=0.35)
    assert only(found)["bandwidth_gbs"] == found.levels["bandwidth_gbs"].iloc[-1]
    assert found.frame["utilisation"].to_numpy() == pytest.approx(np.ones(50), rel=0.03)
    assert repr(found).count("GB/s up to a working set of") == 3


def test_a_slope_between_levels_is_no_staircase() -> None:
    """What half fits into a cache attains something between: it is under the faster roof, not over the slower."""
    size = np.geomspace(16 * KIB, 64 * MIB, 40)
    bandwidth = np.clip(90 * (size / (512 * KIB)) ** -0.7, 12, 90)
    convs = np.geomspace(1e6, 1e9, 10)
    rows = frame(
        np.concatenate([size / 8, convs]),
        np.concatenate([size, convs / 40]),
        np.concatenate([size / bandwidth / 1e6, convs / PEAK / 1e6]),
        error=0.005,
    )
    found = fit_roofline(rows)
    assert found.levels["bandwidth_gbs"].to_numpy() == pytest.approx([90, 12], rel=0.05)
    assert found.frame["utilisation"].max() < 1.2


def test_platforms_methods_and_precisions_are_never_mixed() -> None:
    rows = [planted(), planted(platform="other"), planted(precision="int8"), planted(method="stacked")]
    rows[1][["latency_ms", "std_error_ms"]] *= 2
    found = fit_roofline(pd.concat(rows))
    assert found.roofs["peak_gops"].to_numpy() == pytest.approx([60, 30, 60, 60], rel=0.01)
    assert len(found.levels) == 4
    said = repr(found)
    assert "other, fp32, whole" in said
    assert "some, int8, whole" in said
    assert "some, fp32, stacked" in said


def test_a_layer_that_stands_in_several_curves_counts_once() -> None:
    rows = planted()
    once, thrice = fit_roofline(rows), fit_roofline(pd.concat([rows] * 3))
    pd.testing.assert_frame_equal(once.roofs, thrice.roofs)
    assert len(thrice.frame) == len(rows)


def test_what_has_no_latency_is_a_row_with_a_reason() -> None:
    rows = planted()
    rows.loc[3, ["latency_ms", "std_error_ms", "status", "reason"]] = [np.nan, np.nan, "unsupported", "no such kernel"]
    found = fit_roofline(rows)
    row = found.frame.iloc[3]
    assert (row["status"], row["reason"], row["bound"]) == ("unsupported", "no such kernel", "")
    assert np.isnan(row["utilisation"])
    assert only(found)["layers"] == len(rows) - 1


def test_where_nothing_runs_the_roofs_say_why() -> None:
    rows = planted().assign(latency_ms=np.nan, std_error_ms=np.nan, status="unsupported", reason="no such kernel")
    found = fit_roofline(rows)
    assert only(found)["reason"] == "no layer has a latency: no such kernel"
    assert np.isnan(only(found)["ridge"])
    assert "no such kernel" in repr(found)
    assert found.levels.empty
    found.plot()


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
        found = fit_roofline(frame(ops, size, ms)[some])
        roof = only(found)
        assert roof[known] == pytest.approx({"low": BANDWIDTH, "high": PEAK}[keep], rel=0.05)
        assert np.isnan(roof["ridge"])
        assert pd.Series([roof["reason"]]).str.match(lacking).all()
        assert found.frame["roof_gops"].isna().all()
        assert set(found.frame["bound"]) == {""}


def test_one_slow_operator_could_be_taken_for_a_roof_and_that_is_said() -> None:
    """Depthwise layers, all of one intensity, that attain a tenth of what memory allows."""
    size = np.geomspace(16 * KIB, 64 * MIB, 12)
    rows = frame(
        np.concatenate([size / 8, 1.1 * size]),
        np.concatenate([size, size]),
        np.concatenate([size / BANDWIDTH, 10 * size / BANDWIDTH]) / 1e6,
    )
    assert only(fit_roofline(rows))["peak_gops"] == pytest.approx(1.1 * BANDWIDTH / 10, rel=0.05)
    assert "as of one slow operator" in repr(fit_roofline(rows))


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_layers_tell_nothing(count: int) -> None:
    found = fit_roofline(planted().head(count))
    assert np.isnan(only(found)["peak_gops"])
    assert np.isnan(only(found)["bandwidth_gbs"])
    assert "no peak" in only(found)["reason"]
    assert "no bandwidth" in only(found)["reason"]
    assert found.frame["attained_gops"].notna().all()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (planted().head(0), "no single layers"),
        (planted().assign(arrangement="chain"), "no single layers"),
        (pd.DataFrame({"a": [1]}), "lacks the columns"),
        ([1, 2], "expected a Results or its frame, got list"),
    ],
)
def test_nothing_to_fit_is_said(rows: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        fit_roofline(rows)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_a_slower_machine_has_lower_roofs_and_the_same_ridge(seed: int, factor: float) -> None:
    rows = planted(seed, error=0.02)
    slower = rows.assign(latency_ms=rows["latency_ms"] * factor, std_error_ms=rows["std_error_ms"] * factor)
    before, after = only(fit_roofline(rows)), only(fit_roofline(slower))
    for name in ("peak_gops", "peak_low", "peak_high", "bandwidth_gbs", "bandwidth_low", "bandwidth_high"):
        assert after[name] * factor == pytest.approx(before[name])
    for name in ("ridge", "ridge_low", "ridge_high", "compute", "memory"):
        assert after[name] == pytest.approx(before[name])


@settings(max_examples=25)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(seed: int, random: Any) -> None:
    rows = planted(seed, error=0.02)
    order = list(range(len(rows)))
    random.shuffle(order)
    one, other = fit_roofline(rows), fit_roofline(rows.iloc[order])
    pd.testing.assert_frame_equal(one.roofs, other.roofs)
    pd.testing.assert_frame_equal(one.levels, other.levels)
    shuffled = other.frame.set_index("layers").loc[rows["layers"]].reset_index()
    pd.testing.assert_frame_equal(one.frame[shuffled.columns], shuffled)


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
        families.append(frame(ops, size, ms, platform=f"family {i}"))
        truth.append({"peak": peak, "bandwidth": bandwidth, "ridge": peak / bandwidth})
    roofs, true = fit_roofline(pd.concat(families)).roofs, pd.DataFrame(truth)
    for name in true:
        assert np.mean((roofs[f"{name}_low"] <= true[name]) & (true[name] <= roofs[f"{name}_high"])) >= 0.93
    off = np.abs(roofs["ridge"] / true["ridge"] - 1)
    assert np.mean(off < 0.05) >= 0.99


def test_roofs_and_layers_are_drawn() -> None:
    ax = fit_roofline(pd.concat([planted(), planted(platform="other").head(2)])).plot()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_xlabel() == "intensity (OPs per byte)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["some, fp32", "other, fp32"]

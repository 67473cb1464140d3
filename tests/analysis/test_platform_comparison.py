"""Platforms side by side, from measurements whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.analysis import PlatformComparison, compare_platforms
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements
from tests.rows import row

CONV = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)
ADD = nb.Layer(op="add", height=14, in_channels=32)
INT8 = CONV.replace(precision="int8")
SESSIONS = {"a": 1, "b": 2}


def on(platform: str, layer: nb.Layer, ms: float, error: float = 0.005, **changes: Any) -> Measurement:
    return row(layer, ms, error, **{"platform": platform, "session": SESSIONS[platform], **changes})


def compared(*measured: Measurement) -> PlatformComparison:
    return compare_platforms(Measurements(measured))


def test_what_runs_where_and_how_fast() -> None:
    refused = {"status": "unsupported", "reason": "no kernel", "placement": None, "executed_precision": None}
    found = compared(
        *(on("a", CONV, 1.0), on("b", CONV, 2.0), on("a", ADD, 0.3), on("b", ADD, 0.1)),
        *(on("a", INT8, 0.5, output_error=0.02), on("b", INT8, np.nan, **refused)),
    )
    table = found.frame.set_index(["op", "precision", "platform"])
    assert table.loc[("conv", "fp32", "b"), "slowdown"] == pytest.approx(2)
    assert table.loc[("add", "fp32", "b"), "slowdown"] == 1
    assert table.loc[("conv", "int8", "b"), "support"] == "none"
    assert table["pareto"].to_dict() == {
        ("conv", "fp32", "a"): True,  # slower than int8, but exact
        ("conv", "fp32", "b"): False,
        ("conv", "int8", "a"): True,
        ("conv", "int8", "b"): False,
        ("add", "fp32", "a"): False,
        ("add", "fp32", "b"): True,
    }
    platforms = found.platforms.set_index(["precision", "platform"])
    assert platforms.loc[("fp32", "a"), ["common", "fastest", "full", "none"]].tolist() == [2, 1, 2, 0]
    assert platforms.loc[("fp32", "a"), "slowdown"] == pytest.approx(3**0.5)
    assert platforms.loc[("int8", "b"), ["common", "none"]].tolist() == [0, 1]
    assert np.isnan(platforms.loc[("int8", "b"), "slowdown"])
    assert "a: 2 of 2 layers run as they are meant to; 1.73x" in repr(found)
    assert "b: 0 of 1 layers run as they are meant to, 1 do not" in repr(found)
    assert found.plot().get_xlabel() == "latency over that of the fastest platform"


@pytest.mark.parametrize("error", [0.005, np.nan])
def test_platforms_that_cannot_be_told_apart_do_not_outdo_one_another(error: float) -> None:
    found = compared(on("a", CONV, 1.0, error), on("b", CONV, 1.005, error))
    assert found.frame["pareto"].tolist() == [True, True]
    assert found.platforms["fastest"].tolist() == [0, 0]


def test_intervals_use_the_errors_between_sessions() -> None:
    close, wide = (
        compared(on("a", CONV, 1.0), on("b", CONV, 1.05, relative_error=error)).frame for error in (0.005, 0.1)
    )
    assert close["pareto"].tolist() == [True, False]
    assert wide["pareto"].tolist() == [True, True]
    assert wide["slowdown_high"][1] == pytest.approx(1.05 * np.exp(1.96 * np.hypot(0.005, 0.1)))


def test_of_a_layer_measured_twice_on_a_platform_the_faster_counts() -> None:
    found = compared(on("a", CONV, 1.5), on("b", CONV, 2.0), on("a", CONV, 1.0)).frame
    assert dict(zip(found["platform"], found["latency_ms"], strict=True)) == {"a": 1.0, "b": 2.0}


def test_utilisation_is_known_where_roofs_are() -> None:
    """Layers at 60 G multiply-adds/s and 12 GB/s on one platform, and at half of both on the other."""
    layers = [nb.Layer(op="add", height=8 * 2**i, in_channels=16) for i in range(6)]
    layers += [nb.Layer(op="conv", height=14, in_channels=c, out_channels=c, kernel=3) for c in (32, 64, 128, 256)]
    measured = []
    for platform, speed in (("a", 1.0), ("b", 0.5)):
        for layer in layers:
            ms = max(layer.ops / 60e6, layer.mac_bytes / 12e6) / speed
            measured.append(on(platform, layer, ms if layer is not layers[-1] else 2 * ms))
    found = compared(*measured).frame
    slow = found["layers"] == layers[-1].id.replace("_fp32", "")
    assert found.loc[slow, "utilisation"].tolist() == pytest.approx([0.5, 0.5], rel=0.05)
    assert found.loc[~slow, "utilisation"].median() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    "measured",
    [
        [on("a", CONV, 1.0)],
        [on("a", CONV, 1.0), on("b", ADD, 1.0)],
        [on("a", CONV, 1.0), on("b", INT8, 1.0)],
    ],
)
def test_layers_that_only_one_platform_tried_are_refused(measured: list[Measurement]) -> None:
    with pytest.raises(InvalidInputError, match="measure the same layers on two platforms"):
        compared(*measured)


def test_two_environments_of_one_platform_are_two() -> None:
    found = compared(on("a", CONV, 1.0), on("a", CONV, 2.0, environment="there", session=2)).platforms
    assert found["environment"].tolist() == ["here", "there"]
    assert found["fastest"].tolist() == [1, 0]

"""Every operator at every precision on every real runtime: what runs, as what, and how right it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.design.operators import OPERATORS
from nnbehave.design.precisions import PRECISIONS

pytestmark = pytest.mark.runtime("tensorflow", "ai_edge_litert", "openvino")

PLATFORMS = ["tflite", "tflite:builtin", "openvino"]
NO_CELL = {"flatten", "shuffle"}  # which OpenVINO runs no kernel for


# One operator of each kind, and those with a shortcoming of their own. All operators take minutes.
SOME = ("conv", "dwconv", "dense", "hardswish", "layer_norm", "se", "flatten")


@pytest.fixture(
    scope="module", params=[SOME, pytest.param(tuple(OPERATORS), marks=pytest.mark.setup)], ids=["some", "all"]
)
def operators(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture(scope="module")
def results(operators: tuple[str, ...]) -> nb.Results:
    layers = [layer for layer in nb.load_space("support").layers if layer.op in operators]
    return nb.measure(layers, PLATFORMS, method="none", progress=False)


def test_every_cell_has_a_row_and_every_shortcoming_a_reason(results: nb.Results, operators: tuple[str, ...]) -> None:
    frame = results.frame
    cells = set(zip(frame["platform"], frame["op"], frame["precision"], strict=True))
    assert cells == {(name, op, precision) for name in PLATFORMS for op in operators for precision in PRECISIONS}
    assert set(frame["status"]) <= {"ok", "unsupported", "failed"}
    # On some processors OpenVINO makes a wrong output from the same file that TensorFlow Lite computes right.
    lost = frame[frame["status"] == "failed"]
    assert set(zip(lost["platform"], lost["op"], lost["precision"], strict=True)) <= {
        ("openvino", "se", "int8"),
        ("openvino", "se", "uint8"),
    }
    assert all("off TensorFlow's" in reason for reason in lost["reason"])
    assert frame["latency_ms"].isna().all()
    table = results.support()
    assert len(table) == len(cells)
    assert (table["reason"] == "").equals(table["support"] == "full")


def test_fp32_runs_everywhere_as_fp32_and_computes_what_tensorflow_does(results: nb.Results) -> None:
    rows = results.frame[results.frame["precision"] == "fp32"]
    assert (rows["placement"] == "full").all()
    assert (rows["output_error"] < 1e-5).all()
    assert set(rows.loc[~rows["op"].isin(NO_CELL), "executed_precision"]) == {"fp32"}


@pytest.mark.pins_kernels
def test_what_is_asked_for_and_what_runs(results: nb.Results) -> None:
    ran = results.frame.set_index(["platform", "op", "precision"])["executed_precision"]
    assert ran["tflite", "conv", "fp16"] == ran["openvino", "conv", "int16x8"] == "fp32"
    assert ran["tflite", "conv", "int8"] == ran["openvino", "conv", "int8"] == "int8"
    assert ran["tflite", "conv", "dynamic_int8"] == "dynamic_int8"
    assert ran["tflite", "conv", "uint8"] == "int8"  # int8 between two conversions
    assert ran["tflite:builtin", "conv", "int16x8"] == "int16x8"
    reasons = results.frame.set_index(["platform", "op", "precision"])["reason"]
    assert reasons["tflite", "conv", "fp16"] == "asked for fp16, ran fp32"
    assert reasons["tflite", "conv", "int16x8"] == "fallback: builtin:CONV_2D"
    assert reasons["tflite", "conv", "bf16"].startswith("tflite has no bf16, only fp32")
    assert "HARD_SWISH" in reasons["openvino", "hardswish", "int16x8"]


def test_integers_go_in_and_out_and_low_precisions_are_near(results: nb.Results) -> None:
    int8 = results.frame[results.frame["precision"] == "int8"]
    assert not int8["kernels"].str.contains("QUANTIZE").any()
    limits = {"fp16": 0.01, "bf16": 0.01, "dynamic_int8": 0.02, "int8": 0.04, "uint8": 0.04, "int16x8": 0.02}
    rows = results.frame[results.frame["status"] == "ok"]
    on_openvino = rows["platform"] == "openvino"
    most = rows["precision"].map(limits)
    most[on_openvino & rows["precision"].isin(["int8", "uint8"])] = 0.06 if multiplies_int8() else 0.12
    wrong = rows[rows["output_error"] > most]
    assert list(zip(wrong["platform"], wrong["op"], wrong["precision"], strict=True)) == []


def multiplies_int8() -> bool:
    """Return whether this processor has instructions that multiply and add int8.

    Where it has none, oneDNN halves int8 weights so that their products fit in 16 bits, which doubles the step that
    they are rounded to (its guide, "Nuances of int8 computations").
    """
    flags = Path("/proc/cpuinfo").read_text().split()
    return not {"avx512_vnni", "avx_vnni", "asimddp"}.isdisjoint(flags)


@pytest.mark.process
def test_a_second_run_tries_nothing_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bf16 = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3, precision="bf16")
    layers = [bf16, bf16.replace(precision="fp32")]

    def measure() -> pd.DataFrame:
        return nb.measure(layers, "simulated?fail_at=7", tmp_path / "s.db", method="none", progress=False).frame

    first = measure()
    assert list(first["status"]) == ["ok", "ok"]
    assert first["latency_ms"].isna().all()
    monkeypatch.setattr("nnbehave.measurement.engine.Run.begin", None)  # nothing is left for one
    pd.testing.assert_frame_equal(first, measure())

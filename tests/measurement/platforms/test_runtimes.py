"""A small sweep on each platform that is timed, and facts about some of them."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.testing import PlatformContract
from tests.prepared import usable

PLATFORMS = ["onnxruntime", "tensorflow", "tflite-runtime", "litert-gpu"]
SWEPT = [  # TensorFlow takes a minute, and its contract tests cover it
    pytest.param("onnxruntime", marks=pytest.mark.runtime("tensorflow", "onnx", "onnxruntime")),
    pytest.param("tflite-runtime", marks=pytest.mark.setup),
    pytest.param("litert-gpu", marks=pytest.mark.setup),
]


@pytest.fixture(scope="module")
def old_runtime() -> Platform:
    return usable("tflite-runtime")


@pytest.mark.parametrize("name", SWEPT)
def test_every_layer_of_a_sweep_is_measured_and_computed_right(name: str, base: nb.Layer) -> None:
    platform = usable(name)
    rows = nb.sweep(
        layer=base, dimension="out_channels", values=range(8, 48, 8), platforms=name, interval=0.2, progress=False
    ).frame
    assert list(rows["out_channels"]) == [8, 16, 24, 32, 40]
    assert set(rows["status"]) <= {"ok", "noisy"}  # a busy machine makes rows noisy
    assert (rows["latency_ms"] > 0).all()
    assert (rows["output_error"] < 1e-4).all()
    assert set(rows["executed_precision"]) == {"unknown" if name == "litert-gpu" else "fp32"}
    assert set(rows["placement"]) == {"full"}
    assert set(rows["method"]) == {platform.methods[0]}


@pytest.mark.parametrize("name", PLATFORMS)
def test_another_precision_is_refused(name: str, base: nb.Layer) -> None:
    asked = nb.Graph([base.replace(precision="bf16")])
    assert get_platform(name).refuses(asked).startswith(f"{name} has no bf16, only fp32")


@pytest.mark.setup
@pytest.mark.usefixtures("old_runtime")
class TestTFLiteRuntime(PlatformContract):
    platform = "tflite-runtime"


@pytest.mark.setup
@pytest.mark.pins_kernels
def test_the_old_runtime_runs_quantised_layers_without_xnnpack(old_runtime: Platform, base: nb.Layer) -> None:
    layers = [base, base.replace(precision="int8"), nb.Layer(op="dense", in_channels=64, out_channels=64)]
    layers.append(layers[-1].replace(precision="dynamic_int8"))
    rows = nb.measure(layers, "tflite-runtime", method="none", progress=False).frame
    assert list(rows["kernels"][:3]) == ["xnnpack:CONV_2D", "builtin:CONV_2D", "xnnpack:FULLY_CONNECTED"]
    assert list(rows["placement"][:3]) == ["full", "fallback", "full"]
    assert rows["status"].iloc[3] == "unsupported"
    assert "FULLY_CONNECTED" in rows["reason"].iloc[3]
    assert set(rows["output_error"][:3] < [1e-5, 0.05, 1e-5]) == {True}

"""References of artifacts: what TensorFlow computes, on every processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.measurement.converters.reference import run_in_tensorflow

pytestmark = pytest.mark.runtime("tensorflow")

tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")

GROUPED = nb.Layer(op="group_conv", height=8, in_channels=8, out_channels=12, kernel=3, groups=4, activation="relu6")


@pytest.mark.parametrize(
    ("platform", "package"),
    [
        ("tflite", "ai_edge_litert"),
        pytest.param("openvino", "openvino", marks=pytest.mark.setup),  # these two take long
        pytest.param("onnxruntime", "onnxruntime", marks=pytest.mark.setup),
    ],
)
def test_convolutions_with_groups_have_a_right_reference_without_onednn(
    platform: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow's own fused kernel refuses groups, so on a processor without oneDNN nothing could be converted."""
    pytest.importorskip(package, reason=f"needs nnbehave[{platform}]")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))
    (row,) = nb.measure([GROUPED], platform, method="none", progress=False).frame.to_dict("records")
    assert row["status"] == "ok", row["reason"]
    assert row["output_error"] < 1e-5


def test_the_platform_tensorflow_refuses_groups_with_a_reason_without_onednn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))
    (row,) = nb.measure([GROUPED], "tensorflow", method="none", progress=False).frame.to_dict("records")
    assert row["status"] == "unsupported"
    assert row["reason"].startswith("Fused conv implementation does not support grouped convolutions")
    assert "\n" not in row["reason"]


class Function:
    """A stand-in for a function whose fused kernel refuses, and which sees TensorFlow's options at each call."""

    def __init__(self) -> None:
        self.options: list[Any] = []

    def __call__(self, x: Any) -> list[Any]:
        self.options.append(tf.config.optimizer.get_experimental_options().get("remapping"))
        if len(self.options) == 1:
            raise tf.errors.UnimplementedError(None, None, "no grouped convolutions")
        return [2 * x]


@pytest.mark.parametrize("before", [None, True, False])
def test_the_remapper_is_off_for_one_call_only(before: bool | None) -> None:
    tf.config.optimizer.set_experimental_options({"remapping": before})
    try:
        function = Function()
        (output,) = run_in_tensorflow(function, [np.ones(3, np.float32)])
        np.testing.assert_array_equal(output, [2, 2, 2])
        assert function.options == [before, False]
        assert tf.config.optimizer.get_experimental_options().get("remapping") == before
    finally:
        tf.config.optimizer.set_experimental_options({"remapping": None})


def test_other_failures_are_not_tried_again() -> None:
    def fail(x: Any) -> Any:
        raise tf.errors.InvalidArgumentError(None, None, "wrong shape")

    with pytest.raises(tf.errors.InvalidArgumentError, match="wrong shape"):
        run_in_tensorflow(fail, [np.ones(3, np.float32)])

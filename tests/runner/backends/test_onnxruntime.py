"""The backend of ``onnxruntime``: its kernels and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import get_converter
from nnbehave.measurement.isolation import stack
from nnbehave.runner.backends.base import Model
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import fidelity, random_inputs

for module in ("tensorflow", "onnx", "onnxruntime"):
    pytest.importorskip(module, reason="needs nnbehave[all]")

from nnbehave.runner.backends.onnxruntime import OnnxRuntimeBackend  # noqa: E402 (needs onnxruntime)

pytestmark = pytest.mark.runtime("tensorflow", "onnxruntime", "onnx")

CONV = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)


def loaded(graph: Graph, folder: Path, threads: int = 1) -> Model:
    get_converter("onnx").convert(graph, 3, folder)
    return OnnxRuntimeBackend(threads).load(str(folder / "model.onnx"), "fp32")


def names(model: Model) -> list[str]:
    return [kernel.name for kernel in model.kernels if not kernel.name.startswith("Reorder")]


@pytest.mark.parametrize("activation", [None, "relu", "relu6", "sigmoid", "hardsigmoid", "hardswish", "swish"])
def test_a_fused_activation_is_not_a_kernel(activation: str | None, tmp_path: Path) -> None:
    model = loaded(Graph([CONV.replace(activation=activation)]), tmp_path)
    further = {"hardswish": ["HardSigmoid", "Mul"], "swish": ["QuickGelu"]}
    assert names(model) == ["Conv:nchwc", *further.get(activation or "", [])]
    assert {kernel.precision for kernel in model.kernels} == {"fp32", ""}
    assert all(kernel.placed for kernel in model.kernels)


@pytest.mark.parametrize("threads", [1, 2])
def test_timed_calls_use_the_inputs_that_are_in_place(threads: int, tmp_path: Path) -> None:
    model = loaded(Graph([CONV]), tmp_path, threads)
    first, second = random_inputs(model.input_shapes, 3), random_inputs(model.input_shapes, 4)
    (one,) = model.run(first)
    assert fidelity(str(tmp_path / "model.onnx"), one).output_error < 1e-5
    kept = one.copy()
    (other,) = model.run(second)
    np.testing.assert_array_equal(one, kept)  # a copy, not the bound output
    assert not np.allclose(one, other)
    model.invoke()
    np.testing.assert_array_equal(model.run(first)[0], one)


def test_a_stack_has_the_outputs_of_its_copies(tmp_path: Path) -> None:
    graph = stack(Graph([CONV]), 3)
    model = loaded(graph, tmp_path)
    outputs = model.run(random_inputs(model.input_shapes, 3))
    assert len(outputs) == len(graph.outputs) == 3
    assert names(model) == ["Conv:nchwc"] * 7  # the layer that writes the input, the copies and the taps


def test_a_file_that_cannot_be_read_is_unsupported(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(Unsupported, match="(?i)protobuf|load"):
        OnnxRuntimeBackend().load(str(tmp_path / "model.onnx"), "fp32")

"""The backend of ``tensorflow``: its kernels and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import get_converter
from nnbehave.measurement.isolation import stack
from nnbehave.runner.backends.base import Model
from nnbehave.runner.kernels import executed_precision
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import fidelity, random_inputs
from tests.strategies import sample, samples

pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")

from nnbehave.runner.backends import tensorflow as backend

pytestmark = pytest.mark.runtime("tensorflow")

CONV = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)


def loaded(graph: Graph, folder: Path) -> Model:
    get_converter("frozen_graph").convert(graph, 3, folder)
    return backend.TensorFlowBackend.load(object(), str(folder / "graph.pb"), "fp32")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("activation", "fused", "further"),
    [(None, "", []), ("relu", "Relu", []), ("relu6", "Relu6", []), ("sigmoid", "", ["Sigmoid"])],
)
def test_a_fused_activation_is_not_a_kernel(
    activation: str | None, fused: str, further: list[str], tmp_path: Path
) -> None:
    model = loaded(Graph([CONV.replace(activation=activation)]), tmp_path)
    names = sorted(kernel.name for kernel in model.kernels)
    (conv,) = [name for name in names if name not in further]
    assert "FusedConv2D+BiasAdd" in conv  # a kernel of oneDNN or of TensorFlow
    assert conv.endswith("BiasAdd" + (f"+{fused}" if fused else ""))
    assert len(names) == 1 + len(further)
    assert executed_precision(model.kernels) == "fp32"


@pytest.mark.parametrize("layer", [layer for layer in samples() if layer == sample(layer.op)], ids=str)
def test_every_operator_computes_its_reference(layer: nb.Layer, tmp_path: Path) -> None:
    try:
        model = loaded(Graph([layer]), tmp_path)
    except Unsupported as error:
        if "grouped convolutions" not in str(error):
            raise
        pytest.skip("TensorFlow runs convolutions with groups by oneDNN only, which it does not use on this processor")
    (output,) = model.run(random_inputs(model.input_shapes, 3))
    assert fidelity(str(tmp_path / "graph.pb"), output).output_error < 1e-5


def test_timed_calls_use_the_inputs_that_are_in_place(tmp_path: Path) -> None:
    model = loaded(Graph([CONV]), tmp_path)
    assert model.invoke is not None
    first, second = random_inputs(model.input_shapes, 3), random_inputs(model.input_shapes, 4)
    (one,), (other,) = model.run(first), model.run(second)
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(model.invoke()[0].numpy(), other)


def test_a_stack_has_the_outputs_of_its_copies(tmp_path: Path) -> None:
    graph = stack(Graph([CONV]), 3)
    model = loaded(graph, tmp_path)
    assert len(model.run(random_inputs(model.input_shapes, 3))) == len(graph.outputs) == 3
    assert sum("FusedConv2D" in kernel.name for kernel in model.kernels) == 3


def test_a_file_that_cannot_be_read_is_unsupported(tmp_path: Path) -> None:
    (tmp_path / "graph.pb").write_bytes(b"no model")
    with pytest.raises(Unsupported, match=r"\w"):
        backend.TensorFlowBackend.load(object(), str(tmp_path / "graph.pb"), "fp32")  # type: ignore[arg-type]

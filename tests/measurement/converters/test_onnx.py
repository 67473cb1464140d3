"""The ONNX converter: every operator, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.operators import ACTIVATIONS
from nnbehave.measurement.converters import get_converter
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.measurement.isolation import stack
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import fidelity, random_inputs
from tests.strategies import sample, samples

tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
onnx = pytest.importorskip("onnx", reason="needs nnbehave[onnx]")
runtime = pytest.importorskip("onnxruntime", reason="needs nnbehave[onnxruntime]")

from nnbehave.measurement.converters._onnx_operators import translate  # noqa: E402 (needs both)

pytestmark = pytest.mark.runtime("tensorflow", "onnxruntime", "onnx")

SEED = 7


def subjects() -> list[Graph]:
    conv = nb.Layer(op="conv", height=8, in_channels=6, out_channels=6, kernel=3)
    shuffle = nb.Layer(op="shuffle", height=8, in_channels=6)
    flat = nb.Layer(op="flatten", height=5, width=3, in_channels=4)
    dense = nb.Layer(op="dense", in_channels=60, out_channels=7)
    windows: list[dict[str, Any]] = [
        {"kernel": 1, "stride": 3},
        {"kernel": 2, "stride": 3, "padding": "valid"},
        {"kernel": 5, "stride": 2},
    ]
    layers = [conv.replace(op="transposed_conv", **window) for window in windows]
    layers += [conv.replace(activation=name) for name in ACTIVATIONS]
    several = [Graph([conv, shuffle, conv]), Graph([flat, dense]), stack(Graph([sample("scale")]), 3)]
    return [Graph([layer]) for layer in [*samples(), *layers]] + several


def convert(graph: Graph, folder: Path) -> Any:
    get_converter("onnx").convert(graph, SEED, folder)
    return onnx.load(folder / "model.onnx")


def run(path: Path, inputs: Sequence[Any] | None = None) -> list[Any]:
    session = runtime.InferenceSession(str(path))
    ends = session.get_inputs()
    values = inputs or random_inputs([end.shape for end in ends], SEED)
    return list(session.run(None, dict(zip([end.name for end in ends], values, strict=True))))


@pytest.mark.parametrize("graph", subjects(), ids=lambda graph: graph.id)
def test_onnx_computes_what_tensorflow_does(graph: Graph, tmp_path: Path) -> None:
    model = convert(graph, tmp_path)
    onnx.checker.check_model(model, full_check=True)
    outputs = run(tmp_path / "model.onnx")
    assert len(outputs) == len(graph.outputs)
    if len(outputs) == 1:
        assert fidelity(str(tmp_path / "model.onnx"), outputs[0]).output_error < 1e-5


def test_images_are_channels_first_and_nothing_is_transposed(tmp_path: Path) -> None:
    layer = nb.Layer(op="mobilenet_v2_se", height=6, width=4, in_channels=8, kernel=3)
    model = convert(Graph([layer]), tmp_path)
    kinds = [node.op_type for node in model.graph.node]
    assert "Transpose" not in kinds
    shape = [each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [1, 8, 6, 4]
    x = np.random.default_rng(0).standard_normal(layer.input_shape, dtype=np.float32)
    (expected,) = concrete_function(Graph([layer]), SEED)(tf.constant(x))
    (found,) = run(tmp_path / "model.onnx", [np.ascontiguousarray(x.transpose(0, 3, 1, 2))])
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("activation", "nodes"),
    [
        ("relu6", "Conv Clip"),
        ("hardsigmoid", "Conv HardSigmoid"),
        ("hardswish", "Conv HardSwish"),
        ("swish", "Conv Sigmoid Mul"),
        ("gelu", "Conv Div Erf Add Mul Mul"),
    ],
)
def test_activations_become_the_nodes_that_pytorch_exports(activation: str, nodes: str, tmp_path: Path) -> None:
    layer = nb.Layer(op="conv", height=4, in_channels=2, out_channels=3, kernel=1, activation=activation)
    model = convert(Graph([layer]), tmp_path)
    assert " ".join(node.op_type for node in model.graph.node) == nodes
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 14)]


def test_a_seed_fixes_the_file(tmp_path: Path, base: nb.Layer) -> None:
    files = []
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        (tmp_path / name).mkdir()
        get_converter("onnx").convert(Graph([base]), seed, tmp_path / name)
        files.append((tmp_path / name / "model.onnx").read_bytes())
    assert files[0] == files[1] != files[2]


def traced(function: Any, *shape: int) -> Any:
    signature = [tf.TensorSpec(shape, tf.float32)]
    return tf.function(function, input_signature=signature, autograph=False).get_concrete_function()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: tf.nn.elu(x), "TensorFlow's Elu has no translation to ONNX"),
        (lambda x: tf.nn.softmax(tf.reshape(x, (1, 36))), "Softmax of a flattened image"),
        (lambda x: tf.reshape(x, (1, 9, 1, 4)), r"Reshape of \(1, 3, 3, 4\) to \(1, 9, 1, 4\)"),
        (lambda x: tf.reduce_mean(x, axis=-1), r"Mean over the axes \[3\]"),
        (lambda x: x[:, 1:], "StridedSlice of other axes than the last"),
        (lambda x: tf.compat.v1.image.resize_bilinear(x, (6, 6)), "without half_pixel_centers"),
        (lambda x: tf.nn.conv2d(x[..., :3], x, 1, "SAME"), "as an input that must be constant"),
    ],
)
def test_operators_without_a_translation_are_refused_by_name(function: Any, says: str) -> None:
    with pytest.raises(Unsupported, match=says):
        translate(traced(function, 1, 3, 3, 4))

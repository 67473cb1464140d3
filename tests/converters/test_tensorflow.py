"""Every operator through TensorFlow, every converter and every real runtime, on small layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.converters import CONVERTERS, Artifact, ArtifactCache
from nnbehave.graph import Graph
from nnbehave.operators import OPERATORS
from nnbehave.platforms import get_platform
from nnbehave.runner.protocol import decode_array, encode_array
from nnbehave.targets import LocalTarget
from nnbehave.worker import Worker

tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")

SHAPES: list[dict[str, Any]] = [
    {"height": 8, "in_channels": 6, "kernel": 3},
    {"height": 9, "width": 7, "in_channels": 5, "kernel": 3, "stride": 2, "padding": "valid", "bias": False},
    {"height": 7, "in_channels": 16, "kernel": 5, "activation": "relu6", "batch": 2},
    {"height": 1, "in_channels": 3, "kernel": 1, "activation": "relu"},
]


def layers() -> list[nb.Layer]:
    """Every operator in every shape, as far as it has the shape's fields."""
    found: dict[nb.Layer, None] = {}
    for name, operator in sorted(OPERATORS.items()):
        for shape in SHAPES:
            fields = {**shape, "out_channels": shape["in_channels"] + 4}
            known = (*operator.required, *operator.optional)
            found[nb.Layer(op=name, **{field: value for field, value in fields.items() if field in known})] = None
    return list(found)


def inputs_of(graph: Graph) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in graph.input_shapes]


def subjects() -> list[Graph]:
    conv = nb.Layer(op="conv", height=8, in_channels=6, out_channels=6, kernel=3)
    depthwise = nb.Layer(op="dwconv", height=8, in_channels=6, kernel=3)
    several = [Graph([conv] * 3), Graph([conv, depthwise], "pair"), Graph([conv, depthwise], "fan")]
    return [Graph([layer]) for layer in layers()] + several


@pytest.fixture(scope="module")
def artifacts() -> dict[tuple[str, str], Artifact]:
    from nnbehave.converters import convert_all

    jobs = [(CONVERTERS[name], graph) for name in ("tflite", "openvino") for graph in subjects()]
    made = {}
    for (converter, graph), artifact in convert_all(jobs, 7, ArtifactCache()):
        assert isinstance(artifact, Artifact), artifact
        made[converter.name, graph.id] = artifact
    return made


@pytest.mark.parametrize("layer", layers(), ids=str)
def test_operators_build_what_they_say(layer: nb.Layer) -> None:
    function = Graph([layer]).concrete_function(seed=0)
    assert tuple(function.outputs[0].shape) == layer.output_shape
    weights = [op for op in function.graph.get_operations() if op.type == "Const" and len(op.outputs[0].shape) > 1]
    elements = sum(int(np.prod(op.outputs[0].shape)) for op in weights)
    moved = sum(int(np.prod(shape)) for shape in (*layer.input_shapes, layer.output_shape))
    assert layer.mac == moved + elements  # Table 3: input, output and kernel, each once
    assert layer.ops == _multiply_adds(function)


def _multiply_adds(function: Any) -> int:
    """Count what TensorFlow's own graph would compute, from its nodes' shapes."""
    total = 0
    for op in function.graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative"):
            kernel, output = op.inputs[1].shape, op.outputs[0].shape
            each = kernel[0] * kernel[1] * (kernel[2] if op.type == "Conv2D" else 1)
            total += int(np.prod(output)) * int(each)
        elif op.type == "MatMul":
            total += int(np.prod(op.inputs[1].shape)) * int(op.inputs[0].shape[0])
        elif op.type in ("MaxPool", "AvgPool"):
            total += int(np.prod(op.outputs[0].shape)) * int(np.prod(op.get_attr("ksize")))
        elif op.type in ("Mean", "AddV2"):  # an element of each input
            total += sum(int(np.prod(each.shape)) for each in op.inputs if len(each.shape) > 1)
    return total


def test_a_seed_fixes_the_weights_and_layers_do_not_share_them() -> None:
    conv = nb.Layer(op="conv", height=4, in_channels=3, out_channels=3, kernel=1)
    x = np.ones(conv.input_shape, dtype=np.float32)
    outputs = [Graph([conv]).concrete_function(seed)(tf.constant(x))[0].numpy() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])
    first, second = Graph([conv, conv], "fan").concrete_function(1)(tf.constant(x))
    assert not np.array_equal(first, second)


@pytest.fixture(scope="module", params=["tflite", "tflite:builtin", "openvino"])
def worker(request: pytest.FixtureRequest) -> Iterator[tuple[str, Worker]]:
    platform = get_platform(request.param)
    pytest.importorskip(platform.package.replace("-", "_"), reason=f"needs nnbehave[{platform.extra}]")
    with LocalTarget().start(platform) as started:
        yield request.param, started


@pytest.mark.parametrize("graph", subjects(), ids=lambda graph: graph.id)
def test_runtimes_agree_with_tensorflow(
    graph: Graph, worker: tuple[str, Worker], artifacts: dict[tuple[str, str], Artifact]
) -> None:
    name, runner = worker
    artifact = artifacts[get_platform(name).converter, graph.id]
    loaded = runner.request("load", 60, handle=graph.id, path=artifact.path, seed=0)
    assert loaded["ok"], loaded
    assert loaded["placement"] == "full"
    if (name, graph.layers[0].op) != ("openvino", "flatten"):  # which it does not even run
        prefix = {"tflite": "xnnpack:", "tflite:builtin": "builtin:", "openvino": ""}[name]
        assert loaded["executed_precision"] == "fp32"
        assert loaded["kernels"]
        assert all(kernel.startswith(prefix) for kernel in loaded["kernels"])
    given = inputs_of(graph)
    expected = graph.concrete_function(seed=7)(*map(tf.constant, given))
    answer = runner.request("run", 60, handle=graph.id, inputs=[encode_array(x) for x in given])
    outputs = [decode_array(output) for output in answer["outputs"]]
    assert len(outputs) == len(expected)
    by_value = sorted(outputs, key=lambda array: float(array.sum()))  # a runtime may order the outputs of a fan anew
    wanted = sorted((tensor.numpy() for tensor in expected), key=lambda array: float(array.sum()))
    for found, right in zip(by_value, wanted, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("graph", subjects(), ids=lambda graph: graph.id)
def test_openvino_runs_the_same_kernels_from_its_own_frontend_as_from_a_tflite_file(
    graph: Graph, artifacts: dict[tuple[str, str], Artifact]
) -> None:
    pytest.importorskip("openvino", reason="needs nnbehave[openvino]")
    from nnbehave.runner.backends.openvino import OpenVINOBackend

    given = inputs_of(graph)
    models = [OpenVINOBackend().load(artifacts[name, graph.id].path, 0) for name in ("openvino", "tflite")]
    assert sorted(models[0].kernels) == sorted(models[1].kernels)
    ours, theirs = (sorted(model.run(given), key=lambda array: float(array.sum())) for model in models)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)

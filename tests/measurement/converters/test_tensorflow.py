"""Every operator as a small layer, through TensorFlow, the converters and the runtimes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.operators.blocks import Block
from nnbehave.measurement.converters import Artifact, ArtifactCache, get_converter
from nnbehave.measurement.converters.reference import run_in_tensorflow
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker
from nnbehave.runner.kernels import Kernel, executed_precision, placement
from nnbehave.runner.tensors import decode_array, encode_array
from tests.measurement.converters.counting import DECOMPOSED, count
from tests.strategies import samples

pytestmark = pytest.mark.runtime("tensorflow")

tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")


def inputs_of(graph: Graph) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in graph.input_shapes]


@cache
def outputs_of(graph: Graph) -> list[Any]:
    """Return TensorFlow's outputs for ``inputs_of``. They are the same for every runtime."""
    return run_in_tensorflow(concrete_function(graph, 7), inputs_of(graph))


def subjects() -> list[Graph]:
    conv = nb.Layer(op="conv", height=8, in_channels=6, out_channels=6, kernel=3)
    depthwise = nb.Layer(op="dwconv", height=8, in_channels=6, kernel=3)
    several = [Graph([conv] * 3), Graph([conv, depthwise], "pair"), Graph([conv, depthwise], "fan")]
    return [Graph([layer]) for layer in samples()] + several


@pytest.fixture(scope="module")
def artifacts() -> dict[tuple[str, str], Artifact]:
    from nnbehave.measurement.converters import convert_all

    jobs = [(get_converter(name), graph) for name in ("tflite", "openvino") for graph in subjects()]
    made = {}
    for (converter, graph), artifact in convert_all(jobs, 7, ArtifactCache()):
        assert isinstance(artifact, Artifact), artifact
        made[converter.name, graph.id] = artifact
    return made


@pytest.mark.parametrize("layer", samples(), ids=str)
def test_operators_build_tensors_of_the_shapes_that_they_declare(
    layer: nb.Layer, artifacts: dict[tuple[str, str], Artifact]
) -> None:
    function = concrete_function(Graph([layer]), 0)
    assert [tuple(tensor.shape) for tensor in function.inputs] == list(layer.input_shapes)
    assert tuple(function.outputs[0].shape) == layer.output_shape


@pytest.mark.parametrize("layer", samples(), ids=str)
def test_costs_are_those_of_the_converted_graph(layer: nb.Layer, artifacts: dict[tuple[str, str], Artifact]) -> None:
    counted = count(Path(artifacts["tflite", layer.id].path), layer.activation)
    ends = sum(map(math.prod, [*layer.input_shapes, layer.output_shape]))
    assert layer.operator.weights(layer) == counted.weights
    if isinstance(layer.operator, Block):
        assert (layer.ops, layer.mac) == (counted.ops, counted.moved + counted.weights)
        return
    assert layer.mac == (2 * math.prod(layer.output_shape) if layer.op in ("head", "tail") else ends + counted.weights)
    if layer.op in DECOMPOSED:  # one operator of ours, several of the converter
        assert counted.names == DECOMPOSED[layer.op].split()
        assert layer.ops == math.prod(layer.input_shape)
    else:
        assert layer.ops == counted.ops


def test_a_seed_fixes_the_weights_and_layers_do_not_share_them() -> None:
    conv = nb.Layer(op="conv", height=4, in_channels=3, out_channels=3, kernel=1)
    x = np.ones(conv.input_shape, dtype=np.float32)
    outputs = [concrete_function(Graph([conv]), seed)(tf.constant(x))[0].numpy() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])
    first, second = concrete_function(Graph([conv, conv], "fan"), 1)(tf.constant(x))
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
    loaded = runner.request("load", 60, handle=graph.id, path=artifact.path, seed=7, precision="fp32")
    assert loaded["ok"], loaded
    kernels = [Kernel(*each) for each in loaded["kernels"]]
    assert placement(kernels) == "full"
    if (name, graph.layers[0].op) not in {("openvino", "flatten"), ("openvino", "shuffle")}:  # they compute nothing
        prefix = {"tflite": "xnnpack:", "tflite:builtin": "builtin:", "openvino": ""}[name]
        assert executed_precision(kernels) == "fp32"
        assert all(kernel.name.startswith(prefix) for kernel in kernels)
    if len(graph.outputs) == 1:
        assert loaded["fidelity"][0] < 1e-5
    given = inputs_of(graph)
    expected = outputs_of(graph)
    answer = runner.request("run", 60, handle=graph.id, inputs=[encode_array(x) for x in given])
    outputs = [decode_array(output) for output in answer["outputs"]]
    assert len(outputs) == len(expected)
    by_value = sorted(outputs, key=lambda array: float(array.sum()))  # a runtime may reorder the outputs
    wanted = sorted(expected, key=lambda array: float(array.sum()))
    for found, right in zip(by_value, wanted, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


OTHERWISE = {"gelu", "mobilenet_v2_se", "se", "transposed_conv"}  # they differ in a reorder or a fusion


@pytest.mark.parametrize(
    "graph", [g for g in subjects() if g.layers[0].op not in OTHERWISE], ids=lambda graph: graph.id
)
def test_openvino_runs_the_same_kernels_from_its_own_frontend_as_from_a_tflite_file(
    graph: Graph, artifacts: dict[tuple[str, str], Artifact]
) -> None:
    pytest.importorskip("openvino", reason="needs nnbehave[openvino]")
    from nnbehave.runner.backends.openvino import OpenVINOBackend

    given = inputs_of(graph)
    models = [OpenVINOBackend().load(artifacts[name, graph.id].path, "fp32") for name in ("openvino", "tflite")]
    assert sorted(models[0].kernels) == sorted(models[1].kernels)
    ours, theirs = (sorted(model.run(given), key=lambda array: float(array.sum())) for model in models)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)

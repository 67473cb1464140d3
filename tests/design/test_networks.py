"""The shipped networks have the multiply-adds and parameters of their papers."""

from __future__ import annotations

from collections import Counter

import pytest

import nnbehave as nb
from nnbehave.design import networks
from nnbehave.design.graph import Graph
from nnbehave.design.networks import NETWORKS, NetworkBuilder, load_network
from nnbehave.errors import InvalidInputError

# Multiply-adds in millions. Sources: the behaviour study's Table 4; ResNet-18: He et al. 2016, Table 1; InceptionV1:
# torchvision's documentation of GoogLeNet; SqueezeNet 1.1: 2.4 times less than 1.0, as its authors say.
PUBLISHED = {
    "mobilenet_v1": 569,
    "mobilenet_v2": 300,
    "mobilenet_v3_large": 219,
    "shufflenet_v1": 140,
    "squeezenet": 352,
    "inception_v1": 1500,
    "resnet18": 1800,
    "resnet_v1_50": 3485,
    "resnet_v2_50": 6548,
}
# Trainable parameters. Sources: torchvision's documentation; MobileNetV1 and ResNet50V2: Keras's model; ShuffleNetV1:
# MMClassification's documentation, 1.87 M.
PARAMETERS = {
    "mobilenet_v1": 4_231_976,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "shufflenet_v1": pytest.approx(1.87e6, abs=5e3),
    "squeezenet": 1_235_496,
    "inception_v1": 6_624_904,
    "resnet18": 11_689_512,
    "resnet_v1_50": 25_557_032,
    "resnet_v2_50": 25_568_360,
}


def parameters(layer: nb.Layer, normalised: bool) -> int:
    """Return the number of trained values of a layer. A normalised conv has a scale and a shift for each channel."""
    if layer.op == "batch_norm":
        return 2 * layer.in_channels
    if not layer.operator.has_weights:
        return 0
    each = 2 if normalised and layer.op != "dense" else 1
    return layer.operator.weights(layer) + each * layer.out_channels


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_has_the_multiply_adds_of_its_paper(name: str) -> None:
    network = nb.load_network(name)
    computing = sum(layer.ops for layer in network.layers if layer.operator.has_weights)
    assert computing / 1e6 == pytest.approx(PUBLISHED[name], rel=0.02)
    size = 299 if name == "resnet_v2_50" else 224
    assert network.input_shapes == ((1, size, size, 3),)
    assert network.layers[-1].output_shape == (1, 1000)
    assert network.outputs == (network.depth - 1,)
    assert Graph.from_dict(network.to_dict()) == network


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_has_exactly_the_parameters_of_its_paper(name: str) -> None:
    # SqueezeNet has no normalisation. In the pre-activated ResNet a conv before a sum has neither it nor an activation.
    normalised = {
        "squeezenet": lambda layer: False,
        "resnet_v2_50": lambda layer: layer.activation is not None,
    }.get(name, lambda layer: True)
    assert sum(parameters(layer, normalised(layer)) for layer in nb.load_network(name).layers) == PARAMETERS[name]


def test_a_network_can_be_built_in_another_size() -> None:
    network = networks.resnet_v2_50(224, classes=10)
    assert network.layers[-1].output_shape == (1, 10)
    assert network.ops == pytest.approx(networks.resnet_v1_50(224).ops, rel=0.01)
    smallest = networks.mobilenet_v3_large(32)  # its last squeeze-and-excitations scale an image of one pixel
    assert [layer.output_shape[1:3] for layer in smallest.layers if layer.op == "scale"][-1] == (1, 1)


def test_an_unknown_network_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(InvalidInputError, match="mobilenet_v1, mobilenet_v2, .*, resnet_v2_50"):
        nb.load_network("alexnet")


def test_mobilenet_v3_has_se_and_hardswish_where_its_table_says() -> None:
    layers = nb.load_network("mobilenet_v3_large").layers
    squeezed = [layer.out_channels for layer in layers if layer.op == "dense" and layer.activation == "relu"]
    assert squeezed == [24, 32, 32, 120, 168, 168, 240, 240]
    factors = [layer.out_channels for layer in layers if layer.activation == "hardsigmoid"]
    assert factors == [layer.in_channels for layer in layers if layer.op == "scale"]
    assert factors == [72, 120, 120, 480, 672, 672, 960, 960]
    swished = [layer.op for layer in layers if layer.activation == "hardswish"]
    assert Counter(swished) == {"conv": 2 + 9, "dwconv": 9, "dense": 1}


def test_a_builder_takes_shapes_from_the_layers_that_are_read() -> None:
    net = NetworkBuilder((9, 7, 3))
    stem = net.add("conv", out_channels=8, kernel=3, stride=2)
    left = net.add("conv", reads=stem, out_channels=8, kernel=1)
    right = net.add("maxpool", reads=stem, kernel=3)
    net.add("concat", reads=(left, right))
    net.add("flatten")
    net.add("dense", out_channels=5)
    graph = net.graph()
    assert [layer.output_shape for layer in graph.layers[-3:]] == [(1, 5, 4, 16), (1, 320), (1, 5)]
    assert graph.sources[3] == (1, 2)


def test_a_builder_adds_the_layers_of_blocks() -> None:
    net = NetworkBuilder((8, 8, 16))
    net.add("relu")
    assert net.add_block("resnet_basic", kernel=3) == 3
    assert net.add_block("resnet_basic", kernel=3, out_channels=32, stride=2) == 7
    assert [layer.op for layer in net.layers] == ["relu", *["conv", "conv", "add"], *["conv", "conv", "conv", "add"]]
    assert net.sources == [(-1,), (0,), (1,), (0, 2), (3,), (4,), (3,), (6, 5)]
    for op in ("conv", "resnet"):
        with pytest.raises(InvalidInputError, match=f"op: must be a building block .*, got '{op}'"):
            net.add_block(op, kernel=3)


def test_a_network_has_one_precision_throughout() -> None:
    network = load_network("mobilenet_v2", "int8")
    assert {layer.precision for layer in network.layers} == {network.precision} == {"int8"}
    assert network.ops == load_network("mobilenet_v2").ops
    assert 4 * network.mac_bytes == load_network("mobilenet_v2").mac_bytes


def check_networks(names: list[str], platform: str, precision: str) -> None:
    """Check that networks run at a precision, and compute the same as TensorFlow."""
    subjects = [load_network(name, precision) for name in names]
    frame = nb.measure(subjects, platform, method="none", progress=False).frame
    assert len(frame) == len(names)
    for row in frame.to_dict("records"):
        assert (row["status"], row["executed_precision"]) == ("ok", precision), row["reason"]
        assert row["output_error"] < 1e-4 or precision == "int8"
        assert row["output_cosine"] > 0.9


@pytest.mark.runtime("tensorflow", "ai_edge_litert", "openvino")
@pytest.mark.parametrize(
    ("name", "platform", "precision"),
    [("squeezenet", "tflite", "fp32"), ("mobilenet_v2", "tflite", "int8"), ("squeezenet", "openvino", "fp32")],
)
def test_a_network_runs_and_computes_what_tensorflow_does(name: str, platform: str, precision: str) -> None:
    check_networks([name], platform, precision)


@pytest.mark.setup
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("platform", "precision"), [("tflite", "fp32"), ("tflite", "int8"), ("openvino", "fp32")])
def test_all_networks_run_and_compute_what_tensorflow_does(
    platform: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes minutes, and so is no part of ``make test``."""
    # A converted network leaves more memory in use than a process may keep, and a new process takes seconds to start.
    monkeypatch.setattr("nnbehave.measurement.converters.pool._LARGEST_BYTES", 2 << 30)
    check_networks(list(NETWORKS), platform, precision)

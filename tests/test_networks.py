"""The networks against their papers."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.graph import Graph
from nnbehave.networks import NETWORKS, NetworkBuilder, load_network

# Multiply-adds in millions: Howard et al. 2017, Table 8; Sandler et al. 2018, Table 4; He et al. 2016, Table 1.
# SqueezeNet 1.1: its authors say 2.4 times less than 1.0.
PUBLISHED = {"mobilenet_v1": 569, "mobilenet_v2": 300, "squeezenet": 352, "resnet18": 1800}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_has_the_multiply_adds_of_its_paper(name: str) -> None:
    network = nb.load_network(name)
    computing = sum(layer.ops for layer in network.layers if layer.op in ("conv", "dwconv", "dense"))
    assert computing / 1e6 == pytest.approx(PUBLISHED[name], rel=0.02)
    assert network.layers[-1].output_shape == (1, 1000)
    assert network.input_shapes == ((1, 224, 224, 3),)
    assert len(network.outputs) == 1
    assert Graph.from_dict(network.to_dict()) == network


def test_a_network_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="mobilenet_v1, mobilenet_v2, squeezenet, resnet18"):
        nb.load_network("alexnet")


def test_a_builder_follows_shapes() -> None:
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


def test_a_network_has_one_precision_throughout() -> None:
    network = load_network("mobilenet_v2", "int8")
    assert {layer.precision for layer in network.layers} == {network.precision} == {"int8"}
    assert network.ops == load_network("mobilenet_v2").ops
    assert 4 * network.mac_bytes == load_network("mobilenet_v2").mac_bytes

"""Whole networks as graphs of layers: their shapes, without trained weights, batch normalisation folded into the
convolutions. To add one, write a function that builds it and returns its graph, and name it in ``NETWORKS``.
"""

from __future__ import annotations

from collections.abc import Callable

from nnbehave.errors import InvalidInputError
from nnbehave.graph import Graph
from nnbehave.layer import Layer
from nnbehave.operators import Composition


class NetworkBuilder(Composition[Layer]):
    """Builds a graph layer by layer; each takes its input's shape from the layers that it reads.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width, channels.
    precision : str

    Examples
    --------
    >>> net = NetworkBuilder((32, 32, 3))
    >>> stem = net.add("conv", out_channels=16, kernel=3, activation="relu")
    >>> branch = net.add("conv", out_channels=16, kernel=3)
    >>> _ = net.add("add", reads=(stem, branch))
    >>> net.graph().depth
    3
    """

    def __init__(self, input_shape: tuple[int, int, int], precision: str = "fp32") -> None:
        super().__init__(Layer, (1, *input_shape), precision)

    def graph(self) -> Graph:
        """Return the network."""
        return Graph(self.layers, "network", self.sources)


def mobilenet_v1(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """MobileNetV1 1.0 (Howard et al. 2017, Table 1)."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for out_channels, stride in blocks:
        net.add("dwconv", kernel=3, stride=stride, activation="relu6")
        net.add("conv", out_channels=out_channels, activation="relu6", kernel=1)
    return _classifier(net, classes)


def mobilenet_v2(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """MobileNetV2 1.0 (Sandler et al. 2018, Table 2); the first block has no expansion, as in the authors' code."""
    net = NetworkBuilder((size, size, 3), precision)
    last = net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
    for expansion, out_channels, repeats, first_stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for stride in [first_stride, *[1] * (repeats - 1)]:
            before = last
            if expansion > 1:
                net.add("conv", out_channels=expansion * net.channels(before), kernel=1, activation="relu6")
            net.add("dwconv", kernel=3, stride=stride, activation="relu6")
            last = net.add("conv", out_channels=out_channels, kernel=1)
            if stride == 1 and net.channels(before) == out_channels:
                last = net.add("add", reads=(before, last))
    net.add("conv", out_channels=1280, kernel=1, activation="relu6")
    return _classifier(net, classes)


def squeezenet(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """SqueezeNet 1.1 (Iandola et al. 2016, the authors' later release): pooling and the first layer without padding."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=3, stride=2, padding="valid", activation="relu")
    for pooled, squeeze, expand in [
        (True, 16, 64),
        (False, 16, 64),
        (True, 32, 128),
        (False, 32, 128),
        (True, 48, 192),
        (False, 48, 192),
        (False, 64, 256),
        (False, 64, 256),
    ]:
        if pooled:
            net.add("maxpool", kernel=3, stride=2, padding="valid")
        squeezed = net.add("conv", out_channels=squeeze, kernel=1, activation="relu")
        branches = [
            net.add("conv", reads=squeezed, out_channels=expand, kernel=kernel, activation="relu") for kernel in (1, 3)
        ]
        net.add("concat", reads=tuple(branches))
    net.add("conv", out_channels=classes, kernel=1, activation="relu")
    net.add("globalavgpool")
    return net.graph()


def resnet18(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """ResNet-18 (He et al. 2016, Table 1; projection shortcuts where the shape changes: option B)."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=7, stride=2, activation="relu")
    last = net.add("maxpool", kernel=3, stride=2)
    for out_channels, first_stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for stride in (first_stride, 1):
            shortcut = last
            if stride > 1:
                shortcut = net.add("conv", reads=last, out_channels=out_channels, kernel=1, stride=stride)
            net.add("conv", reads=last, out_channels=out_channels, kernel=3, stride=stride, activation="relu")
            branch = net.add("conv", out_channels=out_channels, kernel=3)
            last = net.add("add", reads=(shortcut, branch), activation="relu")
    return _classifier(net, classes)


def _classifier(net: NetworkBuilder, classes: int) -> Graph:
    net.add("globalavgpool")
    net.add("dense", out_channels=classes)
    return net.graph()


NETWORKS: dict[str, Callable[..., Graph]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "squeezenet": squeezenet,
    "resnet18": resnet18,
}


def load_network(name: str, precision: str = "fp32") -> Graph:
    """Return the network called ``name`` at a precision. Raises InvalidInputError with the names there are."""
    if name not in NETWORKS:
        raise InvalidInputError(f"unknown network {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name](precision=precision)

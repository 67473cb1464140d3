"""Whole networks as graphs of layers, without trained weights.

A batch normalisation that follows a convolution is folded into it. To add a network, write a function that builds it
and returns its graph, and enter it in ``NETWORKS``.

Table 4 of the behaviour study (Tang et al., MLSys 2021) lists MobileNetV1, V2 and V3, ShuffleNetV1, InceptionV1,
ResNetV1_50 and ResNetV2_50. The OPs here agree with the table within 2 %, except for InceptionV1: the table has 1.45 G,
this module has 1.50 G, and so has torchvision's documentation of GoogLeNet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.operators import OPERATORS, GraphBuilder
from nnbehave.design.operators.blocks import Block
from nnbehave.errors import InvalidInputError


class NetworkBuilder(GraphBuilder[Layer]):
    """Builds a network layer by layer. Each layer takes its input's shape from the layers that it reads.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width, channels. The batch is 1.
    precision : str
        Precision of all layers.

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

    def add_block(self, op: str, **fields: Any) -> int:
        """Add the layers of a building block that reads the last layer. Return the index of the block's last layer.

        Parameters
        ----------
        op : str
            The name of a building block.
        **fields
            Its other fields, as in :meth:`add`.

        Raises
        ------
        InvalidInputError
            ``op`` is not the name of a building block.
        """
        block = OPERATORS.get(op)
        if not isinstance(block, Block):
            blocks = ", ".join(sorted(name for name, each in OPERATORS.items() if isinstance(each, Block)))
            raise InvalidInputError(f"op: must be a building block ({blocks}), got {op!r}; 'add' takes operators")
        read, first = len(self.layers) - 1, len(self.layers)
        inside = block.expand(self._layer(op, (read,), fields))
        self.layers += inside.layers
        self.sources += [tuple(first + s if s >= 0 else read for s in sources) for sources in inside.sources]
        return len(self.layers) - 1

    def graph(self) -> Graph:
        """Return the network."""
        return Graph(self.layers, "network", self.sources)


def mobilenet_v1(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """MobileNetV1 1.0 (Howard et al. 2017, Table 1)."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for out_channels, stride in blocks:
        net.add_block("mobilenet_v1", out_channels=out_channels, kernel=3, stride=stride)
    return _classifier(net, classes)


def mobilenet_v2(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """MobileNetV2 1.0 (Sandler et al. 2018, Table 2). The first block has no expansion, as in the authors' code."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
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
            net.add_block("mobilenet_v2", out_channels=out_channels, kernel=3, stride=stride, expansion=expansion)
    net.add("conv", out_channels=1280, kernel=1, activation="relu6")
    return _classifier(net, classes)


def mobilenet_v3_large(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """MobileNetV3-Large 1.0 (Howard et al. 2019, Table 1), with squeeze-and-excitation and hard swish."""
    net = NetworkBuilder((size, size, 3), precision)
    last = net.add("conv", out_channels=16, kernel=3, stride=2, activation="hardswish")
    plain, with_se = "mobilenet_v2", "mobilenet_v2_se"
    for block, kernel, inside, out_channels, activation, stride in [
        (plain, 3, 16, 16, "relu", 1),
        (plain, 3, 64, 24, "relu", 2),
        (plain, 3, 72, 24, "relu", 1),
        (with_se, 5, 72, 40, "relu", 2),
        (with_se, 5, 120, 40, "relu", 1),
        (with_se, 5, 120, 40, "relu", 1),
        (plain, 3, 240, 80, "hardswish", 2),
        (plain, 3, 200, 80, "hardswish", 1),
        (plain, 3, 184, 80, "hardswish", 1),
        (plain, 3, 184, 80, "hardswish", 1),
        (with_se, 3, 480, 112, "hardswish", 1),
        (with_se, 3, 672, 112, "hardswish", 1),
        (with_se, 5, 672, 160, "hardswish", 2),
        (with_se, 5, 960, 160, "hardswish", 1),
        (with_se, 5, 960, 160, "hardswish", 1),
    ]:
        expansion = inside / net.channels(last)
        sizes = {"kernel": kernel, "stride": stride, "out_channels": out_channels, "expansion": expansion}
        last = net.add_block(block, activation=activation, **sizes)
    net.add("conv", out_channels=960, kernel=1, activation="hardswish")
    net.add("globalavgpool")
    net.add("dense", out_channels=1280, activation="hardswish")
    net.add("dense", out_channels=classes)
    return net.graph()


def shufflenet_v1(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """ShuffleNetV1 1x with 3 groups (Zhang et al. 2018, Table 1).

    The first 1×1 conv has no groups, as the paper's text says.
    """
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=24, kernel=3, stride=2, activation="relu")
    stem = net.add("maxpool", kernel=3, stride=2)
    net.add("conv", out_channels=240 // 4, kernel=1, activation="relu")
    net.add("shuffle", groups=3)
    net.add("dwconv", kernel=3, stride=2)
    branch = net.add("group_conv", out_channels=240 - 24, kernel=1, groups=3)
    shortcut = net.add("avgpool", reads=stem, kernel=3, stride=2)
    net.add("concat", reads=(shortcut, branch), activation="relu")
    for out_channels, strides in [(240, [1] * 3), (480, [2, *[1] * 7]), (960, [2, *[1] * 3])]:
        for stride in strides:
            net.add_block("shufflenet_v1", out_channels=out_channels, kernel=3, stride=stride, groups=3)
    return _classifier(net, classes)


def squeezenet(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """SqueezeNet 1.1 (Iandola et al. 2016; the authors' later release). Pooling and the first conv have no padding."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=3, stride=2, padding="valid", activation="relu")
    for widths in [(128, 128), (256, 256), (384, 384, 512, 512)]:
        net.add("maxpool", kernel=3, stride=2, padding="valid")
        for out_channels in widths:
            net.add_block("fire", out_channels=out_channels, kernel=3)
    net.add("conv", out_channels=classes, kernel=1, activation="relu")
    net.add("globalavgpool")
    return net.graph()


def inception_v1(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """InceptionV1, also called GoogLeNet (Szegedy et al. 2015, Table 1), as TF-Slim has it.

    TF-Slim has 3×3 convs in place of the 5×5 ones, a last pooling before a module of 2×2, and batch normalisation in
    place of local response normalisation.
    """
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=7, stride=2, activation="relu")
    net.add("maxpool", kernel=3, stride=2)
    net.add("conv", out_channels=64, kernel=1, activation="relu")
    net.add("conv", out_channels=192, kernel=3, activation="relu")
    net.add("maxpool", kernel=3, stride=2)
    for pool, modules in [  # for each module: #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj
        (3, [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)]),
        (
            2,
            [
                (192, 96, 208, 16, 48, 64),
                (160, 112, 224, 24, 64, 64),
                (128, 128, 256, 24, 64, 64),
                (112, 144, 288, 32, 64, 64),
                (256, 160, 320, 32, 128, 128),
            ],
        ),
        (0, [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]),
    ]:
        for widths in modules:
            _inception(net, *widths)
        if pool:
            net.add("maxpool", kernel=pool, stride=2)
    return _classifier(net, classes)


def resnet18(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """ResNet-18 (He et al. 2016, Table 1), with projection shortcuts where the shape changes (option B)."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=7, stride=2, activation="relu")
    net.add("maxpool", kernel=3, stride=2)
    for out_channels, first_stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for stride in (first_stride, 1):
            net.add_block("resnet_basic", out_channels=out_channels, kernel=3, stride=stride)
    return _classifier(net, classes)


def resnet_v1_50(size: int = 224, classes: int = 1000, precision: str = "fp32") -> Graph:
    """ResNet-50 (He et al. 2016, Table 1) as TF-Slim has it, with the OPs of the behaviour study's Table 4.

    The 3×3 conv of a stage's last unit has the stride, so the network has fewer OPs than the original (3.8 G). TF-Slim
    pads in operators of its own; here the convs pad.
    """
    return _slim_resnet50(size, classes, precision, preactivated=False)


def resnet_v2_50(size: int = 299, classes: int = 1000, precision: str = "fp32") -> Graph:
    """ResNet-50 with pre-activation (He et al. 2016, Identity Mappings in Deep Residual Networks) as TF-Slim has it.

    The strides are those of :func:`resnet_v1_50`. TF-Slim's weights are for 299×299, and the behaviour study's OPs are
    of that size. The normalisation that begins a unit reads a sum, not a conv, so it is a layer of its own.
    """
    return _slim_resnet50(size, classes, precision, preactivated=True)


def _inception(
    net: NetworkBuilder, one: int, three_reduce: int, three: int, five_reduce: int, five: int, pooled: int
) -> None:
    """Add a module: the branches of GoogLeNet's Fig. 2 (b), concatenated. The 5×5 conv is 3×3, as in TF-Slim."""
    read = len(net.layers) - 1

    def conv(out_channels: int, kernel: int, reads: int | None = None) -> int:
        return net.add("conv", reads, out_channels=out_channels, kernel=kernel, activation="relu")

    first = conv(one, 1, read)
    conv(three_reduce, 1, read)
    second = conv(three, 3)
    conv(five_reduce, 1, read)
    third = conv(five, 3)
    net.add("maxpool", read, kernel=3)
    net.add("concat", (first, second, third, conv(pooled, 1)))


def _slim_resnet50(size: int, classes: int, precision: str, preactivated: bool) -> Graph:
    """Return TF-Slim's ResNet-50, with pre-activation (V2) or without (V1)."""
    net = NetworkBuilder((size, size, 3), precision)
    net.add("conv", out_channels=64, kernel=7, stride=2, activation=None if preactivated else "relu")
    net.add("maxpool", kernel=3, stride=2)
    for inside, units, last_stride in [(64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1)]:
        for stride in [*[1] * (units - 1), last_stride]:
            _slim_bottleneck(net, inside, stride, preactivated)
    if preactivated:
        net.add("batch_norm", activation="relu")
    return _classifier(net, classes)


def _slim_bottleneck(net: NetworkBuilder, inside: int, stride: int, preactivated: bool) -> None:
    """Add a unit of TF-Slim's ResNet-50: a bottleneck of ``inside`` channels and its shortcut."""
    before = read = shortcut = len(net.layers) - 1
    if preactivated:
        read = net.add("batch_norm", activation="relu")
    if net.channels(before) != 4 * inside:
        shortcut = net.add("conv", read, out_channels=4 * inside, kernel=1, stride=stride)
    elif stride > 1:
        shortcut = net.add("maxpool", before, kernel=1, stride=stride)  # of kernel 1: takes every other pixel
    net.add("conv", read, out_channels=inside, kernel=1, activation="relu")
    net.add("conv", out_channels=inside, kernel=3, stride=stride, activation="relu")
    branch = net.add("conv", out_channels=4 * inside, kernel=1)
    net.add("add", (shortcut, branch), activation=None if preactivated else "relu")


def _classifier(net: NetworkBuilder, classes: int) -> Graph:
    """Add the global average and the last dense layer, and return the network."""
    net.add("globalavgpool")
    net.add("dense", out_channels=classes)
    return net.graph()


NETWORKS: dict[str, Callable[..., Graph]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "shufflenet_v1": shufflenet_v1,
    "squeezenet": squeezenet,
    "inception_v1": inception_v1,
    "resnet18": resnet18,
    "resnet_v1_50": resnet_v1_50,
    "resnet_v2_50": resnet_v2_50,
}
"""The function that builds each network, by the network's name."""


def load_network(name: str, precision: str = "fp32") -> Graph:
    """Return a network.

    Parameters
    ----------
    name : str
        A key of ``NETWORKS``.
    precision : str
        Precision of all layers.

    Raises
    ------
    InvalidInputError
        There is no such network. The message lists all names.
    """
    if name not in NETWORKS:
        raise InvalidInputError(f"unknown network {name!r}; name must be one of {', '.join(NETWORKS)}")
    return NETWORKS[name](precision=precision)

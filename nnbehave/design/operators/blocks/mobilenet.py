"""The building blocks of the MobileNets: mobilenet_v1, mobilenet_v2, mobilenet_v2_se, fused_mbconv; and se alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from nnbehave.design.operators.blocks.block import Block, changes_shape
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import LayerFields


class MobileNetV1Block(Block):
    """Depthwise separable convolution: dwconv and 1×1 conv (Howard et al. 2017, Fig. 3), with ReLU6 as in its code."""

    name = "mobilenet_v1"
    presets = {"activation": "relu6"}

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        block.add("dwconv", kernel=layer.kernel, stride=layer.stride, activation=layer.activation)
        block.add("conv", kernel=1, out_channels=layer.out_channels, activation=layer.activation)


class _InvertedResidual(Block):
    """A block that is wide inside and narrow at its ends: inside it has ``expansion`` times Cin channels, rounded."""

    optional: ClassVar[tuple[str, ...]] = (*Block.optional, "expansion")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if self._inside(layer) < 1:
            channels = f"in_channels ({layer.in_channels})"
            yield "expansion", f"must leave 1 channel or more of {channels}, got {layer.expansion}"

    def _inside(self, layer: LayerFields) -> int:
        """Return the number of channels inside."""
        return round(layer.in_channels * (layer.expansion or 1))

    def _finish(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        """Add a 1×1 conv without activation, and the sum with the input where that has the output's shape."""
        last = block.add("conv", kernel=1, out_channels=layer.out_channels)
        if not changes_shape(layer):
            block.add("add", reads=(-1, last))


class MobileNetV2Block(_InvertedResidual):
    """Inverted residual: 1×1 conv, dwconv, linear 1×1 conv, sum with the input (Sandler et al. 2018, Fig. 4).

    ReLU6, and an expansion of 6, as in the paper. With an expansion of 1 there is no first conv, as in the authors'
    code.
    """

    name = "mobilenet_v2"
    presets = {"activation": "relu6", "expansion": 6.0}

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        if layer.expansion != 1:
            block.add("conv", kernel=1, out_channels=self._inside(layer), activation=layer.activation)
        inside = block.add("dwconv", kernel=layer.kernel, stride=layer.stride, activation=layer.activation)
        self._add_attention(block, inside)
        self._finish(layer, block)

    def _add_attention(self, block: GraphBuilder[Any], inside: int) -> None:
        """Add the layers between the depthwise and the last conv: none, unless a subclass has some."""


class MobileNetV2SEBlock(MobileNetV2Block):
    """Inverted residual with squeeze-and-excitation between the dwconv and the last conv, as in MobileNetV3.

    All else is as in ``mobilenet_v2``, so that the two can be compared.
    """

    name = "mobilenet_v2_se"

    def _add_attention(self, block: GraphBuilder[Any], inside: int) -> None:
        _squeeze_and_excite(block, inside)


class SqueezeExcite(Block):
    """Squeeze-and-excitation (Hu et al. 2018) as in MobileNetV3 (Howard et al. 2019, section 5.3 and code).

    Global average, dense with ReLU to a quarter of the channels (a multiple of 8), dense with hard sigmoid, and the
    product with the input, channel by channel.
    """

    name = "se"
    required = ("height", "in_channels")
    optional: ClassVar[tuple[str, ...]] = ("width", "batch")

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        _squeeze_and_excite(block, -1)


def _squeeze_and_excite(block: GraphBuilder[Any], inside: int) -> None:
    """Add squeeze-and-excitation of the output of layer ``inside``."""
    channels = block.channels(inside)
    squeezed = max(8, (channels // 4 + 4) // 8 * 8)
    if squeezed < 0.9 * channels / 4:  # rounding must not take away more than a tenth
        squeezed += 8
    block.add("globalavgpool", reads=inside)
    block.add("dense", out_channels=squeezed, activation="relu")
    factors = block.add("dense", out_channels=channels, activation="hardsigmoid")
    block.add("scale", reads=(inside, factors))


class FusedMBConv(_InvertedResidual):
    """Inverted residual whose first two convs are one K×K conv (EfficientNet-EdgeTPU, Gupta and Tan 2019).

    ReLU6 in place of its ReLU, so that it can be compared with ``mobilenet_v2``. An expansion of 4, of its 4 and 8.
    With an expansion of 1 too there is a last 1×1 conv.
    """

    name = "fused_mbconv"
    presets = {"activation": "relu6", "expansion": 4.0}

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        wide: dict[str, Any] = {"out_channels": self._inside(layer), "activation": layer.activation}
        block.add("conv", kernel=layer.kernel, stride=layer.stride, **wide)
        self._finish(layer, block)

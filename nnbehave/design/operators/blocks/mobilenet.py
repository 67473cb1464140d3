"""The MobileNets' blocks: mobilenet_v1, mobilenet_v2, mobilenet_v2_se, fused_mbconv; and se, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators.blocks._base import Block, no_shortcut
from nnbehave.design.operators.composition import Composition


class MobileNetV1Block(Block):
    """Depthwise separable convolution (Howard et al. 2017, Fig. 3): dwconv, 1×1 conv; ReLU6 (its code)."""

    name = "mobilenet_v1"
    presets = {"activation": "relu6"}

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        block.add("dwconv", kernel=layer.kernel, stride=layer.stride, activation=layer.activation)
        block.add("conv", kernel=1, out_channels=layer.out_channels, activation=layer.activation)


class _InvertedResidual(Block):
    """What has a wide inside between narrow ends: ``expansion`` times as many channels, rounded."""

    optional: ClassVar[tuple[str, ...]] = (*Block.optional, "expansion")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if self._inside(layer) < 1:
            yield "expansion", f"{layer.expansion} of in_channels ({layer.in_channels}) leaves no channel"

    def _inside(self, layer: LayerFields) -> int:
        return round(layer.in_channels * (layer.expansion or 1))

    def _finish(self, layer: LayerFields, block: Composition[Any]) -> None:
        """Go back to few channels, without an activation, and add the input where it has the output's shape."""
        last = block.add("conv", kernel=1, out_channels=layer.out_channels)
        if not no_shortcut(layer):
            block.add("add", reads=(-1, last))


class MobileNetV2Block(_InvertedResidual):
    """Inverted residual (Sandler et al. 2018, Fig. 4): 1×1 conv, dwconv, linear 1×1 conv, sum with the input.

    ReLU6; expansion 6, the paper's; with an expansion of 1 the first conv is left out, as in the authors' code.
    """

    name = "mobilenet_v2"
    presets = {"activation": "relu6", "expansion": 6.0}

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        if layer.expansion != 1:
            block.add("conv", kernel=1, out_channels=self._inside(layer), activation=layer.activation)
        inside = block.add("dwconv", kernel=layer.kernel, stride=layer.stride, activation=layer.activation)
        self._attend(block, inside)
        self._finish(layer, block)

    def _attend(self, block: Composition[Any], inside: int) -> None:
        """Add what comes between the depthwise and the last conv."""


class MobileNetV2SEBlock(MobileNetV2Block):
    """Inverted residual with squeeze-and-excitation between the dwconv and the last conv, as in MobileNetV3.

    The squeeze-and-excitation is ``se``, all else as ``mobilenet_v2``, for comparison.
    """

    name = "mobilenet_v2_se"

    def _attend(self, block: Composition[Any], inside: int) -> None:
        _squeeze_and_excite(block, inside)


class SqueezeExcite(Block):
    """Squeeze-and-excitation (Hu et al. 2018) as MobileNetV3 has it (Howard et al. 2019, section 5.3 and code).

    Global average, dense with ReLU to a quarter of the channels (a multiple of 8), dense with hard sigmoid,
    channel-wise product with the input.
    """

    name = "se"
    required = ("height", "in_channels")
    optional: ClassVar[tuple[str, ...]] = ("width", "batch")

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        _squeeze_and_excite(block, -1)


def _squeeze_and_excite(block: Composition[Any], inside: int) -> None:
    channels = block.channels(inside)
    squeezed = max(8, (channels // 4 + 4) // 8 * 8)
    if squeezed < 0.9 * channels / 4:  # rounding must not take off more than a tenth
        squeezed += 8
    block.add("globalavgpool", reads=inside)
    block.add("dense", out_channels=squeezed, activation="relu")
    factors = block.add("dense", out_channels=channels, activation="hardsigmoid")
    block.add("scale", reads=(inside, factors))


class FusedMBConv(_InvertedResidual):
    """Inverted residual whose first two convolutions are one of K×K (EfficientNet-EdgeTPU, Gupta and Tan 2019).

    ReLU6 for its ReLU, so that it compares with ``mobilenet_v2``; expansion 4, of its 4 and 8. The 1×1 conv is there
    with an expansion of 1 too.
    """

    name = "fused_mbconv"
    presets = {"activation": "relu6", "expansion": 4.0}

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        wide: dict[str, Any] = {"out_channels": self._inside(layer), "activation": layer.activation}
        block.add("conv", kernel=layer.kernel, stride=layer.stride, **wide)
        self._finish(layer, block)

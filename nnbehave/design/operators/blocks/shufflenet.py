"""The building blocks of the ShuffleNets: shufflenet_v1, shufflenet_v2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators.blocks.block import Block
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import LayerFields


class _ShuffleNetBlock(Block):
    """A block that keeps the number of channels at stride 1, and concatenates shortcut and branch at stride 2."""

    presets = {"activation": "relu"}
    has_weights = False  # the shortcut's pooling, or the split, reads the input without weights

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.stride == 1 and layer.in_channels != layer.out_channels:
            yield (
                "out_channels",
                f"must equal in_channels ({layer.in_channels}) with stride 1, got {layer.out_channels}",
            )
        if layer.stride > 2:
            yield "stride", f"must be 1 or 2, got {layer.stride}"


class ShuffleNetV1Block(_ShuffleNetBlock):
    """Grouped bottleneck with a channel shuffle (Zhang et al. 2018, Fig. 2 b, c).

    1×1 group conv with ReLU to a quarter of the output's channels, shuffle, dwconv, 1×1 group conv. At stride 1 the sum
    with the input follows, at stride 2 the concatenation with the input's 3×3 average pooling, and ReLU after both.

    By default 4 groups, of the paper's 1, 2, 3, 4 and 8, since 4 divides most widths. The first block of the paper's
    networks has no groups in its first conv, because that reads few channels.
    """

    name = "shufflenet_v1"
    optional = (*Block.optional, "groups")
    presets = {"activation": "relu", "groups": 4}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        for what, channels in [
            ("in_channels", layer.in_channels),
            ("a quarter of out_channels", self._inside(layer)),
            ("the channels that the branch gives", self._branch(layer)),
        ]:
            if channels < 1:
                yield "out_channels", f"must be more: {layer.out_channels} leaves {channels} for {what}"
            elif channels % layer.groups:
                yield "groups", f"must divide {what} ({channels}), got {layer.groups}"

    def _inside(self, layer: LayerFields) -> int:
        """Return the number of channels between the two 1×1 convs."""
        return layer.out_channels // 4

    def _branch(self, layer: LayerFields) -> int:
        """Return the number of channels that the branch gives."""
        return layer.out_channels - (layer.in_channels if layer.stride == 2 else 0)

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        grouped = {"kernel": 1, "groups": layer.groups}
        block.add("group_conv", out_channels=self._inside(layer), activation=layer.activation, **grouped)
        block.add("shuffle", groups=layer.groups)
        block.add("dwconv", kernel=layer.kernel, stride=layer.stride)
        branch = block.add("group_conv", out_channels=self._branch(layer), **grouped)
        if layer.stride == 1:
            block.add("add", reads=(-1, branch), activation=layer.activation)
        else:
            shortcut = block.add("avgpool", reads=-1, kernel=3, stride=2)
            block.add("concat", reads=(shortcut, branch), activation=layer.activation)


class ShuffleNetV2Block(_ShuffleNetBlock):
    """Channel split, a branch of convs, concat and channel shuffle (Ma et al. 2018, Fig. 3 c, d).

    The branch is 1×1 conv, dwconv, 1×1 conv. The shuffle has 2 groups. ReLU follows the 1×1 convs. At stride 2 there is
    no split, and the shortcut has a dwconv and a 1×1 conv.
    """

    name = "shufflenet_v2"

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels % 2:
            yield "out_channels", f"must be even, for two halves, got {layer.out_channels}"

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        half = layer.out_channels // 2
        pointwise: dict[str, Any] = {"kernel": 1, "out_channels": half, "activation": layer.activation}
        depthwise = {"kernel": layer.kernel, "stride": layer.stride}
        if layer.stride == 1:
            shortcut = block.add("head", out_channels=half)
            source = block.add("tail", reads=-1, out_channels=half)
        else:
            block.add("dwconv", **depthwise)
            shortcut, source = block.add("conv", **pointwise), -1
        block.add("conv", reads=source, **pointwise)
        block.add("dwconv", **depthwise)
        branch = block.add("conv", **pointwise)
        block.add("concat", reads=(shortcut, branch))
        block.add("shuffle", groups=2)

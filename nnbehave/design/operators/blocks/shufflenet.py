"""The ShuffleNets' blocks: shufflenet_v1, shufflenet_v2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators.blocks._base import Block
from nnbehave.design.operators.composition import Composition


class _ShuffleNetBlock(Block):
    """With stride 1 the output has the input's channels; with stride 2 the shortcut's and the branch's join."""

    presets = {"activation": "relu"}
    has_weights = False  # a part of the input is read without weights: by the shortcut's pooling, by the split

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.stride == 1 and layer.in_channels != layer.out_channels:
            yield "out_channels", f"must equal in_channels ({layer.in_channels}) with stride 1"
        if layer.stride > 2:
            yield "stride", f"must be 1 or 2, got {layer.stride}"


class ShuffleNetV1Block(_ShuffleNetBlock):
    """Grouped bottleneck with a channel shuffle (Zhang et al. 2018, Fig. 2 b, c).

    1×1 group conv with ReLU to a quarter of the output's channels, shuffle, dwconv, 1×1 group conv; sum with the input
    (stride 2: concat with its 3×3 average pooling) and ReLU. Groups 4 of the paper's 1, 2, 3, 4, 8, since 4 divides
    most widths; the paper's very first block has none in its first conv, which reads few channels.
    """

    name = "shufflenet_v1"
    optional = (*Block.optional, "groups")
    presets = {"activation": "relu", "groups": 4}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        inside, branch = self._inside(layer), self._branch(layer)
        for what, channels in [("in_channels", layer.in_channels), ("a quarter of out_channels", inside)]:
            if channels % layer.groups or not channels:
                yield "groups", f"{layer.groups} does not divide {what} ({channels})"
        if branch < 1 or branch % layer.groups:
            yield "groups", f"{layer.groups} does not divide the {branch} channels that the branch gives"

    def _inside(self, layer: LayerFields) -> int:
        return layer.out_channels // 4

    def _branch(self, layer: LayerFields) -> int:
        return layer.out_channels - (layer.in_channels if layer.stride == 2 else 0)

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
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
    """Channel split, a branch of 1×1 conv, dwconv, 1×1 conv, concat, shuffle of two (Ma et al. 2018, Fig. 3 c, d).

    ReLU after the 1×1 convs. With stride 2 there is no split, and the shortcut has a dwconv and a 1×1 conv.
    """

    name = "shufflenet_v2"

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels % 2:
            yield "out_channels", f"must be even, to be two halves, got {layer.out_channels}"

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
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

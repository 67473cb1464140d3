"""The building blocks of the ResNets: resnet_basic, resnet_bottleneck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators.blocks.block import Block, changes_shape
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import LayerFields


class _Residual(Block):
    """The sum of a branch and the input.

    Where the shapes differ, the input goes through a 1×1 conv first (He et al. 2016, option B).
    """

    presets = {"activation": "relu"}

    def _add_shortcut(self, layer: LayerFields, block: GraphBuilder[Any], branch: int) -> None:
        """Add the sum of the shortcut and the branch."""
        shortcut = -1
        if changes_shape(layer):
            shortcut = block.add("conv", reads=-1, kernel=1, stride=layer.stride, out_channels=layer.out_channels)
        block.add("add", reads=(shortcut, branch), activation=layer.activation)


class ResNetBasicBlock(_Residual):
    """Two K×K convs and the shortcut (He et al. 2016, Fig. 5 left)."""

    name = "resnet_basic"

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        both = {"kernel": layer.kernel, "out_channels": layer.out_channels}
        block.add("conv", stride=layer.stride, activation=layer.activation, **both)
        self._add_shortcut(layer, block, block.add("conv", **both))


class ResNetBottleneckBlock(_Residual):
    """1×1 conv to a quarter of the output's channels, K×K conv, 1×1 conv, shortcut (He et al. 2016, Fig. 5 right).

    The K×K conv has the stride, as in most code today. The paper has it in the first conv.
    """

    name = "resnet_bottleneck"

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels < 4:
            yield "out_channels", f"must be 4 or more, for a bottleneck of a quarter, got {layer.out_channels}"

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        inside: dict[str, Any] = {"out_channels": layer.out_channels // 4, "activation": layer.activation}
        block.add("conv", kernel=1, **inside)
        block.add("conv", kernel=layer.kernel, stride=layer.stride, **inside)
        self._add_shortcut(layer, block, block.add("conv", kernel=1, out_channels=layer.out_channels))

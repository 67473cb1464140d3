"""The ResNets' blocks: resnet_basic, resnet_bottleneck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators.blocks._base import Block, no_shortcut
from nnbehave.design.operators.composition import Composition


class _Residual(Block):
    """A branch and its input added up; where shapes differ, the input through a 1×1 conv (He et al. 2016, option B)."""

    presets = {"activation": "relu"}

    def _join(self, layer: LayerFields, block: Composition[Any], branch: int) -> None:
        shortcut = -1
        if no_shortcut(layer):
            shortcut = block.add("conv", reads=-1, kernel=1, stride=layer.stride, out_channels=layer.out_channels)
        block.add("add", reads=(shortcut, branch), activation=layer.activation)


class ResNetBasicBlock(_Residual):
    """Two K×K convs and the shortcut (He et al. 2016, Fig. 5 left)."""

    name = "resnet_basic"

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        same = {"kernel": layer.kernel, "out_channels": layer.out_channels}
        block.add("conv", stride=layer.stride, activation=layer.activation, **same)
        self._join(layer, block, block.add("conv", **same))


class ResNetBottleneckBlock(_Residual):
    """1×1 conv to a quarter of the output's channels, K×K conv, 1×1 conv, shortcut (He et al. 2016, Fig. 5 right).

    The stride is the K×K conv's, as in most code today; the paper has it in the first.
    """

    name = "resnet_bottleneck"

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels < 4:
            yield (
                "out_channels",
                f"must be 4 or more, for a bottleneck of a quarter, got {layer.out_channels}",
            )

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        inside: dict[str, Any] = {"out_channels": layer.out_channels // 4, "activation": layer.activation}
        block.add("conv", kernel=1, **inside)
        block.add("conv", kernel=layer.kernel, stride=layer.stride, **inside)
        self._join(layer, block, block.add("conv", kernel=1, out_channels=layer.out_channels))

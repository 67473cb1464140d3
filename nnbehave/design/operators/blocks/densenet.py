"""The building block of DenseNet: dense_block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nnbehave.design.operators.blocks.block import Block
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import LayerFields

_GROWTH_RATE = 32  # of the paper's ImageNet networks (Huang et al. 2017, Table 1)


class DenseBlock(Block):
    """Bottleneck layer of DenseNet-B, concatenated with its input (Huang et al. 2017, section 3).

    1×1 conv to 4·k channels and K×K conv to k channels, where k is the growth rate: ``out_channels − in_channels``, 32
    by default. The paper normalises and applies ReLU before each conv; here ReLU comes after each. The first
    normalisation, over all Cin channels, has no conv before it to be folded into. It is left out, and its memory
    accesses are not counted.
    """

    name = "dense_block"
    optional = ("width", "out_channels", "activation", "batch")
    presets = {"activation": "relu"}

    def defaults(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found = super().defaults(fields)
        if isinstance(channels := fields.get("in_channels"), int):
            found["out_channels"] = channels + _GROWTH_RATE
        return found

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels <= layer.in_channels:
            yield (
                "out_channels",
                f"must be more than in_channels ({layer.in_channels}), by the growth rate, got {layer.out_channels}",
            )

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        growth = layer.out_channels - layer.in_channels
        block.add("conv", kernel=1, out_channels=4 * growth, activation=layer.activation)
        grown = block.add("conv", kernel=layer.kernel, out_channels=growth, activation=layer.activation)
        block.add("concat", reads=(-1, grown))

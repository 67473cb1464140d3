"""The building block of SqueezeNet: fire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators.blocks.block import Block
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import LayerFields


class Fire(Block):
    """1×1 conv that squeezes, then 1×1 and K×K convs that expand, concatenated (Iandola et al. 2016, Fig. 1).

    The first conv gives an eighth of the output's channels, the other two a half each, as in the paper's Table 1, where
    K = 3. ReLU after each conv.
    """

    name = "fire"
    optional = ("width", "out_channels", "activation", "batch")
    presets = {"activation": "relu"}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels % 2 or layer.out_channels < 8:
            yield "out_channels", f"must be even and 8 or more, got {layer.out_channels}"

    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        squeezed = block.add("conv", kernel=1, out_channels=layer.out_channels // 8, activation=layer.activation)
        half = {"out_channels": layer.out_channels // 2, "activation": layer.activation}
        halves = tuple(block.add("conv", squeezed, kernel=kernel, **half) for kernel in (1, layer.kernel))
        block.add("concat", reads=halves)

"""SqueezeNet's block: fire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators.blocks._base import Block
from nnbehave.design.operators.composition import Composition


class Fire(Block):
    """1×1 conv to an eighth of the output's channels, then 1×1 and K×K convs, joined (Iandola et al. 2016, Fig. 1).

    Halves of the output and the squeeze ratio of an eighth as in the paper's Table 1; K = 3 there. ReLU.
    """

    name = "fire"
    optional = ("width", "out_channels", "activation", "batch")
    presets = {"activation": "relu"}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels % 2 or layer.out_channels < 8:
            yield "out_channels", f"must be even and 8 or more, got {layer.out_channels}"

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        squeezed = block.add("conv", kernel=1, out_channels=layer.out_channels // 8, activation=layer.activation)
        halves = tuple(
            block.add(
                "conv", squeezed, kernel=kernel, out_channels=layer.out_channels // 2, activation=layer.activation
            )
            for kernel in (1, layer.kernel)
        )
        block.add("concat", reads=halves)

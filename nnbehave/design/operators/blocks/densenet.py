"""DenseNet's block: dense_block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators.blocks._base import Block
from nnbehave.design.operators.composition import Composition

_GROWTH = 32


class DenseBlock(Block):
    """Bottleneck layer of DenseNet-B, joined to its input (Huang et al. 2017, section 3).

    1×1 conv to 4·k channels and K×K conv to k, the growth rate: ``out_channels − in_channels``, by default 32, that of
    the paper's ImageNet networks. The paper normalises and applies ReLU before each conv, here ReLU stands after each:
    the first normalisation, over all Cin, which no conv before it could take in, is left out, and so is what it moves.
    """

    name = "dense_block"
    optional = ("width", "out_channels", "activation", "batch")
    presets = {"activation": "relu"}

    def defaults(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found = super().defaults(fields)
        if isinstance(channels := fields.get("in_channels"), int):
            found["out_channels"] = channels + _GROWTH
        return found

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels <= layer.in_channels:
            yield "out_channels", f"must be more than in_channels ({layer.in_channels}), by the growth rate"

    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        growth = layer.out_channels - layer.in_channels
        block.add("conv", kernel=1, out_channels=4 * growth, activation=layer.activation)
        grown = block.add("conv", kernel=layer.kernel, out_channels=growth, activation=layer.activation)
        block.add("concat", reads=(-1, grown))

"""The base class of building blocks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import OPERATORS, LayerFields, Operator, Tensor
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class Block(Operator):
    """A fixed arrangement of operators that a layer's ``op`` names as one. Its OPs and mac are sums over its layers.

    The last of its layers gives the output. Batch normalisation is folded into the convolutions, as converters do it.
    A layer's ``activation`` is the function inside the block wherever the block's paper has one. By default it is the
    paper's own.
    """

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")
    optional: ClassVar[tuple[str, ...]] = ("width", "out_channels", "stride", "activation", "batch")
    has_weights = True

    @abstractmethod
    def add_layers(self, layer: LayerFields, block: GraphBuilder[Any]) -> None:
        """Add the layers that ``layer`` consists of to ``block``, which holds only the input so far."""

    def expand(self, layer: LayerFields) -> GraphBuilder[Any]:
        """Return the layers that ``layer`` consists of."""
        block: GraphBuilder[Any] = GraphBuilder(type(layer), self.input_shapes(layer)[0], layer.precision)
        self.add_layers(layer, block)
        return block

    def output_shape(self, layer: LayerFields) -> Shape:
        height, width = (-(-size // layer.stride) for size in (layer.height, layer.width))
        return layer.batch, height, width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return sum(OPERATORS[inner.op].ops(inner) for inner in self.expand(layer).layers)

    def weights(self, layer: LayerFields) -> int:
        return sum(OPERATORS[inner.op].weights(inner) for inner in self.expand(layer).layers)

    def moved(self, layer: LayerFields) -> int:
        return sum(OPERATORS[inner.op].moved(inner) for inner in self.expand(layer).layers)

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        block = self.expand(layer)
        outputs: list[Tensor] = []
        for inner, sources in zip(block.layers, block.sources, strict=True):
            given = [outputs[source] if source >= 0 else inputs[0] for source in sources]
            outputs.append(OPERATORS[inner.op].build(tf, inner, given, rng))
        return outputs[-1]


def changes_shape(layer: LayerFields) -> bool:
    """Return True if a block's output has another shape than its input, so that the input cannot be added to it."""
    return layer.stride > 1 or layer.in_channels != layer.out_channels

"""What the building blocks share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.design.operators._base import OPERATORS, LayerFields, Operator
from nnbehave.design.operators.composition import Composition

if TYPE_CHECKING:
    import numpy as np


class Block(Operator):
    """Layers that read one another, the last being the output. OPs and mac are the sums over these layers.

    Batch normalisation is folded into the convolutions, as converters do. ``activation`` is the function in the block
    wherever its paper has one, by default the paper's own.
    """

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")
    optional: ClassVar[tuple[str, ...]] = ("width", "out_channels", "stride", "activation", "batch")
    has_weights = True

    @abstractmethod
    def compose(self, layer: LayerFields, block: Composition[Any]) -> None:
        """Add the layers of the block."""

    def parts(self, layer: LayerFields) -> Composition[Any]:
        """Return the layers that a block is made of."""
        block: Composition[Any] = Composition(type(layer), self.input_shapes(layer)[0], layer.precision)
        self.compose(layer, block)
        return block

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        height, width = (-(-size // layer.stride) for size in (layer.height, layer.width))
        return layer.batch, height, width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return sum(OPERATORS[part.op].ops(part) for part in self.parts(layer).layers)

    def weights(self, layer: LayerFields) -> int:
        return sum(OPERATORS[part.op].weights(part) for part in self.parts(layer).layers)

    def moved(self, layer: LayerFields) -> int:
        return sum(OPERATORS[part.op].moved(part) for part in self.parts(layer).layers)

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        block = self.parts(layer)
        outputs: list[Any] = []
        for part, sources in zip(block.layers, block.sources, strict=True):
            given = [outputs[source] if source >= 0 else inputs[0] for source in sources]
            outputs.append(OPERATORS[part.op].build(part, given, rng))
        return outputs[-1]


def no_shortcut(layer: LayerFields) -> bool:
    """Whether a block's output has another shape than its input."""
    return layer.stride > 1 or layer.in_channels != layer.out_channels

"""What brings two branches together: add, concat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.operators._base import LayerFields, Operator, apply_activation

if TYPE_CHECKING:
    import numpy as np


class Add(Operator):
    """Sum of two inputs of one shape. OPs = n·H·W·Cin, mac = (n + 1)·H·W·Cin with n = 2 inputs (paper, Table 3)."""

    name = "add"
    required = ("height", "in_channels")
    optional = ("width", "activation", "batch")

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        return (self.output_shape(layer),) * 2

    def output_shape(self, layer: LayerFields) -> tuple[int, int, int, int]:
        return layer.batch, layer.height, layer.width, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 2 * math.prod(self.output_shape(layer))

    def mac(self, layer: LayerFields) -> int:
        return 3 * math.prod(self.output_shape(layer))

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return apply_activation(layer.activation, inputs[0] + inputs[1])


class Concat(Operator):
    """Two inputs side by side: one of Cin channels, one of Cout − Cin. No OPs; mac = 2·H·W·Cout, a copy."""

    name = "concat"
    required = ("height", "in_channels", "out_channels")
    optional = ("width", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels <= layer.in_channels:
            yield "out_channels", f"must be more than in_channels ({layer.in_channels}), those of the first input"

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        shape = layer.batch, layer.height, layer.width
        return (*shape, layer.in_channels), (*shape, layer.out_channels - layer.in_channels)

    def output_shape(self, layer: LayerFields) -> tuple[int, int, int, int]:
        return layer.batch, layer.height, layer.width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def mac(self, layer: LayerFields) -> int:
        return 2 * math.prod(self.output_shape(layer))

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return tf.concat(list(inputs), axis=-1)

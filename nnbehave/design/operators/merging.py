"""What brings branches together: add, multiply, scale, concat. Costs as the paper's Table 3 has element-wise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.design.operators._base import ElementWise, LayerFields, Operator, Shape
from nnbehave.design.operators.activation import apply_activation

if TYPE_CHECKING:
    import numpy as np


class _Pairwise(ElementWise):
    """Of two inputs of one shape. OPs = n·H·W·Cin, mac = (n + 1)·H·W·Cin, n = 2 (Table 3, as we read it)."""

    optional = ("width", "activation", "batch")

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        return (self.output_shape(layer),) * 2


class Add(_Pairwise):
    """Sum of two inputs."""

    name = "add"

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return apply_activation(layer.activation, inputs[0] + inputs[1])


class Multiply(_Pairwise):
    """Product of two inputs, element by element."""

    name = "multiply"

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return apply_activation(layer.activation, inputs[0] * inputs[1])


class Scale(ElementWise):
    """Product of an input and a vector, (batch, Cin), a factor for each channel: the last step of SE."""

    name = "scale"

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        return self.output_shape(layer), (layer.batch, layer.in_channels)

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return inputs[0] * tf.reshape(inputs[1], (layer.batch, 1, 1, layer.in_channels))


class Concat(Operator):
    """Inputs side by side: one of Cin channels, G more that share Cout − Cin. No OPs; mac = 2·H·W·Cout, a copy.

    The G share evenly, the first of them one more of a remainder; in a network they are as wide as what they read.
    """

    name = "concat"
    required = ("height", "in_channels", "out_channels")
    optional = ("width", "groups", "activation", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels < layer.in_channels + layer.groups:
            more = "more than" if layer.groups == 1 else f"at least {layer.groups} more than"
            yield "out_channels", f"must be {more} in_channels ({layer.in_channels}), those of the first input"

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        share, rest = divmod(layer.out_channels - layer.in_channels, layer.groups)
        widths = (layer.in_channels, *(share + (i < rest) for i in range(layer.groups)))
        return tuple((layer.batch, layer.height, layer.width, width) for width in widths)

    def adapted(self, wanted: tuple[Shape, ...], given: Sequence[Shape]) -> tuple[Shape, ...]:
        first, *further = wanted
        widths = [shape[-1] for shape in given[1:]]
        if sum(widths) == sum(shape[-1] for shape in further):
            further = [(*first[:-1], width) for width in widths]
        return (first, *further)

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height, layer.width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return apply_activation(layer.activation, tf.concat(list(inputs), axis=-1))

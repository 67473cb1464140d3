"""Operators that merge branches: add, multiply, scale, concat. Costs as the paper's Table 3 has for element-wise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.activation import apply_activation
from nnbehave.design.operators.operator import ElementWise, LayerFields, Operator, Tensor
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class _Pairwise(ElementWise):
    """The base class of operators on two inputs of one shape.

    OPs = n·H·W·Cin and mac = (n + 1)·H·W·Cin with n = 2 (our reading of the paper's Table 3).
    """

    optional = ("width", "activation", "batch")

    def input_shapes(self, layer: LayerFields) -> tuple[Shape, ...]:
        return (self.output_shape(layer),) * 2


class Add(_Pairwise):
    """Sum of two inputs."""

    name = "add"

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return apply_activation(tf, layer.activation, inputs[0] + inputs[1])


class Multiply(_Pairwise):
    """Product of two inputs, element by element."""

    name = "multiply"

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return apply_activation(tf, layer.activation, inputs[0] * inputs[1])


class Scale(ElementWise):
    """Product of an image and a vector (batch, Cin) of one factor a channel: the last operator of SE."""

    name = "scale"

    def input_shapes(self, layer: LayerFields) -> tuple[Shape, ...]:
        return self.output_shape(layer), (layer.batch, layer.in_channels)

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return inputs[0] * tf.reshape(inputs[1], (layer.batch, 1, 1, layer.in_channels))


class Concat(Operator):
    """G + 1 inputs joined along the channels. No OPs; mac = 2·H·W·Cout, as a copy has.

    The first input has Cin channels. G further inputs share the other Cout − Cin channels evenly, and the first of them
    have one more where there is a remainder. In a network each further input is as wide as the layer that it reads.
    """

    name = "concat"
    required = ("height", "in_channels", "out_channels")
    optional = ("width", "groups", "activation", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        least = layer.in_channels + layer.groups
        if layer.out_channels < least:
            inputs = f"{layer.in_channels} channels of the first input and 1 or more of each of {layer.groups} others"
            yield "out_channels", f"must be {least} or more ({inputs}), got {layer.out_channels}"

    def input_shapes(self, layer: LayerFields) -> tuple[Shape, ...]:
        share, rest = divmod(layer.out_channels - layer.in_channels, layer.groups)
        widths = (layer.in_channels, *(share + (i < rest) for i in range(layer.groups)))
        return tuple((layer.batch, layer.height, layer.width, width) for width in widths)

    def adapted(self, wanted: tuple[Shape, ...], given: Sequence[Shape]) -> tuple[Shape, ...]:
        first, *further = wanted
        widths = [shape[-1] for shape in given[1:]]
        if sum(widths) == sum(shape[-1] for shape in further):
            further = [(*first[:-1], width) for width in widths]
        return (first, *further)

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height, layer.width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return apply_activation(tf, layer.activation, tf.concat(list(inputs), axis=-1))

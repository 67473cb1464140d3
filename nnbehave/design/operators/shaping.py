"""Operators that move elements and compute little or nothing: flatten, head, tail, shuffle, resize."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.operator import LayerFields, Operator, Tensor
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class Flatten(Operator):
    """The input as one row, (batch, H·W·Cin). No OPs; mac = 2·H·W·Cin, as a copy has."""

    name = "flatten"
    required = ("height", "in_channels")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height * layer.width * layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return tf.reshape(inputs[0], self.output_shape(layer))


class Head(Operator):
    """The first Cout channels, one side of a channel split. No OPs; mac = 2·H·W·Cout, as a copy of these has."""

    name = "head"
    required = ("height", "in_channels", "out_channels")
    optional = ("width", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels > layer.in_channels:
            yield "out_channels", f"must be at most in_channels ({layer.in_channels}), got {layer.out_channels}"

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height, layer.width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def moved(self, layer: LayerFields) -> int:
        return 2 * math.prod(self.output_shape(layer))

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return inputs[0][..., : layer.out_channels]


class Tail(Head):
    """The last Cout channels, the other side of a channel split."""

    name = "tail"

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return inputs[0][..., layer.in_channels - layer.out_channels :]


class Shuffle(Operator):
    """Channel shuffle: the channels of G groups take turns (ShuffleNet, Zhang et al. 2018). No OPs; mac = 2·H·W·C."""

    name = "shuffle"
    required = ("height", "in_channels")
    optional = ("width", "groups", "batch")
    presets = {"groups": 2}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.in_channels % layer.groups:
            yield "groups", f"must divide in_channels ({layer.in_channels}), got {layer.groups}"

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height, layer.width, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        shape = self.output_shape(layer)
        x = tf.reshape(inputs[0], (*shape[:3], layer.groups, layer.in_channels // layer.groups))
        return tf.reshape(tf.transpose(x, (0, 1, 2, 4, 3)), shape)


class Resize(Operator):
    """Bilinear enlargement by the stride, as decoders have it.

    OPs = 4·H·W·C of the output: each output element mixes four input elements.
    """

    name = "resize"
    required = ("height", "in_channels", "stride")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height * layer.stride, layer.width * layer.stride, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 4 * math.prod(self.output_shape(layer))

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return tf.compat.v1.image.resize_bilinear(inputs[0], self.output_shape(layer)[1:3], half_pixel_centers=True)

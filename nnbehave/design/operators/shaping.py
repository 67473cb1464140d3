"""What moves elements and computes little or nothing: flatten, head, tail, shuffle, resize."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.design.operators._base import LayerFields, Operator

if TYPE_CHECKING:
    import numpy as np


class Flatten(Operator):
    """The input in one row, (batch, H·W·Cin): a reshape. No OPs; mac = 2·H·W·Cin, what a copy would take."""

    name = "flatten"
    required = ("height", "in_channels")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height * layer.width * layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return tf.reshape(inputs[0], self.output_shape(layer))


class Head(Operator):
    """The first Cout channels, a half of a channel split. No OPs; mac = 2·H·W·Cout, a copy of these."""

    name = "head"
    required = ("height", "in_channels", "out_channels")
    optional = ("width", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels > layer.in_channels:
            yield "out_channels", f"cannot be more than in_channels ({layer.in_channels})"

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height, layer.width, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def moved(self, layer: LayerFields) -> int:
        return 2 * math.prod(self.output_shape(layer))

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return inputs[0][..., : layer.out_channels]


class Tail(Head):
    """The last Cout channels."""

    name = "tail"

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
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
            yield "groups", f"{layer.groups} does not divide in_channels ({layer.in_channels})"

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height, layer.width, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 0

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        shape = self.output_shape(layer)
        x = tf.reshape(inputs[0], (*shape[:3], layer.groups, layer.in_channels // layer.groups))
        return tf.reshape(tf.transpose(x, (0, 1, 2, 4, 3)), shape)


class Resize(Operator):
    """Bilinear enlargement by the stride, as in decoders. OPs = 4·H·W·C of the output, whose elements mix four."""

    name = "resize"
    required = ("height", "in_channels", "stride")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height * layer.stride, layer.width * layer.stride, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return 4 * math.prod(self.output_shape(layer))

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return tf.compat.v1.image.resize_bilinear(inputs[0], self.output_shape(layer)[1:3], half_pixel_centers=True)

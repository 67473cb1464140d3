"""Pooling: maxpool, avgpool, globalavgpool. Not in the paper's Table 3; counted like it, a window's element an OP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.design.operators._base import LayerFields, Operator
from nnbehave.design.operators._window import Window

if TYPE_CHECKING:
    import numpy as np


class _Pooling(Window):
    """What max and average pooling share. OPs = H·W·Cin·K² of the output, mac = input + output."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")
    optional = ("width", "stride", "padding", "batch")
    mode: ClassVar[str]

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.output_shape(layer)) * layer.kernel**2

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        pool = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}[self.mode]
        return pool(inputs[0], layer.kernel, layer.stride, layer.padding.upper())


class MaxPool(_Pooling):
    """Max pooling."""

    name = "maxpool"
    mode = "max"


class AvgPool(_Pooling):
    """Average pooling."""

    name = "avgpool"
    mode = "average"


class GlobalAvgPool(Operator):
    """Mean over height and width; the output has shape (batch, Cin). OPs = H·W·Cin, mac = H·W·Cin + Cin."""

    name = "globalavgpool"
    required = ("height", "in_channels")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.input_shapes(layer)[0])

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return tf.reduce_mean(inputs[0], axis=(1, 2))

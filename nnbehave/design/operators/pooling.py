"""Pooling: maxpool, avgpool, globalavgpool.

The paper's Table 3 has no pooling. We count one OP for each element of each window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from nnbehave.design.operators.operator import LayerFields, Operator, Tensor
from nnbehave.design.operators.window import Window
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class _Pooling(Window):
    """The base class of max and average pooling. OPs = H·W·Cin·K² of the output, mac = input + output."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")
    optional = ("width", "stride", "padding", "batch")
    mode: ClassVar[str]

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.output_shape(layer)) * layer.kernel**2

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
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
    """Mean over height and width, with an output of shape (batch, Cin). OPs = H·W·Cin, mac = H·W·Cin + Cin."""

    name = "globalavgpool"
    required = ("height", "in_channels")
    optional = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.input_shapes(layer)[0])

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return tf.reduce_mean(inputs[0], axis=(1, 2))

"""Convolutions: conv, dwconv."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.operators._base import LayerFields, apply_activation
from nnbehave.operators._window import Window

if TYPE_CHECKING:
    import numpy as np


class _Convolution(Window):
    """What the convolutions share."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "out_channels", "kernel")
    optional = ("width", "stride", "padding", "bias", "activation", "batch")
    has_weights = True

    def _elements(self, layer: LayerFields) -> tuple[int, int]:
        """Return the number of elements of the input and of the output."""
        return math.prod(self.input_shapes(layer)[0]), math.prod(self.output_shape(layer))

    def _finish(self, layer: LayerFields, x: Any, rng: np.random.Generator) -> Any:
        """Add the bias and the activation."""
        import numpy as np
        import tensorflow as tf

        if layer.bias:
            x = tf.nn.bias_add(x, tf.constant(rng.standard_normal(layer.out_channels, dtype=np.float32)))
        return apply_activation(layer.activation, x)


class Conv(_Convolution):
    """Convolution. OPs = H·W·Cin·Cout·K², mac = H·W·Cin + H·W·Cout + K²·Cin·Cout (paper, Table 3)."""

    name = "conv"

    def ops(self, layer: LayerFields) -> int:
        return self._elements(layer)[1] * layer.in_channels * layer.kernel**2

    def mac(self, layer: LayerFields) -> int:
        return sum(self._elements(layer)) + layer.kernel**2 * layer.in_channels * layer.out_channels

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.in_channels, layer.out_channels)
        # He initialisation keeps the values of a deep chain of layers in range.
        weights = rng.standard_normal(shape, dtype=np.float32) * (2 / np.prod(shape[:3])) ** 0.5
        x = tf.nn.conv2d(inputs[0], tf.constant(weights, tf.float32), layer.stride, layer.padding.upper())
        return self._finish(layer, x, rng)


class DepthwiseConv(_Convolution):
    """Depthwise convolution, Cout = Cin. OPs = H·W·Cin·K², mac = 2·H·W·Cin + K²·Cin (paper, Table 3)."""

    name = "dwconv"
    required = ("height", "in_channels", "kernel")

    def ops(self, layer: LayerFields) -> int:
        return self._elements(layer)[1] * layer.kernel**2

    def mac(self, layer: LayerFields) -> int:
        return sum(self._elements(layer)) + layer.kernel**2 * layer.in_channels

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.in_channels, 1)
        weights = rng.standard_normal(shape, dtype=np.float32) * (2 / layer.kernel**2) ** 0.5
        strides = [1, layer.stride, layer.stride, 1]
        x = tf.nn.depthwise_conv2d(inputs[0], tf.constant(weights, tf.float32), strides, layer.padding.upper())
        return self._finish(layer, x, rng)

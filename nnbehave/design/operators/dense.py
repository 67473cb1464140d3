"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.design.operators._base import LayerFields, Operator
from nnbehave.design.operators.activation import apply_activation

if TYPE_CHECKING:
    import numpy as np


class Dense(Operator):
    """Fully connected layer, from (batch, Cin) to (batch, Cout): a convolution (paper, Table 3) with H = W = K = 1."""

    name = "dense"
    required = ("in_channels", "out_channels")
    optional = ("bias", "activation", "batch")
    has_weights = True

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        return ((layer.batch, layer.in_channels),)

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return layer.batch * self.weights(layer)

    def weights(self, layer: LayerFields) -> int:
        return layer.in_channels * layer.out_channels

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        shape = (layer.out_channels, layer.in_channels)  # as the runtimes keep it
        weights = rng.standard_normal(shape, dtype=np.float32) * (2 / layer.in_channels) ** 0.5
        x = tf.matmul(inputs[0], tf.constant(weights, tf.float32), transpose_b=True)
        if layer.bias:
            x = tf.nn.bias_add(x, tf.constant(rng.standard_normal(layer.out_channels, dtype=np.float32)))
        return apply_activation(layer.activation, x)

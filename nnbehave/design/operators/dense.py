"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.activation import apply_activation
from nnbehave.design.operators.operator import LayerFields, Operator, Tensor
from nnbehave.design.operators.weights import add_bias, he_weights
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class Dense(Operator):
    """Fully connected layer, from (batch, Cin) to (batch, Cout).

    Costs of a convolution (paper, Table 3) with H = W = K = 1.
    """

    name = "dense"
    required = ("in_channels", "out_channels")
    optional = ("bias", "activation", "batch")
    has_weights = True

    def input_shapes(self, layer: LayerFields) -> tuple[Shape, ...]:
        return ((layer.batch, layer.in_channels),)

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.out_channels

    def ops(self, layer: LayerFields) -> int:
        return layer.batch * self.weights(layer)

    def weights(self, layer: LayerFields) -> int:
        return layer.in_channels * layer.out_channels

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        shape = (layer.out_channels, layer.in_channels)  # the order in which runtimes keep the weights
        x = tf.matmul(inputs[0], he_weights(tf, shape, layer.in_channels, rng), transpose_b=True)
        if layer.bias:
            x = add_bias(tf, x, rng)
        return apply_activation(tf, layer.activation, x)

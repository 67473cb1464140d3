"""Operators that bring values to a common scale: softmax, layer_norm, batch_norm. Costs of an element-wise operator."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.activation import apply_activation
from nnbehave.design.operators.operator import ElementWise, LayerFields, Tensor
from nnbehave.design.operators.weights import standard_normal

if TYPE_CHECKING:
    import numpy as np


class Softmax(ElementWise):
    """Softmax over the channels. OPs = H·W·C, mac = 2·H·W·C."""

    name = "softmax"

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return tf.nn.softmax(inputs[0])


class LayerNorm(ElementWise):
    """Layer normalisation over the channels, with a scale and a shift for each (Ba et al. 2016). OPs = H·W·C."""

    name = "layer_norm"

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        mean = tf.reduce_mean(inputs[0], axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(inputs[0], mean), axis=-1, keepdims=True)
        scale, shift = (standard_normal(layer.in_channels, rng) for _ in range(2))
        return (inputs[0] - mean) * tf.math.rsqrt(variance + 1e-3) * tf.constant(scale) + tf.constant(shift)


class BatchNorm(ElementWise):
    """Batch normalisation at inference: a scale and a shift for each channel (Ioffe & Szegedy 2015). OPs = H·W·C."""

    name = "batch_norm"
    optional = ("width", "activation", "batch")

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        scale, shift = (standard_normal(layer.in_channels, rng) for _ in range(2))
        return apply_activation(tf, layer.activation, inputs[0] * tf.constant(scale) + tf.constant(shift))

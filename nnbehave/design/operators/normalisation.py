"""What brings values to a common scale: softmax, layer_norm, batch_norm. Costs of an element-wise operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.design.operators._base import ElementWise, LayerFields
from nnbehave.design.operators.activation import apply_activation

if TYPE_CHECKING:
    import numpy as np


class Softmax(ElementWise):
    """Softmax over the channels. OPs = H·W·C, mac = 2·H·W·C."""

    name = "softmax"

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        return tf.nn.softmax(inputs[0])


class LayerNorm(ElementWise):
    """Layer normalisation over the channels, with a scale and a shift for each (Ba et al. 2016). OPs = H·W·C."""

    name = "layer_norm"

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        mean = tf.reduce_mean(inputs[0], axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(inputs[0], mean), axis=-1, keepdims=True)
        scale, shift = (rng.standard_normal(layer.in_channels, dtype=np.float32) for _ in range(2))
        return (inputs[0] - mean) * tf.math.rsqrt(variance + 1e-3) * tf.constant(scale) + tf.constant(shift)


class BatchNorm(ElementWise):
    """Batch normalisation as at inference: a scale and a shift for each channel (Ioffe & Szegedy 2015). OPs = H·W·C."""

    name = "batch_norm"
    optional = ("width", "activation", "batch")

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        scale, shift = (rng.standard_normal(layer.in_channels, dtype=np.float32) for _ in range(2))
        return apply_activation(layer.activation, inputs[0] * tf.constant(scale) + tf.constant(shift))

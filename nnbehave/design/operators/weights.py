"""Random weights for operators in a TensorFlow graph.

The order of the draws and of the TensorFlow calls is part of every stored artifact's hash.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.operator import Tensor
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def standard_normal(shape: int | Shape, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return fp32 numbers of mean 0 and standard deviation 1."""
    return rng.standard_normal(shape, dtype="float32")


def he_weights(tf: ModuleType, shape: Shape, fan_in: int, rng: np.random.Generator) -> Tensor:
    """Return constant weights of standard deviation √(2 / fan_in).

    This initialisation (He et al. 2015, equation 10) keeps the values in range along a deep chain of layers.
    """
    return tf.constant(standard_normal(shape, rng) * (2 / fan_in) ** 0.5, tf.float32)


def add_bias(tf: ModuleType, x: Tensor, rng: np.random.Generator) -> Tensor:
    """Return ``x`` plus a random constant for each channel."""
    return tf.nn.bias_add(x, tf.constant(standard_normal(x.shape[-1], rng)))

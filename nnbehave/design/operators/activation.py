"""Activation functions, as operators of their own and as the ``activation`` of other layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from nnbehave.design.operators.operator import ElementWise, LayerFields, Tensor

if TYPE_CHECKING:
    import numpy as np

ACTIVATIONS: dict[str, Activation] = {}
"""Every activation function by its name: the values of ``Layer.activation``."""


class Activation(ElementWise):
    """A function of each element. OPs = H·W·C, whatever the function; mac = 2·H·W·C."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ACTIVATIONS[cls.name] = cls()

    @abstractmethod
    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        """Add the function to the TensorFlow graph of ``x`` and return its output."""

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return self.apply(tf, inputs[0])


def apply_activation(tf: ModuleType, activation: str | None, x: Tensor) -> Tensor:
    """Return ``x`` after a layer's activation function, or ``x`` itself if the layer has none."""
    return x if activation is None else ACTIVATIONS[activation].apply(tf, x)


class ReLU(Activation):
    """max(x, 0)."""

    name = "relu"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return tf.nn.relu(x)


class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    name = "relu6"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return tf.nn.relu6(x)


class Sigmoid(Activation):
    """1 / (1 + exp(−x))."""

    name = "sigmoid"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return tf.nn.sigmoid(x)


class HardSigmoid(Activation):
    """relu6(x + 3) / 6 (MobileNetV3, Howard et al. 2019)."""

    name = "hardsigmoid"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return tf.nn.relu6(x + 3.0) * (1 / 6)


class Swish(Activation):
    """x · sigmoid(x), also called SiLU (Ramachandran et al. 2017)."""

    name = "swish"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return x * tf.nn.sigmoid(x)


class HardSwish(Activation):
    """x · relu6(x + 3) / 6 (MobileNetV3, Howard et al. 2019)."""

    name = "hardswish"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return x * (tf.nn.relu6(x + 3.0) * (1 / 6))


class GELU(Activation):
    """x · Φ(x), where Φ is computed with the error function (Hendrycks and Gimpel 2016)."""

    name = "gelu"

    def apply(self, tf: ModuleType, x: Tensor) -> Tensor:
        return tf.nn.gelu(x, approximate=False)

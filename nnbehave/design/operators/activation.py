"""Activation functions, as operators of their own and as the ``activation`` of others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.design.operators._base import ElementWise, LayerFields

if TYPE_CHECKING:
    import numpy as np

ACTIVATIONS: dict[str, Activation] = {}


class Activation(ElementWise):
    """A function of each element. OPs = H·W·C, whichever the function; mac = 2·H·W·C."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ACTIVATIONS[cls.name] = cls()

    @abstractmethod
    def apply(self, x: Any) -> Any:
        """Add the function to the TensorFlow graph of ``x``."""

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return self.apply(inputs[0])


def apply_activation(activation: str | None, x: Any) -> Any:
    """Add a layer's activation to the TensorFlow graph that ``x`` belongs to."""
    return x if activation is None else ACTIVATIONS[activation].apply(x)


class ReLU(Activation):
    """max(x, 0)."""

    name = "relu"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.relu(x)


class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    name = "relu6"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.relu6(x)


class Sigmoid(Activation):
    """1 / (1 + exp(−x))."""

    name = "sigmoid"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.sigmoid(x)


class HardSigmoid(Activation):
    """relu6(x + 3) / 6 (MobileNetV3, Howard et al. 2019)."""

    name = "hardsigmoid"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.relu6(x + 3.0) * (1 / 6)


class Swish(Activation):
    """x · sigmoid(x), also SiLU (Ramachandran et al. 2017)."""

    name = "swish"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return x * tf.nn.sigmoid(x)


class HardSwish(Activation):
    """x · relu6(x + 3) / 6 (MobileNetV3, Howard et al. 2019)."""

    name = "hardswish"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return x * (tf.nn.relu6(x + 3.0) * (1 / 6))


class GELU(Activation):
    """x · Φ(x), by the error function (Hendrycks and Gimpel 2016)."""

    name = "gelu"

    def apply(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.gelu(x, approximate=False)

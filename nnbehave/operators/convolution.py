"""Convolutions: conv, dwconv."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.operators._base import LayerFields, Operator, apply_activation

if TYPE_CHECKING:
    import numpy as np


def _output_size(size: int, layer: LayerFields) -> int:
    """Return the output's height or width (TensorFlow's rule for SAME and VALID padding)."""
    covered = size if layer.padding == "same" else size - layer.kernel + 1
    return -(-covered // layer.stride)


class _Convolution(Operator):
    """What the convolutions share: the shape of the output and the check of the kernel against the input."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "out_channels", "kernel")
    optional = ("width", "stride", "padding", "bias", "activation", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        if layer.padding == "valid" and layer.kernel > min(layer.height, layer.width):
            yield (
                "kernel",
                f"{layer.kernel} does not fit into {layer.height}×{layer.width} with padding 'valid'",
            )

    def output_shape(self, layer: LayerFields) -> tuple[int, int, int, int]:
        return (
            layer.batch,
            _output_size(layer.height, layer),
            _output_size(layer.width, layer),
            layer.out_channels,
        )

    def _elements(self, layer: LayerFields) -> tuple[int, int]:
        """Return the number of elements of the input and of the output."""
        batch, height, width, channels = self.output_shape(layer)
        return layer.batch * layer.height * layer.width * layer.in_channels, batch * height * width * channels

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

    def build(self, layer: LayerFields, x: Any, rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.in_channels, layer.out_channels)
        # He initialisation keeps the values of a deep chain of layers in range.
        weights = rng.standard_normal(shape, dtype=np.float32) * (2 / np.prod(shape[:3])) ** 0.5
        x = tf.nn.conv2d(x, tf.constant(weights, tf.float32), layer.stride, layer.padding.upper())
        return self._finish(layer, x, rng)


class DepthwiseConv(_Convolution):
    """Depthwise convolution, Cout = Cin. OPs = H·W·Cin·K², mac = 2·H·W·Cin + K²·Cin (paper, Table 3)."""

    name = "dwconv"
    required = ("height", "in_channels", "kernel")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.out_channels != layer.in_channels:
            yield "out_channels", f"must equal in_channels ({layer.in_channels}); leave it out"

    def ops(self, layer: LayerFields) -> int:
        return self._elements(layer)[1] * layer.kernel**2

    def mac(self, layer: LayerFields) -> int:
        return sum(self._elements(layer)) + layer.kernel**2 * layer.in_channels

    def build(self, layer: LayerFields, x: Any, rng: np.random.Generator) -> Any:
        import numpy as np
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.in_channels, 1)
        weights = rng.standard_normal(shape, dtype=np.float32) * (2 / layer.kernel**2) ** 0.5
        strides = [1, layer.stride, layer.stride, 1]
        x = tf.nn.depthwise_conv2d(x, tf.constant(weights, tf.float32), strides, layer.padding.upper())
        return self._finish(layer, x, rng)

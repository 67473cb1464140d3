"""Convolutions: conv, dwconv, group_conv, dilated_conv, mixconv, transposed_conv."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.design.operators._base import LayerFields
from nnbehave.design.operators._window import Window
from nnbehave.design.operators.activation import apply_activation

if TYPE_CHECKING:
    import numpy as np


class _Convolution(Window):
    """What the convolutions share. OPs: one for each weight and each place that it is applied at."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "out_channels", "kernel")
    optional: ClassVar[tuple[str, ...]] = ("width", "stride", "padding", "bias", "activation", "batch")
    has_weights = True

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.output_shape(layer)[:3]) * self.weights(layer)

    def _constant(self, shape: tuple[int, ...], fan_in: int, rng: np.random.Generator) -> Any:
        """Return weights; He initialisation keeps the values of a deep chain of layers in range."""
        import numpy as np
        import tensorflow as tf

        return tf.constant(rng.standard_normal(shape, dtype=np.float32) * (2 / fan_in) ** 0.5, tf.float32)

    def _biased(self, layer: LayerFields, x: Any, rng: np.random.Generator) -> Any:
        """Add the bias, if the layer has one."""
        import numpy as np
        import tensorflow as tf

        if not layer.bias:
            return x
        return tf.nn.bias_add(x, tf.constant(rng.standard_normal(x.shape[-1], dtype=np.float32)))


class Conv(_Convolution):
    """Convolution. OPs = H·W·Cin·Cout·K², mac = H·W·Cin + H·W·Cout + K²·Cin·Cout (paper, Table 3)."""

    name = "conv"

    def weights(self, layer: LayerFields) -> int:
        return layer.kernel**2 * layer.in_channels * layer.out_channels // layer.groups

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.in_channels // layer.groups, layer.out_channels)
        weights = self._constant(shape, math.prod(shape[:3]), rng)
        x = tf.nn.conv2d(inputs[0], weights, layer.stride, layer.padding.upper(), dilations=layer.dilation)
        return apply_activation(layer.activation, self._biased(layer, x, rng))


class GroupConv(Conv):
    """Convolution within each of G groups of channels. OPs and weights of a conv over G (paper, Table 3)."""

    name = "group_conv"
    required = (*_Convolution.required, "groups")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        for field in ("in_channels", "out_channels"):
            if getattr(layer, field) % layer.groups:
                yield "groups", f"{layer.groups} does not divide {field} ({getattr(layer, field)})"


class DilatedConv(Conv):
    """Convolution whose window has gaps: it takes each ``dilation``-th pixel. Costs of a conv (paper, Table 3)."""

    name = "dilated_conv"
    required = (*_Convolution.required, "dilation")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.dilation > 1 and layer.stride > 1:
            yield "stride", f"must be 1 with a dilation ({layer.dilation}), as TensorFlow has it"


class DepthwiseConv(_Convolution):
    """Depthwise convolution, Cout = Cin. OPs = H·W·Cin·K², mac = 2·H·W·Cin + K²·Cin (paper, Table 3)."""

    name = "dwconv"
    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")

    def weights(self, layer: LayerFields) -> int:
        return layer.kernel**2 * layer.in_channels

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        return apply_activation(layer.activation, self._depthwise(inputs[0], layer.kernel, layer, rng))

    def _depthwise(self, x: Any, kernel: int, layer: LayerFields, rng: np.random.Generator) -> Any:
        import tensorflow as tf

        weights = self._constant((kernel, kernel, x.shape[-1], 1), kernel**2, rng)
        strides = [1, layer.stride, layer.stride, 1]
        return self._biased(layer, tf.nn.depthwise_conv2d(x, weights, strides, layer.padding.upper()), rng)


class MixConv(DepthwiseConv):
    """Depthwise convolution with a kernel of its own for each of G groups of channels: K, K + 2, K + 4, …

    Tan and Le 2019: groups of equal size (a remainder goes to the first), kernels that grow by two; theirs begin at
    K = 3. Costs as of a depthwise conv.
    """

    name = "mixconv"
    required = ("height", "in_channels", "kernel", "groups")
    optional: ClassVar[tuple[str, ...]] = ("width", "stride", "bias", "activation", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.groups > layer.in_channels:
            yield "groups", f"{layer.groups} are more than in_channels ({layer.in_channels})"

    def weights(self, layer: LayerFields) -> int:
        return sum(kernel**2 * channels for kernel, channels in self._groups(layer).items())

    def _groups(self, layer: LayerFields) -> Mapping[int, int]:
        """Return the channels of each kernel."""
        share, rest = divmod(layer.in_channels, layer.groups)
        return {layer.kernel + 2 * i: share + (rest if i == 0 else 0) for i in range(layer.groups)}

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        groups = self._groups(layer)
        equal = layer.in_channels % layer.groups == 0  # which runtimes split better
        split = tf.split(inputs[0], layer.groups if equal else list(groups.values()), axis=-1)
        parts = [self._depthwise(x, kernel, layer, rng) for kernel, x in zip(groups, split, strict=True)]
        return apply_activation(layer.activation, tf.concat(parts, axis=-1))


class TransposedConv(Conv):
    """Transposed convolution, which enlarges its input by the stride.

    OPs = H·W·Cin·Cout·K² with the **input's** H and W, since each input element meets each weight once.
    """

    name = "transposed_conv"

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.input_shapes(layer)[0][:3]) * self.weights(layer)

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        return super(Window, self).problems(layer)  # any kernel fits

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        added = 0 if layer.padding == "same" else max(layer.kernel - layer.stride, 0)
        return layer.batch, layer.height * layer.stride + added, layer.width * layer.stride + added, layer.out_channels

    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        import tensorflow as tf

        shape = (layer.kernel, layer.kernel, layer.out_channels, layer.in_channels)
        weights = self._constant(shape, layer.kernel**2 * layer.in_channels, rng)
        output = self.output_shape(layer)
        x = tf.nn.conv2d_transpose(inputs[0], weights, output, layer.stride, layer.padding.upper())
        return apply_activation(layer.activation, self._biased(layer, x, rng))

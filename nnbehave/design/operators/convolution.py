"""Convolutions: conv, dwconv, group_conv, dilated_conv, mixconv, transposed_conv."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from nnbehave.design.operators.activation import apply_activation
from nnbehave.design.operators.operator import LayerFields, Tensor
from nnbehave.design.operators.weights import add_bias, he_weights
from nnbehave.design.operators.window import Window
from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np


class _Convolution(Window):
    """The base class of convolutions. Each weight is applied once at each output pixel, and each time is one OP."""

    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "out_channels", "kernel")
    optional: ClassVar[tuple[str, ...]] = ("width", "stride", "padding", "bias", "activation", "batch")
    has_weights = True

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.output_shape(layer)[:3]) * self.weights(layer)

    def _biased(self, tf: ModuleType, layer: LayerFields, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Return ``x`` plus the layer's bias, or ``x`` itself if the layer has none."""
        return add_bias(tf, x, rng) if layer.bias else x


class Conv(_Convolution):
    """Convolution. OPs = H·W·Cin·Cout·K², mac = H·W·Cin + H·W·Cout + K²·Cin·Cout (paper, Table 3)."""

    name = "conv"

    def weights(self, layer: LayerFields) -> int:
        return layer.kernel**2 * layer.in_channels * layer.out_channels // layer.groups

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        shape = (layer.kernel, layer.kernel, layer.in_channels // layer.groups, layer.out_channels)
        weights = he_weights(tf, shape, math.prod(shape[:3]), rng)
        x = tf.nn.conv2d(inputs[0], weights, layer.stride, layer.padding.upper(), dilations=layer.dilation)
        return apply_activation(tf, layer.activation, self._biased(tf, layer, x, rng))


class GroupConv(Conv):
    """Convolution within each of G groups of channels. OPs and weights of a conv, divided by G (paper, Table 3)."""

    name = "group_conv"
    required = (*_Convolution.required, "groups")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        for field in ("in_channels", "out_channels"):
            if getattr(layer, field) % layer.groups:
                yield "groups", f"must divide {field} ({getattr(layer, field)}), got {layer.groups}"


class DilatedConv(Conv):
    """Convolution with gaps in its window: it reads every ``dilation``-th pixel. Costs of a conv (paper, Table 3)."""

    name = "dilated_conv"
    required = (*_Convolution.required, "dilation")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.dilation > 1 and layer.stride > 1:
            yield (
                "stride",
                f"must be 1 with dilation {layer.dilation}, got {layer.stride}; TensorFlow has no strides here",
            )


class DepthwiseConv(_Convolution):
    """Depthwise convolution, Cout = Cin. OPs = H·W·Cin·K², mac = 2·H·W·Cin + K²·Cin (paper, Table 3)."""

    name = "dwconv"
    required: ClassVar[tuple[str, ...]] = ("height", "in_channels", "kernel")

    def weights(self, layer: LayerFields) -> int:
        return layer.kernel**2 * layer.in_channels

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        return apply_activation(tf, layer.activation, self._depthwise(tf, inputs[0], layer.kernel, layer, rng))

    def _depthwise(
        self, tf: ModuleType, x: Tensor, kernel: int, layer: LayerFields, rng: np.random.Generator
    ) -> Tensor:
        """Return the depthwise convolution of ``x`` with a kernel, plus the bias."""
        weights = he_weights(tf, (kernel, kernel, x.shape[-1], 1), kernel**2, rng)
        strides = [1, layer.stride, layer.stride, 1]
        return self._biased(tf, layer, tf.nn.depthwise_conv2d(x, weights, strides, layer.padding.upper()), rng)


class MixConv(DepthwiseConv):
    """Depthwise convolution in G groups of channels, with kernels K, K + 2, K + 4, … (Tan and Le 2019).

    The groups have equal sizes, except that a remainder goes to the first. The paper's kernels begin at K = 3. Costs of
    a depthwise convolution.
    """

    name = "mixconv"
    required = ("height", "in_channels", "kernel", "groups")
    optional: ClassVar[tuple[str, ...]] = ("width", "stride", "bias", "activation", "batch")

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.groups > layer.in_channels:
            yield "groups", f"must be at most in_channels ({layer.in_channels}), got {layer.groups}"

    def weights(self, layer: LayerFields) -> int:
        return sum(kernel**2 * channels for kernel, channels in self._groups(layer).items())

    def _groups(self, layer: LayerFields) -> Mapping[int, int]:
        """Return the number of channels of each kernel."""
        share, rest = divmod(layer.in_channels, layer.groups)
        return {layer.kernel + 2 * i: share + (rest if i == 0 else 0) for i in range(layer.groups)}

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        groups = self._groups(layer)
        equal = layer.in_channels % layer.groups == 0  # runtimes are better at splits into equal groups
        split = tf.split(inputs[0], layer.groups if equal else list(groups.values()), axis=-1)
        outputs = [self._depthwise(tf, x, kernel, layer, rng) for kernel, x in zip(groups, split, strict=True)]
        return apply_activation(tf, layer.activation, tf.concat(outputs, axis=-1))


class TransposedConv(Conv):
    """Transposed convolution, which enlarges its input by the stride.

    OPs = H·W·Cin·Cout·K² with the **input's** H and W, since each input element meets each weight once.
    """

    name = "transposed_conv"

    def ops(self, layer: LayerFields) -> int:
        return math.prod(self.input_shapes(layer)[0][:3]) * self.weights(layer)

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        return super(Window, self).problems(layer)  # a kernel of any size fits

    def output_shape(self, layer: LayerFields) -> Shape:
        added = 0 if layer.padding == "same" else max(layer.kernel - layer.stride, 0)
        return layer.batch, layer.height * layer.stride + added, layer.width * layer.stride + added, layer.out_channels

    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        shape = (layer.kernel, layer.kernel, layer.out_channels, layer.in_channels)
        weights = he_weights(tf, shape, layer.kernel**2 * layer.in_channels, rng)
        output = self.output_shape(layer)
        x = tf.nn.conv2d_transpose(inputs[0], weights, output, layer.stride, layer.padding.upper())
        return apply_activation(tf, layer.activation, self._biased(tf, layer, x, rng))

"""Translation of TensorFlow operators to ONNX operators, channels first.

No transposition is added, because a model that was written channels first would have none. An operator that needs one
is refused. The elements of a flattened image are in ONNX's order, C first, and so are the weights of the matrix product
that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from nnbehave.measurement.converters._onnx_graph import (
    OnnxGraph,
    axes_of,
    channels_first,
    constant,
    first_shape,
    reordered,
)
from nnbehave.runner.protocol import Unsupported

# Patterns: functions of a tensor X that TensorFlow computes by several operators. _FUNCTIONS writes them as PyTorch's
# exporter does. A pattern is X, a constant, or a TensorFlow operator with the patterns of its inputs.
_X = "x"
_HARD_SIGMOID = ("Mul", ("Relu6", ("AddV2", _X, 3.0)), 1 / 6)
_HARD_SWISH = ("Mul", _X, _HARD_SIGMOID)
_GELU = ("Mul", ("Mul", 0.5, _X), ("Erfc", ("Mul", ("Neg", _X), sqrt(0.5))))


def translate(function: Any) -> OnnxGraph:
    """Return the ONNX graph of a TensorFlow concrete function whose weights are constants.

    Raises
    ------
    Unsupported
        An operator has no translation. The message names it.
    """
    t = OnnxGraph()
    for op in function.graph.get_operations():
        if op.type not in ("Placeholder", "Const"):
            _translate(t, op)
    return t


def _translate(t: OnnxGraph, op: tf.Operation) -> None:
    """Add the translation of one operator to the graph ``t``, as all functions below do."""
    for pattern, write in _FUNCTIONS.items():
        found: dict[str, tf.Tensor] = {}
        if _matches(pattern, op.outputs[0], found):
            write(t, op, t.name(found[_X]))
            return
    if op.type not in _OPERATORS:
        raise Unsupported(f"TensorFlow's {op.type} has no translation to ONNX")
    read = [t.name(x) for x in op.inputs if x.op.type != "Const"]
    if op.type not in ("MatMul", "Identity") and t.flattened.keys() & read:
        raise Unsupported(f"{op.type} of a flattened image has no translation to ONNX's order of elements")
    _OPERATORS[op.type](t, op)


def _value(tensor: tf.Tensor) -> NDArray[Any]:
    """Return the value of a tensor that must be constant."""
    value = constant(tensor)
    if value is None:
        raise Unsupported(f"{tensor.op.type} as an input that must be constant has no translation to ONNX")
    return value


def _matches(pattern: Any, tensor: tf.Tensor, found: dict[str, tf.Tensor]) -> bool:
    """True if a tensor is computed as a pattern says. Then ``found`` holds the tensor that stands for X."""
    if isinstance(pattern, str):
        return found.setdefault(pattern, tensor) is tensor
    if isinstance(pattern, float):
        value = constant(tensor)
        return value is not None and value.shape == () and bool(np.isclose(value, pattern))
    kind, *inputs = pattern
    op = tensor.op
    return op.type == kind and all(_matches(*pair, found) for pair in zip(inputs, op.inputs, strict=True))


def _hard_sigmoid(t: OnnxGraph, op: tf.Operation, x: str) -> None:
    t.add("HardSigmoid", [x], op.outputs[0], alpha=1 / 6, beta=0.5)


def _hard_swish(t: OnnxGraph, op: tf.Operation, x: str) -> None:
    t.add("HardSwish", [x], op.outputs[0])


def _gelu(t: OnnxGraph, op: tf.Operation, x: str) -> None:
    half, one, root = (t.keep(np.float32(value)) for value in (0.5, 1.0, sqrt(2)))
    spread = t.add("Add", [t.add("Erf", [t.add("Div", [x, root])]), one])
    t.add("Mul", [t.add("Mul", [x, spread]), half], op.outputs[0])


_FUNCTIONS: dict[Any, Callable[[OnnxGraph, tf.Operation, str], None]] = {
    _HARD_SIGMOID: _hard_sigmoid,
    _HARD_SWISH: _hard_swish,
    _GELU: _gelu,
}


def _unary(*kinds: str) -> Callable[[OnnxGraph, tf.Operation], None]:
    """Return a translation of an element-wise function to ONNX operators that are applied one after the other."""

    def write(t: OnnxGraph, op: tf.Operation) -> None:
        x = t.name(op.inputs[0])
        for kind in kinds[:-1]:
            x = t.add(kind, [x])
        t.add(kinds[-1], [x], op.outputs[0])

    return write


def _binary(kind: str) -> Callable[[OnnxGraph, tf.Operation], None]:
    """Return a translation of an element-wise operator of two inputs."""

    def write(t: OnnxGraph, op: tf.Operation) -> None:
        t.add(kind, [_operand(t, x, op.outputs[0].shape.rank) for x in op.inputs], op.outputs[0])

    return write


def _operand(t: OnnxGraph, tensor: tf.Tensor, rank: int) -> str:
    """Return the name of an input that is broadcast. A constant gets leading dimensions until it has ``rank``."""
    value = constant(tensor)
    if value is None or not value.ndim:
        return t.name(tensor)
    return t.keep(channels_first(value.reshape((1,) * (rank - value.ndim) + value.shape)))


def _squared_difference(t: OnnxGraph, op: tf.Operation) -> None:
    difference = t.add("Sub", [t.name(x) for x in op.inputs])
    t.add("Mul", [difference, difference], op.outputs[0])


def _erfc(t: OnnxGraph, op: tf.Operation) -> None:
    t.add("Sub", [t.keep(np.float32(1)), t.add("Erf", [t.name(op.inputs[0])])], op.outputs[0])


def _relu6(t: OnnxGraph, op: tf.Operation) -> None:
    bounds = [t.keep(np.float32(bound)) for bound in (0, 6)]
    t.add("Clip", [t.name(op.inputs[0]), *bounds], op.outputs[0])


def _softmax(t: OnnxGraph, op: tf.Operation) -> None:
    t.add("Softmax", [t.name(op.inputs[0])], op.outputs[0], axis=_axis(-1, op.outputs[0]))


def _bias(t: OnnxGraph, op: tf.Operation) -> None:
    """Add a bias to the convolution or product before it, if nothing else reads that; otherwise add an Add."""
    source, bias = op.inputs
    maker = next((node for node in reversed(t.nodes) if t.name(source) in node.output), None)
    if maker is None or maker.op_type not in ("Conv", "ConvTranspose", "Gemm") or len(source.consumers()) > 1:
        _binary("Add")(t, op)
        return
    maker.input.append(t.keep(_value(bias)))
    t.alias(op.outputs[0], source)


def _window(
    op: tf.Operation, kernel: Sequence[int], large: tf.Tensor, small: tf.Tensor, dilations: Sequence[int] = (1, 1)
) -> dict[str, list[int]]:
    """Return the attributes of a sliding window. Like TensorFlow, it pads an odd pixel at the end, not the start.

    ``large`` is the tensor that the window slides over; ``small`` has one pixel for each place of the window.
    """
    strides = op.get_attr("strides")[1:3]
    lacking = [0, 0]
    if op.get_attr("padding") == b"SAME":
        sizes = zip(large.shape[1:3], small.shape[1:3], kernel, strides, dilations, strict=True)
        lacking = [max(0, (less - 1) * s + (k - 1) * d + 1 - more) for more, less, k, s, d in sizes]
    pads = [total // 2 for total in lacking] + [-(-total // 2) for total in lacking]
    return {"kernel_shape": list(kernel), "strides": strides, "pads": pads}


def _convolution(t: OnnxGraph, op: tf.Operation) -> None:
    x, weights = op.inputs[0], _value(op.inputs[1])
    dilations = op.get_attr("dilations")[1:3]
    window = _window(op, weights.shape[:2], x, op.outputs[0], dilations)
    groups = x.shape[3] // weights.shape[2]
    if op.type == "DepthwiseConv2dNative":
        weights = weights.reshape(*weights.shape[:2], 1, -1)  # each channel is a group
        groups = x.shape[3]
    kept = t.keep(weights.transpose(3, 2, 0, 1))
    t.add("Conv", [t.name(x), kept], op.outputs[0], group=groups, dilations=dilations, **window)


def _transposed_convolution(t: OnnxGraph, op: tf.Operation) -> None:
    weights, x, y = _value(op.inputs[1]), op.inputs[2], op.outputs[0]
    window = _window(op, weights.shape[:2], y, x)
    sizes = zip(y.shape[1:3], x.shape[1:3], *(window[key] for key in ("kernel_shape", "strides")), strict=True)
    padded = zip(window["pads"][:2], window["pads"][2:], strict=True)
    rest = [more - (less - 1) * s - k + sum(pads) for (more, less, k, s), pads in zip(sizes, padded, strict=True)]
    kept = t.keep(weights.transpose(3, 2, 0, 1))
    t.add("ConvTranspose", [t.name(x), kept], y, output_padding=rest, **window)


def _pool(kind: str) -> Callable[[OnnxGraph, tf.Operation], None]:
    """Return a translation of a pooling operator."""

    def write(t: OnnxGraph, op: tf.Operation) -> None:
        x, y = op.inputs[0], op.outputs[0]
        t.add(kind, [t.name(x)], y, **_window(op, op.get_attr("ksize")[1:3], x, y))

    return write


def _mean(t: OnnxGraph, op: tf.Operation) -> None:
    x, y = op.inputs[0], op.outputs[0]
    axes = sorted(int(axis) % x.shape.rank for axis in _value(op.inputs[1]).ravel())
    keeps = op.get_attr("keep_dims")
    if x.shape.rank == 4 and axes == [1, 2] and not keeps:
        t.add("Flatten", [t.add("GlobalAveragePool", [t.name(x)])], y)
    elif keeps:
        t.add("ReduceMean", [t.name(x)], y, axes=[_axis(axis, x) for axis in axes], keepdims=1)
    else:
        raise Unsupported(f"Mean over the axes {axes} has no translation to ONNX")


def _product(t: OnnxGraph, op: tf.Operation) -> None:
    if op.get_attr("transpose_a"):
        raise Unsupported("MatMul of a transposed input has no translation to ONNX")
    x, weights = t.name(op.inputs[0]), _value(op.inputs[1])
    weights = weights if op.get_attr("transpose_b") else weights.T
    if x in t.flattened:
        weights = reordered(weights, t.flattened[x])
    t.add("Gemm", [x, t.keep(weights)], op.outputs[0], transB=1)


def _reshape(t: OnnxGraph, op: tf.Operation) -> None:
    """Write a reshape of the channels, which is the same in both layouts, or note a flattened image's order."""
    x, y = op.inputs[0], op.outputs[0]
    pixels = [prod(tensor.shape[1:3]) if tensor.shape.rank >= 4 else 1 for tensor in (x, y)]
    if max(pixels) > 1 and x.shape[:3] != y.shape[:3]:
        if x.shape.rank != 4 or y.shape.rank != 2 or x.shape[0] != y.shape[0]:
            raise Unsupported(f"Reshape of {x.shape} to {y.shape} has no translation to ONNX")
        t.flattened[t.name(y)] = tuple(x.shape[1:])
    t.add("Reshape", [t.name(x), t.keep(np.array(first_shape(y), np.int64))], y)


def _transpose(t: OnnxGraph, op: tf.Operation) -> None:
    order = _value(op.inputs[1])
    axes = axes_of(len(order))
    t.add("Transpose", [t.name(op.inputs[0])], op.outputs[0], perm=[axes.index(order[axis]) for axis in axes])


def _concat(t: OnnxGraph, op: tf.Operation) -> None:
    *parts, axis = op.inputs
    t.add("Concat", [t.name(x) for x in parts], op.outputs[0], axis=_axis(int(_value(axis)), op.outputs[0]))


def _split(t: OnnxGraph, op: tf.Operation) -> None:
    """Write Split (axis, x) and SplitV (x, sizes, axis), the only operators with several outputs."""
    x, axis = (op.inputs[0], op.inputs[2]) if op.type == "SplitV" else (op.inputs[1], op.inputs[0])
    place = int(_value(axis))
    sizes = t.keep(np.array([part.shape[place] for part in op.outputs], np.int64))
    t.add("Split", [t.name(x), sizes], op.outputs[0], axis=_axis(place, x))
    t.nodes[-1].output.extend(t.name(part) for part in op.outputs[1:])


def _slice(t: OnnxGraph, op: tf.Operation) -> None:
    x, (begin, end, step) = op.inputs[0], (_value(each) for each in op.inputs[1:])
    others = [op.get_attr(mask) for mask in ("new_axis_mask", "shrink_axis_mask")]
    if op.get_attr("ellipsis_mask") != 1 or len(begin) != 2 or any(others):
        raise Unsupported("StridedSlice of other axes than the last has no translation to ONNX")
    channels = slice(
        None if op.get_attr("begin_mask") & 2 else int(begin[1]),
        None if op.get_attr("end_mask") & 2 else int(end[1]),
        int(step[1]),
    ).indices(x.shape[-1])
    first, last, stride = ([value] for value in channels)
    bounds = [t.keep(np.array(each, np.int64)) for each in (first, last, [_axis(-1, x)], stride)]
    t.add("Slice", [t.name(x), *bounds], op.outputs[0])


def _resize(t: OnnxGraph, op: tf.Operation) -> None:
    if not op.get_attr("half_pixel_centers"):
        raise Unsupported("ResizeBilinear without half_pixel_centers has no translation to ONNX")
    x, y = op.inputs[0], op.outputs[0]
    scales = [new / old for new, old in zip(first_shape(y), first_shape(x), strict=True)]
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    t.add("Resize", [t.name(x), "", t.keep(np.array(scales, np.float32))], y, **how)


def _axis(axis: int, tensor: tf.Tensor) -> int:
    """Return the axis of the ONNX tensor that an axis of a TensorFlow tensor becomes."""
    return axes_of(tensor.shape.rank).index(axis % tensor.shape.rank)


_OPERATORS: dict[str, Callable[[OnnxGraph, tf.Operation], None]] = {
    "AddV2": _binary("Add"),
    "AvgPool": _pool("AveragePool"),
    "BiasAdd": _bias,
    "ConcatV2": _concat,
    "Conv2D": _convolution,
    "Conv2DBackpropInput": _transposed_convolution,
    "DepthwiseConv2dNative": _convolution,
    "Erfc": _erfc,
    "Identity": lambda t, op: t.alias(op.outputs[0], op.inputs[0]),
    "MatMul": _product,
    "MaxPool": _pool("MaxPool"),
    "Mean": _mean,
    "Mul": _binary("Mul"),
    "Neg": _unary("Neg"),
    "Relu": _unary("Relu"),
    "Relu6": _relu6,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "Rsqrt": _unary("Sqrt", "Reciprocal"),
    "Sigmoid": _unary("Sigmoid"),
    "Softmax": _softmax,
    "Split": _split,
    "SplitV": _split,
    "SquaredDifference": _squared_difference,
    "StridedSlice": _slice,
    "Sub": _binary("Sub"),
    "Transpose": _transpose,
}

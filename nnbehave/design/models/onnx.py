"""Reads ``.onnx`` files: turns their operators into layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations
from math import inf, isclose, prod
from typing import Any

from nnbehave.design.layer import Layer
from nnbehave.design.models.layer_makers import (
    concat,
    convolution,
    dense,
    flatten,
    image,
    pairwise,
    pooling,
    resize,
    simple,
    square,
)
from nnbehave.design.models.model_layer import Found, NotALayer, attempt
from nnbehave.design.models.onnx_graph import Node, OnnxGraph, channels_last, parse
from nnbehave.design.shape import Shape

__all__ = ["layers", "parse"]


def layers(graph: OnnxGraph) -> list[Found]:
    """Return each operator with its layer, or with the reason why it has none.

    Operators that fuse into the one before them are read as one with it.
    """
    graph = replace(graph, nodes=_with_gates(graph))
    readers = graph.readers()
    dequantized = {node.outputs[0] for node in graph.nodes if node.kind == "DequantizeLinear"}
    found: list[Found] = []
    last: dict[str, Found] = {}  # the operator that gives each tensor
    for node in graph.nodes:
        read = next((name for name in node.inputs if not graph.constant(name)), "")
        before = last.get(read)
        if before and before.layer and readers[read] == 1:
            fused, _ = attempt(partial(_fused, before.layer, graph), node)
            if fused:
                before.layer, before.kind = fused, f"{before.kind}+{node.kind}"
                last |= dict.fromkeys(node.outputs, before)
                continue
        if node.kind not in _READERS:
            one = Found(node.kind, None, "no such operator")
        elif dequantized.intersection(node.inputs):
            one = Found(node.kind, None, "quantised by the operators around it")
        else:
            one = Found(node.kind, *attempt(partial(_READERS[node.kind], graph), node))
        found.append(one)
        last |= dict.fromkeys(node.outputs, one)
    return found


def _with_gates(graph: OnnxGraph) -> list[Node]:
    """Return the operators with each swish and hardswish, x · gate(x), joined to one.

    It is a Sigmoid or HardSigmoid and a Mul of its input and its output, if no other operator reads that output.
    """
    readers = graph.readers()
    gates = {node.outputs[0]: node for node in graph.nodes if node.kind in ("Sigmoid", "HardSigmoid")}
    joined, gone = [], set()
    for node in graph.nodes:
        for x, y in permutations(node.inputs, 2) if node.kind == "Mul" else ():
            gate = gates.get(y)
            if gate and gate.inputs == [x] and readers[y] == 1:
                gone.add(y)
                node = Node(f"{gate.kind}+Mul", [x], node.outputs, gate.attributes)
        joined.append(node)
    return [node for node in joined if not gone.intersection(node.outputs)]


def _fused(layer: Layer, graph: OnnxGraph, node: Node) -> Layer:
    """Return a layer with the operator after it fused into it."""
    operator = layer.operator
    if layer.activation is None:
        if node.kind == "BatchNormalization" and operator.has_weights and layer.op != "dense":
            return layer.replace(bias=True)
        if node.kind == "Add" and layer.op == "dense" and not layer.bias:
            added = [prod(graph.shape(name)) for name in node.inputs if graph.constant(name)]
            if added == [layer.out_channels]:
                return layer.replace(bias=True)
        if node.kind in _ACTIVATIONS and (operator.has_weights or layer.op == "add"):
            return layer.replace(activation=_activation(graph, node))
    raise NotALayer("does not fuse")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _window(node: Node, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Return the kernel, strides and dilations of an operator that slides a window over its input."""
    ones = [1] * len(kernel)
    strides, dilations = (node.attributes.get(name, ones) for name in ("strides", "dilations"))
    return {"kernel": kernel, "strides": strides, "dilations": dilations}


def _padding(node: Node, source: Shape, window: dict[str, Any]) -> str:
    """Return an operator's padding, ``same`` or ``valid``."""
    sizes = image(source)["height"], image(source)["width"]
    automatic = _text(node.attributes.get("auto_pad", "NOTSET"))
    if automatic != "NOTSET":
        return "valid" if automatic == "VALID" else "same"
    kernel, stride, dilation = (square(name.rstrip("s"), sides) for name, sides in window.items())
    pads = list(node.attributes.get("pads", [0] * 4))
    reach = (kernel - 1) * dilation + 1
    if not any(pads):
        return "valid"
    total = [begin + end for begin, end in zip(pads[:2], pads[2:], strict=True)]
    same = [max((-(-size // stride) - 1) * stride + reach - size, 0) for size in sizes]
    if total == same or set(pads) == {(reach - 1) // 2}:
        return "same"
    raise NotALayer(f"padding {', '.join(map(str, pads))} is neither none nor that of 'same'")


def _conv(graph: OnnxGraph, node: Node) -> Layer:
    source, output, weights = graph.image(node.inputs[0]), graph.image(node.outputs[0]), graph.weights(node.inputs[1])
    window = _window(node, weights[2:])
    groups = node.attributes.get("group", 1)
    fields: dict[str, Any] = {"bias": node.has(2), "precision": graph.precision(*node.inputs[:2])}
    fields["padding"] = _padding(node, source, window)
    if groups == 1:
        return convolution(source, output, "conv", **window, **fields)
    if groups == source[-1] == output[-1]:
        return convolution(source, output, "dwconv", **window, **fields)
    return convolution(source, output, "group_conv", groups=groups, **window, **fields)


def _transposed(graph: OnnxGraph, node: Node) -> Layer:
    source, output, weights = graph.image(node.inputs[0]), graph.image(node.outputs[0]), graph.weights(node.inputs[1])
    if node.attributes.get("group", 1) != 1:
        raise NotALayer(f"transposed_conv with {node.attributes['group']} groups")
    window = _window(node, weights[2:])
    enlarged = [size * step for size, step in zip(source[1:3], window["strides"], strict=True)]
    padding = "same" if list(output[1:3]) == enlarged else "valid"
    fields: dict[str, Any] = {"bias": node.has(2), "precision": graph.precision(*node.inputs[:2])}
    return convolution(source, output, "transposed_conv", **window, padding=padding, **fields)


def _gemm(graph: OnnxGraph, node: Node) -> Layer:
    if node.attributes.get("transA", 0):
        raise NotALayer("its input is transposed")
    weights = graph.weights(node.inputs[1])
    in_channels, out_channels = weights[::-1] if node.attributes.get("transB", 0) else weights
    source, precision = graph.shape(node.inputs[0]), graph.precision(*node.inputs[:2])
    return dense(source, in_channels, out_channels, bias=node.has(2), precision=precision)


def _matmul(graph: OnnxGraph, node: Node) -> Layer:
    weights = graph.weights(node.inputs[1])
    if len(weights) != 2:
        raise NotALayer(f"weights of {len(weights)} dimensions, not 2")
    return dense(graph.shape(node.inputs[0]), *weights, bias=False, precision=graph.precision(*node.inputs[:2]))


def _pooling(op: str, graph: OnnxGraph, node: Node) -> Layer:
    source, output = graph.image(node.inputs[0]), graph.image(node.outputs[0])
    window = _window(node, tuple(node.attributes["kernel_shape"]))
    padding = _padding(node, source, window)
    if square("dilation", window.pop("dilations")) > 1:
        raise NotALayer(f"{op} with a dilation")
    return pooling(source, output, op, **window, padding=padding, precision=graph.precision(node.inputs[0]))


def _simple(op: str, graph: OnnxGraph, node: Node) -> Layer:
    source, output = graph.image(node.inputs[0]), graph.image(node.outputs[0])
    return simple(source, output, op, precision=graph.precision(node.inputs[0]))


def _mean(graph: OnnxGraph, node: Node) -> Layer:
    axes = graph.values(node.inputs[1]).tolist() if node.has(1) else node.attributes.get("axes", [])
    if sorted(axis % 4 for axis in axes) != [2, 3]:
        raise NotALayer(f"over axes {', '.join(map(str, axes)) or 'of all'}, not height and width")
    return _simple("globalavgpool", graph, node)


def _pairwise(op: str, graph: OnnxGraph, node: Node) -> Layer:
    if any(map(graph.constant, node.inputs)):
        raise NotALayer("one operand is a constant")
    if len(node.inputs) != 2:
        raise NotALayer(f"{len(node.inputs)} operands, but {op} has 2")
    shapes = [graph.shape(name) for name in node.inputs]
    rank = max(map(len, shapes))
    first, second = (channels_last((1,) * (rank - len(shape)) + shape) for shape in shapes)
    return pairwise(first, second, graph.image(node.outputs[0]), op, precision=graph.precision(*node.inputs))


def _concat(graph: OnnxGraph, node: Node) -> Layer:
    if any(map(graph.constant, node.inputs)):
        raise NotALayer("one input is a constant")
    sources, output = [graph.image(name) for name in node.inputs], graph.image(node.outputs[0])
    along_channels = node.attributes["axis"] in (1, -3)
    return concat(sources, output, along_channels, precision=graph.precision(*node.inputs))


def _softmax(graph: OnnxGraph, node: Node) -> Layer:
    if graph.opset < 13:
        raise NotALayer("over all sides but the batch, as before opset 13")
    if node.attributes.get("axis", -1) not in (1, -3):
        raise NotALayer("along an axis other than the channels")
    return _simple("softmax", graph, node)


def _reshape(graph: OnnxGraph, node: Node) -> Layer:
    source, output = graph.image(node.inputs[0]), graph.image(node.outputs[0])
    return flatten(source, output, precision=graph.precision(node.inputs[0]))


def _resize(graph: OnnxGraph, node: Node) -> Layer:
    mode = _text(node.attributes.get("mode", "nearest"))
    if mode != "linear":
        raise NotALayer(f"mode {mode}, but resize is linear")
    source, output = graph.image(node.inputs[0]), graph.image(node.outputs[0])
    return resize(source, output, precision=graph.precision(node.inputs[0]))


def _activation(graph: OnnxGraph, node: Node) -> str:
    """Return the name of the activation function that an operator is."""
    if node.kind == "Clip":
        bounds = [_bound(graph, node, i, name) for i, name in ((1, "min"), (2, "max"))]
        if bounds != [0, 6]:
            raise NotALayer(f"between {bounds[0]:g} and {bounds[1]:g}, not 0 and 6")
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    if node.kind.startswith("HardSigmoid") and not (isclose(alpha, 1 / 6, rel_tol=1e-3) and isclose(beta, 0.5)):
        raise NotALayer(f"alpha {alpha:g} and beta {beta:g}, not 1/6 and 0.5")
    if node.kind == "Gelu" and _text(node.attributes.get("approximate", "none")) != "none":
        raise NotALayer("approximated by tanh, but gelu is exact")
    return _ACTIVATIONS[node.kind]


def _bound(graph: OnnxGraph, node: Node, i: int, name: str) -> float:
    """Return a bound of a Clip: its input at index ``i``, or its attribute in older opsets."""
    if node.has(i):
        return float(graph.values(node.inputs[i]).item())
    return float(node.attributes.get(name, {"min": -inf, "max": inf}[name]))


def _activated(graph: OnnxGraph, node: Node) -> Layer:
    return _simple(_activation(graph, node), graph, node)


_ACTIVATIONS = {
    "Relu": "relu",
    "Clip": "relu6",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "Gelu": "gelu",
    "Sigmoid+Mul": "swish",
    "HardSigmoid+Mul": "hardswish",
}
_READERS: dict[str, Callable[[OnnxGraph, Node], Layer]] = {
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MaxPool": partial(_pooling, "maxpool"),
    "AveragePool": partial(_pooling, "avgpool"),
    "GlobalAveragePool": partial(_simple, "globalavgpool"),
    "ReduceMean": _mean,
    "Add": partial(_pairwise, "add"),
    "Sum": partial(_pairwise, "add"),
    "Mul": partial(_pairwise, "multiply"),
    "Concat": _concat,
    "Softmax": _softmax,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Resize": _resize,
    **dict.fromkeys(_ACTIVATIONS, _activated),
}

"""``.tflite`` files, by the schema of their flatbuffer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from nnbehave.design.layer import Layer
from nnbehave.design.models._base import (
    Found,
    Shape,
    Unlike,
    alike,
    attempt,
    concat,
    convolution,
    dense,
    flatten,
    load,
    pairwise,
    pooling,
    resize,
)

_SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")
# By the types of what is read and of the weights.
_PRECISIONS = {
    ("FLOAT32", "FLOAT32"): "fp32",
    ("FLOAT32", "FLOAT16"): "fp16",
    ("FLOAT16", "FLOAT16"): "fp16",
    ("BFLOAT16", "BFLOAT16"): "bf16",
    ("FLOAT32", "INT8"): "dynamic_int8",
    ("INT8", "INT8"): "int8",
    ("UINT8", "UINT8"): "uint8",
    ("INT16", "INT8"): "int16x8",
}
_WITHOUT_WEIGHTS = {"FLOAT32": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "INT8": "int8", "UINT8": "uint8"}
_WITHOUT_WEIGHTS["INT16"] = "int16x8"
_FUSED = {"NONE": None, "RELU": "relu", "RELU6": "relu6"}


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A tensor; two are the same if they are one object."""

    shape: Shape
    type: str
    data: Any

    @property
    def constant(self) -> bool:
        return self.data is not None


@dataclass(frozen=True)
class Operator:
    """An operator; an input that it leaves out is None."""

    kind: str
    options: Any
    fused: str
    inputs: list[_Tensor | None]
    outputs: list[_Tensor]

    def tensor(self, i: int) -> _Tensor:
        """Return an input that the operator must have."""
        tensor = self.inputs[i]
        if tensor is None:
            raise Unlike(f"input {i} is left out")
        return tensor

    def has(self, i: int) -> bool:
        """Whether the operator has an input."""
        return len(self.inputs) > i and self.inputs[i] is not None

    @property
    def shape(self) -> Shape:
        """Of the output."""
        return self.outputs[0].shape

    @property
    def activation(self) -> str | None:
        """What is fused into the operator."""
        if self.fused not in _FUSED:
            raise Unlike(f"with {self.fused}")
        return _FUSED[self.fused]


def parse(path: Path) -> list[Operator]:
    """Read a file."""
    return parse_content(path.read_bytes())


def parse_content(content: bytes) -> list[Operator]:
    """Read what a file holds."""
    schema = load(_SCHEMAS, "litert", "reading a .tflite file needs the schema that LiteRT comes with")
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("it does not begin as such files do")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    types, kinds, fusable = map(_names, (schema.TensorType, schema.BuiltinOperator, schema.ActivationFunctionType))
    tensors = [
        _Tensor(_shape(each), types.get(each.type, str(each.type)), _data(each, model.buffers))
        for each in graph.tensors
    ]
    operators = []
    for each in graph.operators:
        code = model.operatorCodes[each.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)  # files older than the first field have the second
        kind = kinds.get(number, f"BUILTIN_{number}")
        if kind == "CUSTOM" and code.customCode:
            kind = code.customCode.decode(errors="replace")
        inputs, outputs = ([] if ends is None else [int(i) for i in ends] for ends in (each.inputs, each.outputs))
        if kind == "DEQUANTIZE" and tensors[inputs[0]].constant:
            tensors[outputs[0]] = tensors[inputs[0]]
            continue
        fused = getattr(each.builtinOptions, "fusedActivationFunction", 0)
        read = [tensors[i] if i >= 0 else None for i in inputs]
        operators.append(
            Operator(kind, each.builtinOptions, fusable.get(fused, str(fused)), read, [tensors[i] for i in outputs])
        )
    return _with_swishes(operators, [tensors[i] for i in graph.outputs])


def layers(operators: list[Operator]) -> list[Found]:
    """Return what the operators are."""
    found = []
    for operator in operators:
        if operator.kind in _READERS:
            found.append(Found(operator.kind, *attempt(_READERS[operator.kind], operator)))
        else:
            found.append(Found(operator.kind, None, "no such operator"))
    return found


def _with_swishes(operators: list[Operator], outputs: list[_Tensor]) -> list[Operator]:
    """Join each LOGISTIC and the MUL of what it reads and what it gives, if that MUL alone reads it."""
    reads = Counter(id(tensor) for operator in operators for tensor in operator.inputs)
    reads.update(map(id, outputs))
    sigmoids = {id(operator.outputs[0]): operator for operator in operators if operator.kind == "LOGISTIC"}
    joined, gone = [], set()
    for operator in operators:
        for x, y in permutations(operator.inputs, 2) if operator.kind == "MUL" and operator.fused == "NONE" else ():
            sigmoid = sigmoids.get(id(y))
            if sigmoid and sigmoid.inputs == [x] and reads[id(y)] == 1:
                gone.add(id(sigmoid))
                operator = Operator("LOGISTIC+MUL", None, "NONE", [x], operator.outputs)
        joined.append(operator)
    return [operator for operator in joined if id(operator) not in gone]


def _names(numbers: Any) -> dict[int, str]:
    """Return the names of an enumeration by their numbers."""
    return {number: name for name, number in vars(numbers).items() if not name.startswith("_")}


def _shape(tensor: Any) -> Shape:
    """Return a tensor's shape: an open batch is 1, other open sides are -1."""
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    sides = [] if shape is None else [int(side) for side in shape]
    return tuple(1 if i == 0 and side < 0 else side for i, side in enumerate(sides))


def _data(tensor: Any, buffers: Any) -> Any:
    """Return the bytes of a constant, or None. Those of large models lie elsewhere, and are empty here."""
    buffer = buffers[tensor.buffer]
    if buffer.data is not None and len(buffer.data):
        return buffer.data
    elsewhere = buffer.offset > 1 or getattr(tensor, "externalBuffer", 0)
    return b"" if elsewhere else None


def _precision(source: _Tensor, weights: _Tensor | None = None) -> str:
    if weights is None:
        if source.type in _WITHOUT_WEIGHTS:
            return _WITHOUT_WEIGHTS[source.type]
        raise Unlike(f"tensors of {source.type}")
    if not weights.constant:
        raise Unlike("its weights are no constant")
    if (source.type, weights.type) in _PRECISIONS:
        return _PRECISIONS[source.type, weights.type]
    raise Unlike(f"weights in {weights.type}, the rest in {source.type}")


def _window(operator: Operator) -> dict[str, Any]:
    """Return what all operators have that slide a window over their input."""
    options = operator.options
    return {"strides": (options.strideH, options.strideW), "padding": ("same", "valid")[options.padding]}


def _convolution(operator: Operator, op: str, source: _Tensor, weights: _Tensor, **fields: Any) -> Layer:
    options = operator.options
    fields |= _window(operator)
    fields["dilations"] = getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1)
    fields |= {"precision": _precision(source, weights), "activation": operator.activation}
    return convolution(source.shape, operator.shape, op, weights.shape[1:3], **fields)


def _conv(operator: Operator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    groups, rest = divmod(source.shape[-1], weights.shape[-1])
    if rest:
        raise Unlike(f"a filter of {weights.shape[-1]} channels for {source.shape[-1]}")
    op, more = ("conv", {}) if groups == 1 else ("group_conv", {"groups": groups})
    return _convolution(operator, op, source, weights, bias=operator.has(2), **more)


def _depthwise(operator: Operator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    if weights.shape[-1] != source.shape[-1]:
        raise Unlike(f"from {source.shape[-1]} to {weights.shape[-1]} channels, where dwconv keeps them")
    return _convolution(operator, "dwconv", source, weights, bias=operator.has(2))


def _transposed(operator: Operator) -> Layer:
    return _convolution(operator, "transposed_conv", operator.tensor(2), operator.tensor(1), bias=operator.has(3))


def _dense(operator: Operator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    precision = _precision(source, weights)
    out_channels, in_channels = weights.shape
    bias, activation = operator.has(2), operator.activation
    return dense(source.shape, in_channels, out_channels, bias=bias, activation=activation, precision=precision)


def _pooling(op: str, operator: Operator) -> Layer:
    source, options = operator.tensor(0), operator.options
    kernel = options.filterHeight, options.filterWidth
    fields = _window(operator) | {"precision": _precision(source), "activation": operator.activation}
    return pooling(source.shape, operator.shape, op, kernel, **fields)


def _mean(operator: Operator) -> Layer:
    source = operator.tensor(0)
    if not operator.tensor(1).constant:
        raise Unlike("over axes that are no constant")
    axes = np.frombuffer(operator.tensor(1).data, np.int32)
    if sorted(axes % len(source.shape)) != [1, 2]:
        raise Unlike(f"over axes {', '.join(map(str, axes))}, not height and width")
    return _alike("globalavgpool", operator)


def _pairwise(op: str, operator: Operator) -> Layer:
    operands = operator.tensor(0), operator.tensor(1)
    if any(operand.constant for operand in operands):
        raise Unlike("one operand is a constant")
    rank = max(len(operand.shape) for operand in operands)
    first, second = ((1,) * (rank - len(operand.shape)) + operand.shape for operand in operands)
    fields = {"precision": _precision(operands[0]), "activation": operator.activation}
    return pairwise(first, second, operator.shape, op, **fields)


def _concat(operator: Operator) -> Layer:
    sources = [operator.tensor(i) for i in range(len(operator.inputs))]
    if any(source.constant for source in sources):
        raise Unlike("one input is a constant")
    fields = {"precision": _precision(sources[0]), "activation": operator.activation}
    along_channels = operator.options.axis in (3, -1)
    return concat([source.shape for source in sources], operator.shape, along_channels, **fields)


def _softmax(operator: Operator) -> Layer:
    if operator.options.beta != 1:
        raise Unlike(f"beta {operator.options.beta:g}")
    return _alike("softmax", operator)


def _gelu(operator: Operator) -> Layer:
    if operator.options.approximate:
        raise Unlike("approximated, where gelu is exact")
    return _alike("gelu", operator)


def _alike(op: str, operator: Operator) -> Layer:
    source = operator.tensor(0)
    return alike(source.shape, operator.shape, op, precision=_precision(source))


def _reshape(operator: Operator) -> Layer:
    source = operator.tensor(0)
    return flatten(source.shape, operator.shape, precision=_precision(source))


def _resize(operator: Operator) -> Layer:
    source = operator.tensor(0)
    return resize(source.shape, operator.shape, precision=_precision(source))


_READERS: dict[str, Callable[[Operator], Layer]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": partial(_pooling, "maxpool"),
    "AVERAGE_POOL_2D": partial(_pooling, "avgpool"),
    "MEAN": _mean,
    "ADD": partial(_pairwise, "add"),
    "MUL": partial(_pairwise, "multiply"),
    "CONCATENATION": _concat,
    "RELU": partial(_alike, "relu"),
    "RELU6": partial(_alike, "relu6"),
    "LOGISTIC": partial(_alike, "sigmoid"),
    "LOGISTIC+MUL": partial(_alike, "swish"),
    "HARD_SWISH": partial(_alike, "hardswish"),
    "GELU": _gelu,
    "SOFTMAX": _softmax,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
}

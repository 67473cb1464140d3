"""Reads ``.tflite`` files with the schema of their flatbuffer."""

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
from nnbehave.design.models.layer_makers import (
    concat,
    convolution,
    dense,
    flatten,
    pairwise,
    pooling,
    resize,
    simple,
)
from nnbehave.design.models.model_layer import Found, NotALayer, attempt
from nnbehave.design.models.packages import load_tflite_schema
from nnbehave.design.shape import Shape

# Precisions by the types of the input and of the weights, and by the type of the input of operators without weights.
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
    """A tensor. Two tensors are equal only if they are one object.

    ``data`` are the bytes of a constant, and None for all else.
    """

    shape: Shape
    type: str
    data: Any

    @property
    def constant(self) -> bool:
        """True if the file holds the tensor's values."""
        return self.data is not None


@dataclass(frozen=True)
class TFLiteOperator:
    """An operator of a file.

    Attributes
    ----------
    kind : str
        Its name in the schema, such as ``CONV_2D``.
    options : object
        Its options, as the schema has them for its kind.
    fused : str
        The schema's name of the activation function that is fused into it.
    inputs : list of tensor or None
        An input that it leaves out is None.
    outputs : list of tensor
    """

    kind: str
    options: Any
    fused: str
    inputs: list[_Tensor | None]
    outputs: list[_Tensor]

    def tensor(self, i: int) -> _Tensor:
        """Return the input at index ``i``, which the operator must have."""
        tensor = self.inputs[i]
        if tensor is None:
            raise NotALayer(f"input {i} is left out")
        return tensor

    def has(self, i: int) -> bool:
        """Return True if the operator has an input at index ``i``."""
        return len(self.inputs) > i and self.inputs[i] is not None

    @property
    def shape(self) -> Shape:
        """Shape of the first output."""
        return self.outputs[0].shape

    @property
    def activation(self) -> str | None:
        """The activation function that is fused into the operator."""
        if self.fused not in _FUSED:
            raise NotALayer(f"with {self.fused} fused into it")
        return _FUSED[self.fused]


def parse(path: Path) -> list[TFLiteOperator]:
    """Return the operators of a file."""
    return parse_content(path.read_bytes())


def parse_content(content: bytes) -> list[TFLiteOperator]:
    """Return the operators of a file's content, in the order in which they run."""
    schema = load_tflite_schema()
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("its first bytes are not those of a .tflite file")
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
        number = max(code.builtinCode, code.deprecatedBuiltinCode)  # files of older schemas have the second alone
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
            TFLiteOperator(
                kind, each.builtinOptions, fusable.get(fused, str(fused)), read, [tensors[i] for i in outputs]
            )
        )
    return _with_swishes(operators, [tensors[i] for i in graph.outputs])


def layers(operators: list[TFLiteOperator]) -> list[Found]:
    """Return each operator with its layer, or with the reason why it has none."""
    found = []
    for operator in operators:
        if operator.kind in _READERS:
            found.append(Found(operator.kind, *attempt(_READERS[operator.kind], operator)))
        else:
            found.append(Found(operator.kind, None, "no such operator"))
    return found


def _with_swishes(operators: list[TFLiteOperator], outputs: list[_Tensor]) -> list[TFLiteOperator]:
    """Return the operators with each swish, x · sigmoid(x), joined to one.

    A swish is a LOGISTIC and a MUL of its input and its output, if no other operator reads that output.
    """
    reads = Counter(id(tensor) for operator in operators for tensor in operator.inputs)
    reads.update(map(id, outputs))
    sigmoids = {id(operator.outputs[0]): operator for operator in operators if operator.kind == "LOGISTIC"}
    joined, gone = [], set()
    for operator in operators:
        for x, y in permutations(operator.inputs, 2) if operator.kind == "MUL" and operator.fused == "NONE" else ():
            sigmoid = sigmoids.get(id(y))
            if sigmoid and sigmoid.inputs == [x] and reads[id(y)] == 1:
                gone.add(id(sigmoid))
                operator = TFLiteOperator("LOGISTIC+MUL", None, "NONE", [x], operator.outputs)
        joined.append(operator)
    return [operator for operator in joined if id(operator) not in gone]


def _names(numbers: Any) -> dict[int, str]:
    """Return the names of an enumeration of the schema, by their numbers."""
    return {number: name for name, number in vars(numbers).items() if not name.startswith("_")}


def _shape(tensor: Any) -> Shape:
    """Return a tensor's shape. An open batch is 1, other open sides are -1."""
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    sides = [] if shape is None else [int(side) for side in shape]
    return tuple(1 if i == 0 and side < 0 else side for i, side in enumerate(sides))


def _data(tensor: Any, buffers: Any) -> Any:
    """Return the bytes of a constant, or None. Large models keep them outside the buffer; they are empty here."""
    buffer = buffers[tensor.buffer]
    if buffer.data is not None and len(buffer.data):
        return buffer.data
    elsewhere = buffer.offset > 1 or getattr(tensor, "externalBuffer", 0)
    return b"" if elsewhere else None


def _precision(source: _Tensor, weights: _Tensor | None = None) -> str:
    """Return the precision of an operator from the types of its input and its weights."""
    if weights is None:
        if source.type in _WITHOUT_WEIGHTS:
            return _WITHOUT_WEIGHTS[source.type]
        raise NotALayer(f"tensors of {source.type}")
    if not weights.constant:
        raise NotALayer("its weights are not constant")
    if (source.type, weights.type) in _PRECISIONS:
        return _PRECISIONS[source.type, weights.type]
    raise NotALayer(f"weights in {weights.type}, all else in {source.type}")


def _window(operator: TFLiteOperator) -> dict[str, Any]:
    """Return the fields of an operator that slides a window over its input."""
    options = operator.options
    return {"strides": (options.strideH, options.strideW), "padding": ("same", "valid")[options.padding]}


def _convolution(operator: TFLiteOperator, op: str, source: _Tensor, weights: _Tensor, **fields: Any) -> Layer:
    options = operator.options
    fields |= _window(operator)
    fields["dilations"] = getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1)
    fields |= {"precision": _precision(source, weights), "activation": operator.activation}
    return convolution(source.shape, operator.shape, op, weights.shape[1:3], **fields)


def _conv(operator: TFLiteOperator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    groups, rest = divmod(source.shape[-1], weights.shape[-1])
    if rest:
        raise NotALayer(f"a filter for {weights.shape[-1]} channels on an input of {source.shape[-1]}")
    op, more = ("conv", {}) if groups == 1 else ("group_conv", {"groups": groups})
    return _convolution(operator, op, source, weights, bias=operator.has(2), **more)


def _depthwise(operator: TFLiteOperator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    if weights.shape[-1] != source.shape[-1]:
        raise NotALayer(f"from {source.shape[-1]} to {weights.shape[-1]} channels, but dwconv keeps their number")
    return _convolution(operator, "dwconv", source, weights, bias=operator.has(2))


def _transposed(operator: TFLiteOperator) -> Layer:
    return _convolution(operator, "transposed_conv", operator.tensor(2), operator.tensor(1), bias=operator.has(3))


def _dense(operator: TFLiteOperator) -> Layer:
    source, weights = operator.tensor(0), operator.tensor(1)
    precision = _precision(source, weights)
    out_channels, in_channels = weights.shape
    bias, activation = operator.has(2), operator.activation
    return dense(source.shape, in_channels, out_channels, bias=bias, activation=activation, precision=precision)


def _pooling(op: str, operator: TFLiteOperator) -> Layer:
    source, options = operator.tensor(0), operator.options
    kernel = options.filterHeight, options.filterWidth
    fields = _window(operator) | {"precision": _precision(source), "activation": operator.activation}
    return pooling(source.shape, operator.shape, op, kernel, **fields)


def _mean(operator: TFLiteOperator) -> Layer:
    source = operator.tensor(0)
    if not operator.tensor(1).constant:
        raise NotALayer("over axes that are not constant")
    axes = np.frombuffer(operator.tensor(1).data, np.int32)
    if sorted(axes % len(source.shape)) != [1, 2]:
        raise NotALayer(f"over axes {', '.join(map(str, axes))}, not height and width")
    return _simple("globalavgpool", operator)


def _pairwise(op: str, operator: TFLiteOperator) -> Layer:
    operands = operator.tensor(0), operator.tensor(1)
    if any(operand.constant for operand in operands):
        raise NotALayer("one operand is a constant")
    rank = max(len(operand.shape) for operand in operands)
    first, second = ((1,) * (rank - len(operand.shape)) + operand.shape for operand in operands)
    fields = {"precision": _precision(operands[0]), "activation": operator.activation}
    return pairwise(first, second, operator.shape, op, **fields)


def _concat(operator: TFLiteOperator) -> Layer:
    sources = [operator.tensor(i) for i in range(len(operator.inputs))]
    if any(source.constant for source in sources):
        raise NotALayer("one input is a constant")
    fields = {"precision": _precision(sources[0]), "activation": operator.activation}
    along_channels = operator.options.axis in (3, -1)
    return concat([source.shape for source in sources], operator.shape, along_channels, **fields)


def _softmax(operator: TFLiteOperator) -> Layer:
    if operator.options.beta != 1:
        raise NotALayer(f"beta {operator.options.beta:g}, not 1")
    return _simple("softmax", operator)


def _gelu(operator: TFLiteOperator) -> Layer:
    if operator.options.approximate:
        raise NotALayer("approximated by tanh, but gelu is exact")
    return _simple("gelu", operator)


def _simple(op: str, operator: TFLiteOperator) -> Layer:
    source = operator.tensor(0)
    return simple(source.shape, operator.shape, op, precision=_precision(source))


def _reshape(operator: TFLiteOperator) -> Layer:
    source = operator.tensor(0)
    return flatten(source.shape, operator.shape, precision=_precision(source))


def _resize(operator: TFLiteOperator) -> Layer:
    source = operator.tensor(0)
    return resize(source.shape, operator.shape, precision=_precision(source))


_READERS: dict[str, Callable[[TFLiteOperator], Layer]] = {
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
    "RELU": partial(_simple, "relu"),
    "RELU6": partial(_simple, "relu6"),
    "LOGISTIC": partial(_simple, "sigmoid"),
    "LOGISTIC+MUL": partial(_simple, "swish"),
    "HARD_SWISH": partial(_simple, "hardswish"),
    "GELU": _gelu,
    "SOFTMAX": _softmax,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
}

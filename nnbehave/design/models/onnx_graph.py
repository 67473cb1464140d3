"""The content of an ``.onnx`` file: its operators, and its tensors by their names."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnbehave.design.models.model_layer import NotALayer
from nnbehave.design.models.packages import load_onnx
from nnbehave.design.shape import Shape

_PRECISIONS = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16"}
_OWN = ("", "ai.onnx")  # ONNX's own operators
_NOT_FOLDED = ("DequantizeLinear", "If", "Loop")  # runtimes do not compute these ahead, even on constants
_MOST_VALUES = 64  # elements of a constant that is kept for its values: axes and bounds have fewer


@dataclass(frozen=True)
class Node:
    """An operator. An input that it leaves out has an empty name."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def has(self, i: int) -> bool:
        """Return True if the operator has an input at index ``i``."""
        return len(self.inputs) > i and bool(self.inputs[i])


@dataclass(frozen=True)
class Tensor:
    """A tensor. ``shape`` is None if it is unknown. ``values`` are those of a small constant, and None for all else."""

    shape: Shape | None
    type: str
    constant: bool = False
    values: NDArray[Any] | None = None


@dataclass(frozen=True)
class OnnxGraph:
    """The graph of a file.

    ``opset`` is the version of ONNX's own operators, ``outputs`` are the names of the graph's outputs.
    """

    opset: int
    nodes: list[Node]
    outputs: list[str]
    tensors: dict[str, Tensor]

    def shape(self, name: str) -> Shape:
        """Return a tensor's shape in the file's order of sides."""
        shape = self.tensors[name].shape if name in self.tensors else None
        if shape is None:
            raise NotALayer("unknown shape")
        return shape

    def image(self, name: str) -> Shape:
        """Return a tensor's shape, channels last."""
        return channels_last(self.shape(name))

    def constant(self, name: str) -> bool:
        """Return True if a tensor is a constant."""
        return name in self.tensors and self.tensors[name].constant

    def weights(self, name: str) -> Shape:
        """Return the shape of an operator's weights, which must be constant."""
        if not self.constant(name):
            raise NotALayer("its weights are not constant")
        return self.shape(name)

    def values(self, name: str) -> NDArray[Any]:
        """Return the values of a small constant."""
        values = self.tensors[name].values if name in self.tensors else None
        if values is None:
            raise NotALayer(f"{name!r} is not a small constant")
        return values

    def precision(self, *names: str) -> str:
        """Return the precision of tensors that must have one type."""
        types = {self.tensors[name].type if name in self.tensors else "unknown type" for name in names}
        if len(types) > 1 or not types <= set(_PRECISIONS):
            raise NotALayer(f"tensors of {' and '.join(sorted(types))}")
        return _PRECISIONS[types.pop()]

    def readers(self) -> Counter[str]:
        """Return how often each tensor is read. The graph's outputs are read once more, by the caller."""
        return Counter([name for node in self.nodes for name in node.inputs] + self.outputs)


def parse(path: Path) -> OnnxGraph:
    """Read a file and infer the shapes of its tensors."""
    onnx = load_onnx()
    model = onnx.load(str(path), load_external_data=False)
    if not model.graph.node:
        raise ValueError("it holds no operators")
    _fix_batch(model.graph)
    # Inference refuses models with operators that it does not know. The file itself may still have the shapes.
    with contextlib.suppress(onnx.shape_inference.InferenceError):
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    tensors = _tensors(model.graph, onnx)
    nodes = _nodes(model.graph, tensors, onnx)
    opset = max((each.version for each in model.opset_import if each.domain in _OWN), default=1)
    return OnnxGraph(opset, nodes, [each.name for each in model.graph.output], tensors)


def _tensors(graph: Any, onnx: Any) -> dict[str, Tensor]:
    """Return the tensors that a graph declares. An open batch is 1, other open sides are -1."""
    type_name = onnx.TensorProto.DataType.Name
    tensors = {}
    for each in [*graph.input, *graph.value_info, *graph.output]:
        tensor = each.type.tensor_type
        sides = [dim.dim_value if dim.dim_value > 0 else -1 for dim in tensor.shape.dim]
        shape = tuple(1 if i == 0 and side < 0 else side for i, side in enumerate(sides))
        tensors[each.name] = Tensor(shape if tensor.HasField("shape") else None, type_name(tensor.elem_type))
    return tensors | {each.name: _constant(each, onnx) for each in graph.initializer}


def _nodes(graph: Any, tensors: dict[str, Tensor], onnx: Any) -> list[Node]:
    """Return the operators that run. The outputs of all others are constants, which are put into ``tensors``."""
    nodes = []
    for each in graph.node:
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in each.attribute}
        # A name that is not valid UTF-8 comes as bytes.
        kind = str(each.op_type) if each.domain in _OWN else f"{each.domain}.{each.op_type}"
        constant = all(name in tensors and tensors[name].constant for name in each.input)
        if kind == "Constant":
            tensors[each.output[0]] = _constant(next(iter(attributes.values())), onnx)
        elif each.input and kind not in _NOT_FOLDED and constant:
            for name in each.output:
                tensors[name] = _folded(kind, tensors.get(name), tensors[each.input[0]])
        else:
            nodes.append(Node(kind, list(each.input), list(each.output), attributes))
    return nodes


def channels_last(shape: Shape) -> Shape:
    """Return the shape of an image with its channels last, and any other shape as it is."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape


def _folded(kind: str, tensor: Tensor | None, source: Tensor) -> Tensor:
    """Return the output of an operator on constants, which is a constant too."""
    if kind == "Identity":
        return source
    return Tensor(None, "unknown type", constant=True) if tensor is None else replace(tensor, constant=True)


def _fix_batch(graph: Any) -> None:
    """Set an open batch to 1 wherever the file names it, so that shapes can be inferred."""
    constants = {each.name for each in graph.initializer}
    named = set()
    for each in graph.input:
        dims = each.type.tensor_type.shape.dim
        if each.name not in constants and dims and dims[0].dim_value < 1:
            named.add(dims[0].dim_param)
            dims[0].dim_value = 1
    for each in [*graph.input, *graph.value_info, *graph.output]:
        for dim in each.type.tensor_type.shape.dim:
            if dim.dim_param and dim.dim_param in named:
                dim.dim_value = 1


def _constant(value: Any, onnx: Any) -> Tensor:
    """Return a constant, from a tensor in the file or from the value of an attribute."""
    if not isinstance(value, onnx.TensorProto):
        array = np.asarray(value)
        return Tensor(array.shape, array.dtype.name, constant=True, values=array)
    few = prod(value.dims) <= _MOST_VALUES and value.data_location != onnx.TensorProto.EXTERNAL
    values = onnx.numpy_helper.to_array(value) if few else None
    return Tensor(tuple(value.dims), onnx.TensorProto.DataType.Name(value.data_type), constant=True, values=values)

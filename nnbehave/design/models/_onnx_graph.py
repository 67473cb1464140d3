"""What an ``.onnx`` file holds: operators, and tensors by their names."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnbehave.design.models._base import Shape, Unlike, load

_PRECISIONS = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16"}
_OWN = ("", "ai.onnx")  # ONNX's own operators
_KEPT = ("DequantizeLinear", "If", "Loop")  # what runtimes do not fold even if all that it reads is constant
_SMALL = 64  # elements of a constant whose values may be an attribute: axes, bounds


@dataclass(frozen=True)
class Node:
    """An operator; an input that it leaves out has an empty name."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def has(self, i: int) -> bool:
        """Whether the operator has an input."""
        return len(self.inputs) > i and bool(self.inputs[i])


@dataclass(frozen=True)
class Tensor:
    """A tensor; ``values`` are kept of constants that have few."""

    shape: Shape | None
    type: str
    constant: bool = False
    values: NDArray[Any] | None = None


@dataclass(frozen=True)
class OnnxGraph:
    """A graph."""

    opset: int
    nodes: list[Node]
    outputs: list[str]
    tensors: dict[str, Tensor]

    def shape(self, name: str) -> Shape:
        """Return a shape as the file has it."""
        shape = self.tensors[name].shape if name in self.tensors else None
        if shape is None:
            raise Unlike("unknown shape")
        return shape

    def image(self, name: str) -> Shape:
        """Return a shape, channels last."""
        return channels_last(self.shape(name))

    def constant(self, name: str) -> bool:
        """Whether a tensor is a constant."""
        return name in self.tensors and self.tensors[name].constant

    def weights(self, name: str) -> Shape:
        """Return the shape of a constant."""
        if not self.constant(name):
            raise Unlike("its weights are no constant")
        return self.shape(name)

    def values(self, name: str) -> NDArray[Any]:
        """Return the values of a constant."""
        values = self.tensors[name].values if name in self.tensors else None
        if values is None:
            raise Unlike(f"{name!r} is no small constant")
        return values

    def precision(self, *names: str) -> str:
        """Return the precision of tensors of one type."""
        types = {self.tensors[name].type if name in self.tensors else "unknown type" for name in names}
        if len(types) > 1 or not types <= set(_PRECISIONS):
            raise Unlike(f"tensors of {' and '.join(sorted(types))}")
        return _PRECISIONS[types.pop()]

    def readers(self) -> Counter[str]:
        """Return how often each tensor is read; an output of the graph once more."""
        return Counter([name for node in self.nodes for name in node.inputs] + self.outputs)


def parse(path: Path) -> OnnxGraph:
    """Read a file and infer its shapes."""
    onnx = load(["onnx"], "onnx", "reading an .onnx file needs the onnx package")
    model = onnx.load(str(path), load_external_data=False)
    if not model.graph.node:
        raise ValueError("it holds no operators")
    _fix_batch(model.graph)
    # Of a model that it refuses, with operators that it does not know, the file itself may have the shapes.
    with contextlib.suppress(onnx.shape_inference.InferenceError):
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    type_name = onnx.TensorProto.DataType.Name
    tensors = {}
    for each in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
        tensor = each.type.tensor_type
        sides = [dim.dim_value if dim.dim_value > 0 else -1 for dim in tensor.shape.dim]
        shape = tuple(1 if i == 0 and side < 0 else side for i, side in enumerate(sides))
        tensors[each.name] = Tensor(shape if tensor.HasField("shape") else None, type_name(tensor.elem_type))
    for each in model.graph.initializer:
        tensors[each.name] = _constant(each, onnx)
    nodes = []
    for each in model.graph.node:
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in each.attribute}
        # A name that is no UTF-8 comes as bytes.
        kind = str(each.op_type) if each.domain in _OWN else f"{each.domain}.{each.op_type}"
        if kind == "Constant":
            tensors[each.output[0]] = _constant(next(iter(attributes.values())), onnx)
        elif (
            each.input and kind not in _KEPT and all(name in tensors and tensors[name].constant for name in each.input)
        ):
            for name in each.output:
                tensors[name] = _folded(kind, tensors.get(name), tensors[each.input[0]])
        else:
            nodes.append(Node(kind, list(each.input), list(each.output), attributes))
    opset = max((each.version for each in model.opset_import if each.domain in _OWN), default=1)
    return OnnxGraph(opset, nodes, [each.name for each in model.graph.output], tensors)


def channels_last(shape: Shape) -> Shape:
    """Return the shape that an image has with its channels last, and any other as it is."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape


def _folded(kind: str, tensor: Tensor | None, source: Tensor) -> Tensor:
    """Return the constant that an operator on constants makes."""
    if kind == "Identity":
        return source
    return Tensor(None, "unknown type", constant=True) if tensor is None else replace(tensor, constant=True)


def _fix_batch(graph: Any) -> None:
    """Make an open batch 1, everywhere where the file names it, so that shapes can be inferred."""
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
    if not isinstance(value, onnx.TensorProto):
        array = np.asarray(value)
        return Tensor(array.shape, array.dtype.name, constant=True, values=array)
    few = prod(value.dims) <= _SMALL and value.data_location != onnx.TensorProto.EXTERNAL
    values = onnx.numpy_helper.to_array(value) if few else None
    return Tensor(tuple(value.dims), onnx.TensorProto.DataType.Name(value.data_type), constant=True, values=values)

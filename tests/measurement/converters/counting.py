"""Counts OPs and moved elements of a ``.tflite`` file by the paper's Table 3, from the file alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

# What the converter writes for functions that have no operator of their own there.
DECOMPOSED = {
    "swish": "LOGISTIC MUL",
    "hardsigmoid": "ADD MUL",
    "batch_norm": "MUL ADD",
    "layer_norm": "MEAN SQUARED_DIFFERENCE MEAN ADD RSQRT SUB MUL MUL ADD",
}
_MOVING = {"RESHAPE", "TRANSPOSE", "CONCATENATION", "STRIDED_SLICE", "SPLIT_V", "SPLIT"}


@dataclass
class Counted:
    """The counts of a file: OPs, moved elements and weights of all nodes, and the names of the nodes."""

    ops: int = 0
    moved: int = 0
    weights: int = 0
    names: list[str] = field(default_factory=list)


def count(path: Path, activation: str | None) -> Counted:
    """Count the nodes of a file, without those of a layer's ``activation``."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    graph = model.subgraphs[0]
    counted = Counted()
    for node in graph.operators:
        code = model.operatorCodes[node.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        counted.names.append(name)
        given = [graph.tensors[i] for i in node.inputs if i >= 0]
        constant = [model.buffers[tensor.buffer].data is not None for tensor in given]
        read = [tuple(t.shape) for t, fixed in zip(given, constant, strict=True) if not fixed]
        written = tuple(graph.tensors[node.outputs[0]].shape)
        if name == str(activation).upper() or (name in ("ADD", "MUL") and len(read) < 2):
            continue  # an operation with a constant is a part of an activation function
        weights = _weights(name, given)
        counted.weights += prod(weights) if weights else 0
        counted.ops += _ops(name, node.builtinOptions, weights, read, written)
        if name == "STRIDED_SLICE":
            counted.moved += 2 * prod(written)
        elif name != "RESHAPE":
            counted.moved += sum(map(prod, read)) + prod(written)
    return counted


def _weights(name: str, given: list[Any]) -> tuple[int, ...]:
    index = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}.get(name)
    return () if index is None else tuple(given[index].shape)


def _ops(
    name: str, options: Any, weights: tuple[int, ...], read: list[tuple[int, ...]], written: tuple[int, ...]
) -> int:
    if name == "CONV_2D":
        return prod(written) * prod(weights[1:])
    if name == "DEPTHWISE_CONV_2D":
        return prod(written) * weights[1] * weights[2]
    if name == "TRANSPOSE_CONV":
        return prod(read[0][:3]) * prod(weights)
    if name == "FULLY_CONNECTED":
        return written[0] * prod(weights)
    if name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return prod(written) * int(options.filterHeight) * int(options.filterWidth)
    if name == "RESIZE_BILINEAR":
        return 4 * prod(written)
    return 0 if name in _MOVING else sum(map(prod, read))

"""The kernels of a model in LiteRT: whether XNNPACK or LiteRT's own kernel runs a node, and at which precision."""

from __future__ import annotations

from typing import Any, Dict, List, Set

from nnbehave.runner.kernels import Kernel

# XNNPACK replaces nodes by a delegate node. LiteRT's own kernels run the nodes that it leaves.
_DELEGATE = "DELEGATE"
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}  # convert between types and compute nothing


def tflite_kernels(details: List[Any], types: Dict[int, str], xnnpack: bool) -> List[Kernel]:
    """Return the kernels that run.

    Parameters
    ----------
    details : list of dict
        The interpreter's description of its nodes: ``index``, ``op_name``, ``inputs``, ``outputs``.
    types : dict of int to str
        NumPy's name of the type of each tensor.
    xnnpack : bool
        True if nodes are meant to run on XNNPACK.
    """
    nodes = [node for node in details if node["op_name"] != _DELEGATE and not _unpacks(node, types)]
    taken = _delegated(nodes, [node for node in details if node["op_name"] == _DELEGATE])
    return [
        Kernel(
            f"{'xnnpack' if node['index'] in taken else 'builtin'}:{node['op_name']}",
            _precision(node, types),
            node["index"] in taken or not xnnpack,
        )
        for node in nodes
    ]


def _unpacks(node: Any, types: Dict[int, str]) -> bool:
    """Return True if a node only converts stored fp16 weights to fp32, which happens once."""
    return node["op_name"] == "DEQUANTIZE" and types.get(node["inputs"][0]) == "float16"


def _precision(node: Any, types: Dict[int, str]) -> str:
    """Return the precision of a node, which follows from the types of its inputs and its output."""
    if node["op_name"] in _CONVERSIONS:
        return ""
    result = types.get(node["outputs"][0], "unknown")
    weights_int8 = any(types.get(tensor) == "int8" for tensor in node["inputs"])
    if result == "float32":
        return "dynamic_int8" if weights_int8 else "fp32"
    return {"float16": "fp16", "int16": "int16x8"}.get(result, result)


def _delegated(nodes: List[Any], delegates: List[Any]) -> Set[int]:
    """Return the indices of the nodes that delegates run: the nodes between a delegate's inputs and its outputs."""
    makers = {tensor: node for node in nodes for tensor in node["outputs"]}
    taken: Set[int] = set()
    for delegate in delegates:
        wanted = list(delegate["outputs"])
        given = set(delegate["inputs"])
        while wanted:
            node = makers.get(wanted.pop())
            if node is not None and node["index"] not in taken:
                taken.add(node["index"])
                wanted += [tensor for tensor in node["inputs"] if tensor not in given]
    return taken

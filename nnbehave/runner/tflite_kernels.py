"""What LiteRT tells of the nodes of a loaded model: by whom each is run, and at what type."""

from __future__ import annotations

from typing import Any, Dict, List, Set

from nnbehave.runner.kernels import Kernel

# XNNPACK takes a graph over as one delegate node; nodes that it leaves run on LiteRT's own kernels.
_DELEGATE = "DELEGATE"
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}  # between types, at the edges of what computes


def tflite_kernels(details: List[Any], types: Dict[int, str], xnnpack: bool) -> List[Kernel]:
    """Return the kernels that run.

    Parameters
    ----------
    details : list of dict
        The interpreter's word on its nodes: ``index``, ``op_name``, ``inputs``, ``outputs``.
    types : dict of int to str
        Of each tensor, as NumPy calls it.
    xnnpack : bool
        Whether nodes are meant to run on XNNPACK.
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
    """Whether a node only turns stored fp16 weights into fp32, which happens once."""
    return node["op_name"] == "DEQUANTIZE" and types.get(node["inputs"][0]) == "float16"


def _precision(node: Any, types: Dict[int, str]) -> str:
    """Return what a node computes in, from the types of its output and of its inputs."""
    if node["op_name"] in _CONVERSIONS:
        return ""
    result = types.get(node["outputs"][0], "unknown")
    weights_int8 = any(types.get(tensor) == "int8" for tensor in node["inputs"])
    if result == "float32":
        return "dynamic_int8" if weights_int8 else "fp32"
    return {"float16": "fp16", "int16": "int16x8"}.get(result, result)


def _delegated(nodes: List[Any], delegates: List[Any]) -> Set[int]:
    """Return the indices of the nodes that delegates run: all between a delegate's inputs and its outputs."""
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

"""LiteRT (``ai-edge-litert``), the maintained TensorFlow Lite runtime, on the CPU."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

# XNNPACK takes a graph over as one delegate node; nodes that it leaves run on LiteRT's own kernels.
_DELEGATE = "DELEGATE"
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}  # between types, at the edges of what computes


class LiteRTModel(Model):
    """A ``.tflite`` in an interpreter of its own."""

    def __init__(self, runtime: Any, path: str, threads: int, xnnpack: bool) -> None:
        resolvers = runtime.OpResolverType
        resolver = resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = runtime.Interpreter(
                model_path=path, num_threads=threads, experimental_op_resolver_type=resolver
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise Unsupported(str(error)) from None
        self._inputs = self._interpreter.get_input_details()
        self.input_shapes = [tuple(detail["shape"]) for detail in self._inputs]
        self.input_dtypes = [detail["dtype"] for detail in self._inputs]
        self.invoke = self._interpreter.invoke
        self._describe(xnnpack)

    def _describe(self, xnnpack: bool) -> None:
        """Read from the interpreter which nodes run, by whom, and at what type."""
        details = self._interpreter._get_ops_details()
        types = {tensor["index"]: np.dtype(tensor["dtype"]).name for tensor in self._interpreter.get_tensor_details()}
        nodes = [node for node in details if node["op_name"] != _DELEGATE and not _unpacks(node, types)]
        taken = _delegated(nodes, [node for node in details if node["op_name"] == _DELEGATE])
        self.kernels = [
            Kernel(
                f"{'xnnpack' if node['index'] in taken else 'builtin'}:{node['op_name']}",
                _precision(node, types),
                node["index"] in taken or not xnnpack,
            )
            for node in nodes
        ]

    def run(self, inputs: list[Any]) -> list[Any]:
        for detail, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(detail["index"], value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details()]


def _unpacks(node: Any, types: dict[int, str]) -> bool:
    """Whether a node only turns stored fp16 weights into fp32, which happens once."""
    return node["op_name"] == "DEQUANTIZE" and types.get(node["inputs"][0]) == "float16"


def _precision(node: Any, types: dict[int, str]) -> str:
    """Return what a node computes in, from the types of its output and of its inputs."""
    if node["op_name"] in _CONVERSIONS:
        return ""
    result = types.get(node["outputs"][0], "unknown")
    weights_int8 = any(types.get(tensor) == "int8" for tensor in node["inputs"])
    if result == "float32":
        return "dynamic_int8" if weights_int8 else "fp32"
    return {"float16": "fp16", "int16": "int16x8"}.get(result, result)


def _delegated(nodes: list[Any], delegates: list[Any]) -> set[int]:
    """Return the indices of the nodes that delegates run: all between a delegate's inputs and its outputs."""
    makers = {tensor: node for node in nodes for tensor in node["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        wanted = list(delegate["outputs"])
        given = set(delegate["inputs"])
        while wanted:
            node = makers.get(wanted.pop())
            if node is not None and node["index"] not in taken:
                taken.add(node["index"])
                wanted += [tensor for tensor in node["inputs"] if tensor not in given]
    return taken


class LiteRTBackend(Backend):
    """Options: ``threads``; ``xnnpack``, whether the XNNPACK delegate takes what it can.

    Attributes
    ----------
    package, module : str
        The distribution of the runtime, and its module of interpreters.
    """

    package: ClassVar[str] = "ai-edge-litert"
    module: ClassVar[str] = "ai_edge_litert.interpreter"

    def __init__(self, threads: int = 1, xnnpack: bool = True) -> None:
        self._threads = threads
        self._xnnpack = xnnpack
        self._runtime = import_module(self.module)

    def versions(self) -> dict[str, Any]:
        return {self.package: version(self.package)}

    def load(self, path: str, precision: str) -> LiteRTModel:
        return LiteRTModel(self._runtime, path, self._threads, self._xnnpack)

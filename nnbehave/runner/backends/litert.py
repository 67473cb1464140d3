"""LiteRT (``ai-edge-litert``), the maintained TensorFlow Lite runtime, on the CPU."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from nnbehave.runner.backends.base import Backend, Model, random_input

# XNNPACK takes a graph over as one delegate node; nodes that it leaves run on LiteRT's own kernels.
_DELEGATE = "DELEGATE"
_PRECISIONS = {"float32": "fp32", "float16": "fp16"}


class LiteRTModel(Model):
    """A ``.tflite`` in an interpreter of its own."""

    def __init__(self, path: str, seed: int, threads: int, xnnpack: bool) -> None:
        resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._interpreter = Interpreter(model_path=path, num_threads=threads, experimental_op_resolver_type=resolver)
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        rng = np.random.default_rng(seed)
        for detail in self._inputs:
            value = random_input(tuple(detail["shape"]), detail["dtype"], rng)
            self._interpreter.set_tensor(detail["index"], value)
        self.invoke = self._interpreter.invoke
        self._describe(xnnpack)

    def _describe(self, xnnpack: bool) -> None:
        """Read from the interpreter which nodes run, by whom, and at what type."""
        details = self._interpreter._get_ops_details()
        nodes = [node for node in details if node["op_name"] != _DELEGATE]
        taken = _delegated(nodes, [node for node in details if node["op_name"] == _DELEGATE])
        self.kernels = [f"{'xnnpack' if node['index'] in taken else 'builtin'}:{node['op_name']}" for node in nodes]
        if xnnpack and len(taken) < len(nodes):
            self.placement = "partial" if taken else "fallback"
        else:
            self.placement = "full"
        types = {np.dtype(result).name for node in nodes for result in node["result_types"]}
        self.executed_precision = "+".join(sorted(_PRECISIONS.get(name, name) for name in types))

    def run(self, inputs: list[Any]) -> list[Any]:
        for detail, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(detail["index"], value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details()]


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
    """Options: ``threads``; ``xnnpack``, whether the XNNPACK delegate takes what it can."""

    def __init__(self, threads: int = 1, xnnpack: bool = True) -> None:
        self._threads = threads
        self._xnnpack = xnnpack

    def versions(self) -> dict[str, Any]:
        return {"ai-edge-litert": version("ai-edge-litert")}

    def load(self, path: str, seed: int) -> LiteRTModel:
        return LiteRTModel(path, seed, self._threads, self._xnnpack)

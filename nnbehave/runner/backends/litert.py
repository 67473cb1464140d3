"""The backend for LiteRT (``ai-edge-litert``), the maintained TensorFlow Lite runtime, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.tflite_kernels import tflite_kernels


class LiteRTModel(Model):
    """A ``.tflite`` file in an interpreter of its own."""

    def __init__(self, runtime: Any, path: str, threads: int, xnnpack: bool, delegates: Sequence[Any] = ()) -> None:
        resolvers = runtime.OpResolverType
        resolver = resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = runtime.Interpreter(
                model_path=path,
                num_threads=threads,
                experimental_op_resolver_type=resolver,
                experimental_delegates=list(delegates),
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise Unsupported(str(error)) from None
        self._inputs = self._interpreter.get_input_details()
        self.input_shapes = [tuple(detail["shape"]) for detail in self._inputs]
        self.input_dtypes = [detail["dtype"] for detail in self._inputs]
        self.invoke = self._interpreter.invoke
        types = {tensor["index"]: np.dtype(tensor["dtype"]).name for tensor in self._interpreter.get_tensor_details()}
        self.kernels = tflite_kernels(self._interpreter._get_ops_details(), types, xnnpack)

    def run(self, inputs: list[Any]) -> list[Any]:
        for detail, value in zip(self._inputs, inputs):
            self._interpreter.set_tensor(detail["index"], value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details()]


class LiteRTBackend(Backend):
    """Options: ``threads``; ``xnnpack``, true to run a graph by the XNNPACK delegate, as far as it can.

    Attributes
    ----------
    package : str
        The distribution of the runtime.
    module : str
        The module that has the interpreter.
    """

    package: ClassVar[str] = "ai-edge-litert"
    module: ClassVar[str] = "ai_edge_litert.interpreter"

    def __init__(self, threads: int = 1, xnnpack: bool = True) -> None:
        self._threads = threads
        self._xnnpack = xnnpack
        self._runtime = import_module(self.module)

    def versions(self) -> dict[str, str]:
        return {self.package: version(self.package)}

    def load(self, path: str, precision: str) -> LiteRTModel:
        return LiteRTModel(self._runtime, path, self._threads, self._xnnpack)

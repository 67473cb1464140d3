"""The backend for OpenVINO on the CPU. It sets OpenVINO's precision hint to the precision of the layer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

# OpenVINO's Python package reports its use to a server, from processes that can outlive this one. The package
# openvino_telemetry does this. OpenVINO works without it, so its import is made to fail.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

from nnbehave.runner.backends.base import Backend, Model  # noqa: E402
from nnbehave.runner.kernels import Kernel  # noqa: E402
from nnbehave.runner.protocol import Unsupported  # noqa: E402

_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "I8": "int8", "i8": "int8", "u8": "int8"}
# The hint for each precision. Without a hint OpenVINO computes fp32 layers in bf16 where the processor has it.
# Quantised models run in integers whatever the hint says; it then applies to the floats that remain in them.
_HINTS = {"fp16": "f16", "bf16": "bf16"}
_DEFAULT_HINT = "f32"
_CONVERSIONS = {"Reorder", "Convert", "Transpose"}  # move or convert data, so they have no precision
_NOT_RUN = {"Input", "Output", "Const", "Reshape"}  # nodes of the executed graph that take no time
_EDGES = {"Reorder", "Transpose", "Parameter", "Result", "Constant"}  # profiled nodes that are not of the layer
_FEWEST_PROFILED = 10  # calls in a profiled sample
_REASON_CHARACTERS = 500


class OpenVINOModel(Model):
    """A compiled model with one inference request. OpenVINO's CPU plug-in compiles a whole graph or refuses it."""

    def __init__(self, compiled: ov.CompiledModel, profiled: Callable[[], ov.CompiledModel]) -> None:
        self._profiled = profiled
        self._inputs: list[Any] = []
        self._request = compiled.create_infer_request()
        self.input_shapes = [tuple(port.shape) for port in compiled.inputs]
        self.input_dtypes = [port.element_type.to_dtype() for port in compiled.inputs]
        # By default infer() copies every output into a new array, which the runtime does not need. With the copy, a
        # 28×28 conv with Cin 16 and K 1 took 32 instead of 25 µs (Cout 64) and 79 instead of 58 µs (Cout 256).
        self.invoke = partial(self._request.infer, share_outputs=True)
        facts = [
            {key: value.value if hasattr(value, "value") else value for key, value in node.get_rt_info().items()}
            for node in compiled.get_runtime_model().get_ops()
        ]
        ran = [(str(f["layerType"]), str(f["primitiveType"])) for f in facts if f["layerType"] not in _NOT_RUN]
        self.kernels = [Kernel(f"{kind}:{primitive}", _precision(kind, primitive)) for kind, primitive in ran]

    def run(self, inputs: list[Any]) -> list[Any]:
        self._inputs = inputs
        _place(self._request, inputs)
        results = self._request.infer()
        return [np.array(results[i]) for i in range(len(results))]

    def profile(self, sample_ns: int) -> tuple[int, int]:
        # OpenVINO gives the mean of each kernel since compilation, in whole µs. So each sample compiles the model anew.
        request = self._profiled().create_infer_request()
        _place(request, self._inputs)
        begin, calls = time.perf_counter_ns(), 0
        while calls < _FEWEST_PROFILED or time.perf_counter_ns() - begin < sample_ns:
            request.infer(share_outputs=True)
            calls += 1
        own = [node.real_time.total_seconds() for node in request.get_profiling_info() if node.node_type not in _EDGES]
        return calls, round(sum(own) * 1e9) * calls


def _precision(kind: str, primitive: str) -> str:
    """Return the precision of a kernel, which is the end of its name."""
    name = primitive.rsplit("_", 1)[-1]
    return "" if kind in _CONVERSIONS else _PRECISIONS.get(name, name)


def _place(request: ov.InferRequest, inputs: list[Any]) -> None:
    """Put arrays in place as the inputs of a request."""
    for i, value in enumerate(inputs):
        request.set_input_tensor(i, ov.Tensor(np.ascontiguousarray(value)))


class OpenVINOBackend(Backend):
    """Options: ``threads``."""

    def __init__(self, threads: int = 1) -> None:
        self._core = ov.Core()
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # the whole runner is pinned
        }

    def versions(self) -> dict[str, str]:
        return {"openvino": version("openvino")}

    def load(self, path: str, precision: str) -> OpenVINOModel:
        config = {**self._config, "INFERENCE_PRECISION_HINT": _HINTS.get(precision, _DEFAULT_HINT)}
        profiled = partial(self._core.compile_model, path, "CPU", {**config, "PERF_COUNT": True})
        try:
            compiled = self._core.compile_model(path, "CPU", config)
        except RuntimeError as error:
            raise Unsupported(_brief(str(error))) from None
        return OpenVINOModel(compiled, profiled)


def _brief(message: str) -> str:
    """Return an error message of OpenVINO in one line, without places in its source code."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return " ".join(reasons or lines)[:_REASON_CHARACTERS]

"""OpenVINO on the CPU."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

# OpenVINO's Python package reports its use to a server, from processes that it forks and that can outlive this one.
# Without the package that does it, it does not: this import is one that OpenVINO expects to fail.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

from nnbehave.runner.backends.base import Backend, Model, random_input  # noqa: E402

_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "I8": "int8", "i8": "int8", "u8": "int8"}
_NOT_RUN = {"Input", "Output", "Const", "Reshape"}  # nodes of the executed graph that take no time


_EDGES = {"Reorder", "Transpose", "Parameter", "Result", "Constant"}  # profiled nodes that are not the layer's own
_FEWEST_PROFILED = 10


class OpenVINOModel(Model):
    """A compiled model with one inference request."""

    placement = "full"  # the CPU plug-in compiles a whole graph or refuses it

    def __init__(self, compiled: ov.CompiledModel, seed: int, profiled: Callable[[], ov.CompiledModel]) -> None:
        self._profiled = profiled
        self._seed = seed
        self._request = _request(compiled, seed)
        # By default infer() copies every output into an array of its own; the runtime does not ask for that. Timed
        # with it, a 28×28 conv, Cin 16, K 1, took 32 µs for 25 (Cout 64) and 79 for 58 (Cout 256).
        self.invoke = partial(self._request.infer, share_outputs=True)
        facts = [
            {key: value.value if hasattr(value, "value") else value for key, value in node.get_rt_info().items()}
            for node in compiled.get_runtime_model().get_ops()
        ]
        ran = [(str(f["layerType"]), str(f["primitiveType"])) for f in facts if f["layerType"] not in _NOT_RUN]
        self.kernels = [f"{kind}:{primitive}" for kind, primitive in ran]
        # A reorder at the graph's edge moves data and does not speak for the layer's precision.
        types = {primitive.rsplit("_", 1)[-1] for kind, primitive in ran if kind != "Reorder"}
        self.executed_precision = "+".join(sorted(_PRECISIONS.get(name, name) for name in types)) or "unknown"

    def run(self, inputs: list[Any]) -> list[Any]:
        results = self._request.infer(list(inputs))
        return [np.array(results[i]) for i in range(len(results))]

    def profile(self, block_ns: int) -> tuple[int, int]:
        """OpenVINO gives each kernel's mean since it compiled, in whole µs: so each block compiles anew."""
        request = _request(self._profiled(), self._seed)
        begin, calls = time.perf_counter_ns(), 0
        while calls < _FEWEST_PROFILED or time.perf_counter_ns() - begin < block_ns:
            request.infer(share_outputs=True)
            calls += 1
        own = [node.real_time.total_seconds() for node in request.get_profiling_info() if node.node_type not in _EDGES]
        return calls, round(sum(own) * 1e9) * calls


def _request(compiled: ov.CompiledModel, seed: int) -> ov.InferRequest:
    """Return an inference request with random inputs in place."""
    request = compiled.create_infer_request()
    rng = np.random.default_rng(seed)
    for i, port in enumerate(compiled.inputs):
        value = random_input(tuple(port.shape), port.element_type.to_dtype(), rng)
        request.set_input_tensor(i, ov.Tensor(value))
    return request


class OpenVINOBackend(Backend):
    """Options: ``threads``; ``precision_hint``, without which OpenVINO computes in bf16 where the processor can."""

    def __init__(self, threads: int = 1, precision_hint: str = "f32") -> None:
        self._core = ov.Core()
        self._config = {
            "INFERENCE_PRECISION_HINT": precision_hint,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # the runner is pinned as a whole
        }

    def versions(self) -> dict[str, Any]:
        return {"openvino": version("openvino")}

    def load(self, path: str, seed: int) -> OpenVINOModel:
        profiled = partial(self._core.compile_model, path, "CPU", {**self._config, "PERF_COUNT": True})
        return OpenVINOModel(self._core.compile_model(path, "CPU", self._config), seed, profiled)

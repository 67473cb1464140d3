"""The backend for ONNX Runtime on the CPU."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

_PRECISIONS = {"float": "fp32", "float16": "fp16", "double": "fp64"}
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_PROVIDER = "CPUExecutionProvider"
_CONVERSIONS = {"ReorderInput", "ReorderOutput"}  # to and from the blocked layout of convolutions
_TIMED = "_kernel_time"
_ONLY_ERRORS = 3  # least severity of messages that are logged


class OnnxRuntimeModel(Model):
    """A session whose inputs and outputs keep their places in memory from call to call."""

    def __init__(self, session: ort.InferenceSession, kernels: list[Kernel]) -> None:
        self.kernels = kernels
        self._inputs = session.get_inputs()
        self.input_shapes = [tuple(end.shape) for end in self._inputs]
        self.input_dtypes = [_TYPES[end.type] for end in self._inputs]
        self._binding = session.io_binding()
        for end in session.get_outputs():
            value = ort.OrtValue.ortvalue_from_shape_and_type(end.shape, _TYPES[end.type])
            self._binding.bind_ortvalue_output(end.name, value)
        self.invoke = partial(session.run_with_iobinding, self._binding)

    def run(self, inputs: list[Any]) -> list[Any]:
        for end, value in zip(self._inputs, inputs):
            self._binding.bind_ortvalue_input(end.name, ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value)))
        self.invoke()
        return [np.array(value.numpy()) for value in self._binding.get_outputs()]


class OnnxRuntimeBackend(Backend):
    """Options: ``threads``."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def versions(self) -> dict[str, str]:
        return {"onnxruntime": version("onnxruntime")}

    def load(self, path: str, precision: str) -> OnnxRuntimeModel:
        try:
            return OnnxRuntimeModel(self._session(path, self._options()), self._kernels(path))
        except Exception as error:
            if not type(error).__module__.startswith("onnxruntime."):
                raise  # the runtime did not refuse the model: it is broken
            raise Unsupported(str(error)) from None

    def _options(self) -> ort.SessionOptions:
        """Return the options of a session."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_ERRORS
        return options

    def _session(self, path: str, options: ort.SessionOptions) -> ort.InferenceSession:
        """Return a session of a model on the CPU."""
        return ort.InferenceSession(path, options, providers=[_PROVIDER])

    def _kernels(self, path: str) -> list[Kernel]:
        """Return the nodes of the optimised graph, from the profile of one call."""
        options = self._options()
        options.enable_profiling = True
        with tempfile.TemporaryDirectory() as folder:
            options.profile_file_prefix = str(Path(folder, "profile"))
            session = self._session(path, options)
            session.run(None, {end.name: np.zeros(end.shape, _TYPES[end.type]) for end in session.get_inputs()})
            events = json.loads(Path(session.end_profiling()).read_text())
        return [_kernel(event) for event in events if event["cat"] == "Node" and event["name"].endswith(_TIMED)]


def _kernel(event: dict[str, Any]) -> Kernel:
    """Return a profiled node as a kernel. A node in the blocked layout is told by the end of its name."""
    facts = event["args"]
    blocked = event["name"].endswith("_nchwc" + _TIMED)
    name = f"{facts['op_name']}:nchwc" if blocked else facts["op_name"]
    types = {kind for output in facts["output_type_shape"] for kind in output}
    precision = "" if facts["op_name"] in _CONVERSIONS else "+".join(sorted(_PRECISIONS.get(t, t) for t in types))
    return Kernel(name, precision, facts["provider"] == _PROVIDER)

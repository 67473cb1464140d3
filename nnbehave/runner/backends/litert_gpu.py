"""The backend for LiteRT's GPU accelerator (``ai-edge-litert``): WebGPU over Vulkan."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, GpuOptions, HardwareAccelerator, Options
from ai_edge_litert.environment import Environment, EnvironmentOptions

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.vulkan import devices


class LiteRTGPUModel(Model):
    """A compiled model with a buffer for each input and output."""

    def __init__(self, model: CompiledModel) -> None:
        self._model = model
        (signature,) = model.get_signature_list().items()
        name, ends = signature
        inputs, outputs = model.get_input_tensor_details(name), model.get_output_tensor_details(name)
        self.input_shapes = [tuple(inputs[end]["shape"]) for end in ends["inputs"]]
        self.input_dtypes = [np.float32] * len(self.input_shapes)
        self._output_shapes = [tuple(outputs[end]["shape"]) for end in ends["outputs"]]
        self._inputs, self._outputs = model.create_input_buffers(0), model.create_output_buffers(0)
        self._sizes = [int(np.prod(shape)) for shape in self._output_shapes]
        self.kernels = [Kernel("webgpu", placed=model.is_fully_accelerated())]  # LiteRT tells no more
        self.invoke = self._invoke

    def _invoke(self) -> list[Any]:
        """Run the model and read the outputs back. A run is asynchronous, and only reading waits for its end."""
        self._model.run_by_index(0, self._inputs, self._outputs)
        return [buffer.read(size, np.float32) for buffer, size in zip(self._outputs, self._sizes)]

    def run(self, inputs: list[Any]) -> list[Any]:
        for buffer, value in zip(self._inputs, inputs):
            buffer.write(np.ascontiguousarray(value, np.float32))
        return [np.array(out).reshape(shape) for out, shape in zip(self._invoke(), self._output_shapes)]


class LiteRTGPUBackend(Backend):
    """No options."""

    def __init__(self) -> None:
        folder = str(Path(ai_edge_litert.__file__).parent)
        self._environment = Environment.create(options=EnvironmentOptions(runtime_path=folder))

    def versions(self) -> dict[str, str]:
        return {"ai-edge-litert": version("ai-edge-litert"), "vulkan": ", ".join(devices())}

    def load(self, path: str, precision: str) -> LiteRTGPUModel:
        gpu = GpuOptions(enforce_f32=precision == "fp32")
        options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=gpu)
        try:
            return LiteRTGPUModel(CompiledModel.from_file(path, environment=self._environment, options=options))
        except RuntimeError as error:
            raise Unsupported(str(error)) from None

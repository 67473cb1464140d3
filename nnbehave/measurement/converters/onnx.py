"""Conversion of a graph to ONNX, channels first, the layout of models that were written in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed
from nnbehave.measurement.converters.reference import run_in_tensorflow
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.runner.reference import NOT_QUANTISED, nudged, random_inputs, save_reference

# The oldest version with HardSwish. Compilers of accelerators lag behind ONNX and refuse newer files.
_OPSET, _IR_VERSION = 14, 7


class ONNXConverter(Converter):
    """Translates each operator of the traced TensorFlow graph to ONNX, with the same weights, in (N, C, H, W).

    The weights stay fp32: the runtime chooses the precision to compute in, or the compiler that quantises does.
    Activation functions are written as PyTorch's exporter writes them: ``HardSwish`` is one node, swish is two.
    """

    name = "onnx"
    file = "model.onnx"
    revision = 2
    packages = {"tensorflow": "tensorflow", "onnx": "onnx"}
    precisions = ("fp32", "fp16", "int8")

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        # This imports TensorFlow, so it comes before the graph is timed.
        from nnbehave.measurement.converters._onnx_operators import translate

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = concrete_function(graph, seed)
        with timed(phases, "convert"):
            translation = translate(function)
            (folder / self.file).write_bytes(_model(translation, function).SerializeToString())
        with timed(phases, "reference"):
            if len(graph.outputs) == 1:  # as in converters.reference.keep_reference
                _keep_reference(translation, function, seed, folder)
        return phases


def _keep_reference(translation: Any, function: Any, seed: int, folder: Path) -> None:
    """Save TensorFlow's output for inputs that are drawn channels first, with its elements in ONNX's order."""
    from nnbehave.measurement.converters._onnx_graph import channels_first, channels_last, first_shape, reordered

    inputs = random_inputs([first_shape(x) for x in function.inputs], seed)
    (output,), (moved,) = (
        run_in_tensorflow(function, [channels_last(x) for x in each]) for each in (inputs, nudged(inputs))
    )
    image = translation.flattened.get(translation.name(function.outputs[0]))
    expected, shifted = (reordered(x, image) if image else channels_first(x) for x in (output, moved))
    save_reference(folder, expected, shifted, [NOT_QUANTISED] * len(inputs), [NOT_QUANTISED])


def _model(translation: Any, function: Any) -> Any:
    """Return the ONNX model of a translated function."""
    from onnx import TensorProto, helper

    from nnbehave.measurement.converters._onnx_graph import first_shape

    inputs, outputs = (
        [helper.make_tensor_value_info(translation.name(x), TensorProto.FLOAT, first_shape(x)) for x in tensors]
        for tensors in (function.inputs, function.outputs)
    )
    nodes, constants = translation.needed([output.name for output in outputs])
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="nnbehave")

"""Conversion of a graph to OpenVINO's IR, by OpenVINO's own TensorFlow frontend.

OpenVINO also reads ``.tflite`` files. At fp32 both ways lead to the same executed primitives and to bit-identical
outputs, as the tests check, except for gelu, transposed_conv and SE, which differ in a reorder or a fusion. The
TensorFlow frontend is used because it takes 8 ms a layer, where TensorFlow Lite's converter takes 50 ms, and because it
does not depend on TensorFlow Lite.

``Core.read_model`` is used rather than ``openvino.convert_model``, which reads the same graph but first reports every
model to a server (300 ms a layer on the development machine).
"""

from __future__ import annotations

import sys
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed
from nnbehave.measurement.converters.reference import keep_reference
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.runner.protocol import Unsupported


class OpenVINOConverter(Converter):
    """Converts to OpenVINO's IR. The weights stay fp32: the runtime is told the precision to compute in."""

    name = "openvino"
    file = "model.xml"
    revision = 4
    precisions = ("fp32", "fp16", "bf16")
    packages = {"tensorflow": "tensorflow", "openvino": "openvino"}

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as in the runner's backend
        import openvino as ov
        import tensorflow  # noqa: F401 (imported here, so that its import is not timed as building the graph)

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = concrete_function(graph, seed)
        with timed(phases, "convert"):
            frozen = folder / "graph.pb"  # the weights are constants, so the graph needs no freezing
            frozen.write_bytes(function.graph.as_graph_def().SerializeToString())
            try:
                model = ov.Core().read_model(frozen)
            except RuntimeError as error:
                raise Unsupported(str(error).strip()) from None
            ov.save_model(model, folder / self.file, compress_to_fp16=False)
            frozen.unlink()
        with timed(phases, "reference"):
            keep_reference(function, graph, seed, folder)
        return phases

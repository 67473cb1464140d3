"""TensorFlow graph → OpenVINO IR, through OpenVINO's own TensorFlow frontend.

OpenVINO also reads a ``.tflite``. Both ways end in the same kernels (fp32: the same executed primitives and, to the
bit, the same outputs; the tests compare them) but for gelu, transposed_conv and SE, which differ in a reorder or a
fusion. So the direct way is kept: it takes 8 ms a layer where the TFLite converter takes 50, and needs no TensorFlow
Lite in between. ``openvino.convert_model`` would read the same graph, but reports every model to a server first (300 ms
a layer here); ``Core.read_model`` does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, keep_reference, timed
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.runner.protocol import Unsupported


class OpenVINOConverter(Converter):
    """OpenVINO's TensorFlow frontend; the weights stay fp32, and what is computed in is the runtime's matter."""

    name = "openvino"
    file = "model.xml"
    revision = 4
    precisions = ("fp32", "fp16", "bf16")
    packages = {"tensorflow": "tensorflow", "openvino": "openvino"}

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as in the runner's backend
        import openvino as ov
        import tensorflow  # noqa: F401 (its seconds are not the graph's)

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = concrete_function(graph, seed)
        with timed(phases, "convert"):
            frozen = folder / "graph.pb"  # the weights are constants, so the graph is frozen as it is
            frozen.write_bytes(function.graph.as_graph_def().SerializeToString())
            try:
                model = ov.Core().read_model(frozen)
            except RuntimeError as error:
                raise Unsupported(str(error).strip()) from None
            ov.save_model(model, folder / self.file, compress_to_fp16=False)
            frozen.unlink()
        with timed(phases, "reference"):
            exact = [(0.0, 0)]
            keep_reference(function, graph, seed, folder, exact * len(graph.input_shapes), exact)
        return phases

"""TensorFlow graph → ``.tflite``."""

from __future__ import annotations

from pathlib import Path

from nnbehave.converters._base import Converter, timed
from nnbehave.graph import Graph


class TFLiteConverter(Converter):
    """The TensorFlow Lite converter, fp32."""

    name = "tflite"
    file = "model.tflite"
    packages = {"tensorflow": "tensorflow"}

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        import tensorflow as tf

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = graph.concrete_function(seed)
        with timed(phases, "convert"):
            content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
            (folder / self.file).write_bytes(content)
        return phases

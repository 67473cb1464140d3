"""TensorFlow graph → ``.tflite``."""

from __future__ import annotations

from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, keep_reference, timed
from nnbehave.measurement.converters.quantisation import ask_for_precision, random_samples, read_quantisation
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.runner.protocol import Unsupported


class TFLiteConverter(Converter):
    """The TensorFlow Lite converter.

    Integer precisions are quantised with inputs drawn from the seed, and are integer throughout, inputs and outputs
    too, so that no conversion of floats is timed: what has no such kernel is refused.
    """

    name = "tflite"
    file = "model.tflite"
    revision = 4
    packages = {"tensorflow": "tensorflow"}
    precisions = ("fp32", "fp16", "dynamic_int8", "int8", "uint8", "int16x8")

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        import tensorflow as tf

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = concrete_function(graph, seed)
        with timed(phases, "convert"):
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
            ask_for_precision(converter, graph.precision, lambda: random_samples(graph, seed))
            try:
                content = converter.convert()
            except Exception as error:
                if type(error).__name__ != "ConverterError" and not isinstance(error, RuntimeError | ValueError):
                    raise  # not the converter's word on the graph
                said = dict.fromkeys(str(error).strip().splitlines())  # the same of every node
                raise Unsupported("; ".join(said) or type(error).__name__) from None
            (folder / self.file).write_bytes(content)
        with timed(phases, "reference"):
            keep_reference(function, graph, seed, folder, *read_quantisation(content, graph))
        return phases

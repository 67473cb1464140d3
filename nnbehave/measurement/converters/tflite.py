"""Conversion of a graph to a ``.tflite`` file, by TensorFlow Lite's converter."""

from __future__ import annotations

from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed
from nnbehave.measurement.converters.quantisation import ask_for_precision, random_samples, read_quantisation
from nnbehave.measurement.converters.reference import keep_reference
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
from nnbehave.runner.protocol import Unsupported


class TFLiteConverter(Converter):
    """Converts to a ``.tflite`` file.

    At an integer precision the ranges are found with inputs drawn from the seed. Every operator is then integer, and
    so are the model's inputs and outputs, so that no conversion from or to floats is timed. A graph with an operator
    that has no integer kernel is refused.
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
                    raise  # the converter did not refuse the graph: it is broken
                lines = dict.fromkeys(str(error).strip().splitlines())  # the converter repeats itself for each node
                raise Unsupported("; ".join(lines) or type(error).__name__) from None
            (folder / self.file).write_bytes(content)
        with timed(phases, "reference"):
            inputs, outputs = read_quantisation(content, graph)
            keep_reference(function, graph, seed, folder, inputs, outputs)
        return phases

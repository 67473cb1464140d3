"""Conversion of a graph to a frozen TensorFlow graph, one file with the weights in it."""

from __future__ import annotations

from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed
from nnbehave.measurement.converters.reference import keep_reference
from nnbehave.measurement.converters.tensorflow_graph import concrete_function


class FrozenGraphConverter(Converter):
    """Converts to a ``GraphDef`` whose weights are constants. It holds only what the outputs depend on.

    A SavedModel would hold the same graph in a folder of files. It has room for variables, which the graph lacks.
    """

    name = "frozen_graph"
    file = "graph.pb"
    revision = 2
    packages = {"tensorflow": "tensorflow"}
    precisions = ("fp32",)

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        import tensorflow as tf

        phases: dict[str, float] = {}
        with timed(phases, "graph"):
            function = concrete_function(graph, seed)
        with timed(phases, "convert"):
            outputs = [tensor.op.name for tensor in function.outputs]
            frozen = tf.compat.v1.graph_util.extract_sub_graph(function.graph.as_graph_def(), outputs)
            (folder / self.file).write_bytes(frozen.SerializeToString())
        with timed(phases, "reference"):
            keep_reference(function, graph, seed, folder)
        return phases

"""TensorFlow graph → the same graph in one file, with its weights in it."""

from __future__ import annotations

from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, keep_reference, timed
from nnbehave.measurement.converters.tensorflow_graph import concrete_function


class FrozenGraphConverter(Converter):
    """TensorFlow's ``GraphDef``, of what the outputs depend on: weights are constants, as when a model is frozen.

    A SavedModel is a folder, holds the same graph, and here no variables; one file does.
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
            exact = [(0.0, 0)]
            keep_reference(function, graph, seed, folder, exact * len(graph.input_shapes), exact)
        return phases

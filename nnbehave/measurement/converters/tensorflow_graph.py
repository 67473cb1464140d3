"""A graph as a TensorFlow function: the first step of every conversion that goes through TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnbehave.design.graph import Graph
from nnbehave.errors import MissingExtraError


def concrete_function(graph: Graph, seed: int) -> Any:
    """Return a graph as a TensorFlow concrete function, whose weights are constants drawn from ``seed``.

    Each layer has weights of its own, because a runtime may merge copies that share weights.

    Parameters
    ----------
    graph : Graph
    seed : int
        Equal seeds give equal weights, on every machine.

    Returns
    -------
    tensorflow.types.experimental.ConcreteFunction
        Its inputs, ``x0``, ``x1``, …, are those of the graph, in fp32 and NHWC. It returns a list of the graph's
        outputs.

    Raises
    ------
    MissingExtraError
        TensorFlow is not installed.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingExtraError("building a graph needs TensorFlow: pip install 'nnbehave[tensorflow]'") from error
    rng = np.random.default_rng(seed)

    def forward(*inputs: Any) -> Any:
        outputs: list[Any] = []
        for layer, sources in zip(graph.layers, graph.sources, strict=True):
            given = [outputs[source] if source >= 0 else inputs[-1 - source] for source in sources]
            outputs.append(layer.operator.build(tf, layer, given, rng))
        return [outputs[i] for i in graph.outputs]

    signature = [tf.TensorSpec(shape, tf.float32, name=f"x{i}") for i, shape in enumerate(graph.input_shapes)]
    return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()

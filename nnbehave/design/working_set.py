"""The working set of a graph: how many bytes an inference touches."""

from __future__ import annotations

import math
from functools import lru_cache

from nnbehave.design.graph import Graph

_BYTES = {"int8": 1, "fp16": 2, "bf16": 2}  # of an element, by precision; otherwise four


def weight_bytes(graph: Graph) -> int:
    """Return the bytes of a graph's weights at its precision."""
    return sum(layer.operator.weights(layer) for layer in graph.layers) * _BYTES.get(graph.precision, 4)


@lru_cache(maxsize=4096)
def working_set_bytes(graph: Graph) -> int:
    """Return how many bytes one inference of a graph touches: its weights, and the memory of its activations.

    Runtimes give the memory of an activation to a later one when nothing reads it any more. So the activations take
    the most that is alive at one time.

    Examples
    --------
    >>> from nnbehave import Layer
    >>> working_set_bytes(Graph([Layer(op="conv", height=8, in_channels=16, out_channels=32, kernel=1)]))
    14336
    """
    last_read: dict[int, int] = {}  # by source, the layer that reads it last
    for i, sources in enumerate(graph.sources):
        last_read |= dict.fromkeys(sources, i)
    alive = {-1 - i: math.prod(shape) for i, shape in enumerate(graph.input_shapes)}
    most = held = sum(alive.values())
    for i, shape in enumerate(graph.shapes):
        alive[i] = math.prod(shape)
        held += alive[i]
        most = max(most, held)
        for source in {*graph.sources[i], i}:
            if last_read.get(source, len(graph.layers)) == i:
                held -= alive.pop(source)
    return weight_bytes(graph) + most * _BYTES.get(graph.precision, 4)

"""Isolation: the graphs that are run so that a layer's latency is its own, as inside a network.

``whole``
    The layer alone, called again and again, minus the call of a model that does nothing. Weights and activations are
    warm. A runtime that prefers another layout converts it at the layer's edges.
``stacked``
    Copies of the layer side by side, each with weights of its own, minus the same graph without the copies, divided by
    their number. (The paper's Appendix A subtracts two depths; here the smaller depth is 0.) All copies read the output
    of one layer before them, and a tap reads each copy: a depthwise convolution that looks at one window. A tap costs
    next to nothing, keeps the layout that the runtime prefers, and frees the memory of the copy's output for the next
    one, as in a network. So any layer can be stacked, even one that changes the shape. A network is not stacked: it is
    called whole.
``profiled``
    The runtime's own clock, summed over the layer's kernels.
``emulated``, ``estimated``
    Nothing is timed: an emulator counts instructions, or a compiler estimates cycles, and a latency follows. It is
    exact: one answer is enough, nothing drifts, and all sessions share one scale.
``none``
    Nothing is timed: only whether the layer can be converted, loaded and run, and whether its output is right.

Between two uses of its weights a layer leaves the caches to as many bytes as its context says
(:mod:`nnbehave.measurement.context`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.working_set import weight_bytes, working_set_bytes
from nnbehave.measurement.context import NETWORK_BYTES
from nnbehave.runner.kernels import Kernel

METHODS = ("whole", "stacked", "profiled", "emulated", "estimated", "none")
EXACT = ("emulated", "estimated")
# Round figures of one core, to choose the size of a stack and to tell compute-bound layers from memory-bound ones.
_OPS_PER_S, _BYTES_PER_S = 50e9, 20e9
_STACK_S = 6e-4  # time that the copies of a stack take together, so that the call is small beside them
_FEWEST_COPIES, _MOST_COPIES = 3, 12
_BYTES_PER_ELEMENT = 4


@dataclass(frozen=True)
class Term:
    """A graph that is run, and the weight of its latency in the latency of the subject."""

    graph: Graph
    weight: float


def terms(subject: Graph, method: str, distance_bytes: int = NETWORK_BYTES) -> tuple[Term, ...]:
    """Return the graphs to run for a subject. Its latency is the sum of theirs, each times its weight.

    Parameters
    ----------
    subject : Graph
    method : {"whole", "stacked", "profiled", "emulated", "estimated", "none"}
    distance_bytes : int
        What may be touched between two uses of the weights (:mod:`nnbehave.measurement.context`): the copies of a stack
        touch no more.

    Returns
    -------
    tuple of Term
        The first holds the subject; the others are subtracted.
    """
    if method in ("profiled", "none", *EXACT):
        return (Term(subject, 1.0),)
    if method == "whole" or subject.arrangement == "network":
        return Term(subject, 1.0), Term(call_alone(), -1.0)
    copies = stack_depth(subject, distance_bytes)
    return Term(stack(subject, copies), 1 / copies), Term(stack(subject, copies, without=True), -1 / copies)


def own_kernels(kernels: Mapping[str, Sequence[Kernel]], parts: Sequence[tuple[str, float]]) -> list[Kernel]:
    """Return the kernels of one copy of a subject, sorted.

    In a stack these are the kernels that the graph without the copies lacks, divided by the number of copies.

    Parameters
    ----------
    kernels : mapping of str to sequence of Kernel
        The kernels of each part.
    parts : sequence of (str, float)
        The subject's parts and their weights, as of :func:`terms`.
    """
    subject, weight = parts[0]
    counts = Counter(kernels.get(subject, ()))
    if weight < 1:
        counts -= Counter(kernels.get(parts[1][0], ()))
    return sorted(kernel for kernel, count in counts.items() for _ in range(max(1, round(count * weight))))


def bound(graph: Graph) -> str:
    """Return the bound of a graph by the round figures above: ``compute`` or ``memory``."""
    return "compute" if _compute_s(graph) > _memory_s(graph) else "memory"


def call_alone() -> Graph:
    """Return a graph that does nothing. Its latency is the runtime's cost of a call."""
    return Graph([Layer(op="flatten", height=1, in_channels=1)])


def stack_depth(subject: Graph, distance_bytes: int = NETWORK_BYTES) -> int:
    """Return how many copies of a subject to stack: 3 to 12, fewer if one takes long or has many weights.

    Between two uses of the weights of one copy all other copies use theirs, and the activations are written. This is
    never more than ``distance_bytes``, unless a single copy touches more.
    """
    seconds = max(_compute_s(subject), _memory_s(subject))
    wanted = min(_MOST_COPIES, max(_FEWEST_COPIES, round(_STACK_S / seconds)))
    if not (weights := weight_bytes(subject)):
        return wanted
    activations = working_set_bytes(subject) - weights
    return min(wanted, max(1, 1 + (distance_bytes - activations) // weights))


def _compute_s(graph: Graph) -> float:
    return graph.ops / _OPS_PER_S


def _memory_s(graph: Graph) -> float:
    return _BYTES_PER_ELEMENT * graph.mac / _BYTES_PER_S


def stack(subject: Graph, copies: int, without: bool = False) -> Graph:
    """Return a graph of copies of a subject side by side.

    Parameters
    ----------
    subject : Graph
    copies : int
    without : bool
        Leave the copies out, and keep all that is around them.
    """
    stacked = _Stack(subject.precision)
    inputs = [stacked.write(shape, -1 - i) for i, shape in enumerate(subject.input_shapes)]
    for further in inputs[1:]:  # without the copies nothing else reads them
        stacked.tap(further)
    # Copies without weights that read the same input would be one computation: each gets an input of its own.
    alike = any(
        min(sources) < 0 and not layer.operator.has_weights
        for layer, sources in zip(subject.layers, subject.sources, strict=True)
    )
    for _ in range(copies):
        given = [stacked.write(subject.input_shapes[0], inputs[0]), *inputs[1:]] if alike else inputs
        if without:
            stacked.tap(given[0])
            continue
        outputs = stacked.copy(subject, given)
        for output in outputs:
            stacked.tap(output)
        if not any(len(stacked.shape(output)) == 4 for output in outputs):
            stacked.tap(given[0])  # so that there are as many taps as without the copies
    return Graph(stacked.layers, "network", stacked.sources)


class _Stack:
    """Builds the graph of a stack, layer by layer. A negative source is an input of the graph."""

    def __init__(self, precision: str) -> None:
        self._precision = precision
        self.layers: list[Layer] = []
        self.sources: list[tuple[int, ...]] = []
        self._shapes: list[tuple[int, ...]] = []

    def shape(self, source: int) -> tuple[int, ...]:
        """Return the shape of a layer's output; empty for an input of the graph."""
        return self._shapes[source] if source >= 0 else ()

    def write(self, shape: tuple[int, ...], source: int) -> int:
        """Add a layer that writes an image in the layout that the runtime's convolutions prefer; return its number.

        A vector needs none: the copies read the input of the graph itself.
        """
        if len(shape) != 4:
            if not self.layers:  # so that the graph has a layer even without the copies
                self._add(self._layer("dense", batch=shape[0], in_channels=shape[1], out_channels=1), (source,))
            return source
        batch, height, width, channels = shape
        layer = self._layer("dwconv", batch=batch, height=height, width=width, in_channels=channels, kernel=3)
        return self._add(layer, (source,))

    def copy(self, subject: Graph, inputs: list[int]) -> list[int]:
        """Add a copy of the subject; return the numbers of the layers that give its outputs."""
        first = len(self.layers)
        for layer, sources, shape in zip(subject.layers, subject.sources, subject.shapes, strict=True):
            self._add(layer, tuple(first + s if s >= 0 else inputs[-1 - s] for s in sources), shape)
        return [first + i for i in subject.outputs]

    def tap(self, source: int) -> None:
        """Add a layer that reads one window of an image. A vector needs none: it is an output of the graph."""
        if len(self.shape(source)) != 4:
            return
        batch, height, width, channels = self.shape(source)
        size = {"batch": batch, "height": height, "width": width, "in_channels": channels}
        window = {"kernel": min(2, height, width), "stride": max(height, width)}
        layer = self._layer("dwconv", padding="valid", **size, **window)
        self._add(layer, (source,))

    def _layer(self, op: str, **fields: int | str) -> Layer:
        return Layer(op=op, precision=self._precision, **fields)

    def _add(self, layer: Layer, sources: tuple[int, ...], shape: tuple[int, ...] = ()) -> int:
        self._shapes.append(shape or layer.output_shape)
        self.layers.append(layer)
        self.sources.append(sources)
        return len(self.layers) - 1

"""Isolation: what is run so that a layer's latency is its own, as inside a network.

``whole``
    The layer alone, over and over, minus the call of a model that does nothing. Weights and activations are warm,
    and a runtime that prefers another layout changes it at the layer's edges.
``stacked``
    Copies of the layer side by side, each with weights of its own, minus the same graph without them, divided by
    their number (two depths, as in the paper's Appendix A, the smaller being none). All copies read what one layer
    before them wrote, and each is read by a tap: a depthwise convolution that looks at one window, which costs next
    to nothing, keeps the runtime's preferred layout, and lets the output's memory be used again, as a network's is.
    So no layer has to keep its shape for it to be stacked. Calls are taken in turn
    (:func:`nnbehave.runner.timing.rotate`), so that weights come from where a network's come from.
``profiled``
    The runtime's own clock, summed over the layer's kernels.
``emulated``, ``estimated``
    Nothing is timed: instructions are counted in an emulator, or a compiler says what it expects, and a latency
    follows. Exact: one time is enough, nothing drifts, and all sessions are on one scale.
``none``
    Nothing is timed: whether the layer can be converted, loaded and run, and whether what it computes is right.

Found on a 2-core virtual machine whose L3 cache is shared with others, MobileNetV1, V2, SqueezeNet and ResNet-18: the
sum of ``whole`` layers was 3 to 19 % under the network on tflite, of ``stacked`` ones 2 to 3 % off. What is missing are
warm caches: a 7×7 conv of 1024 to 1024 channels takes 443 µs when its 4 MB of weights are warm, 489 after 16 MB of
other reads, 575 after the network that it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.runner.kernels import Kernel

METHODS = ("whole", "stacked", "profiled", "emulated", "estimated", "none")
EXACT = ("emulated", "estimated")
# A stack holds as many copies as take some 0.6 ms by these round figures, so that the call is small beside them.
_STACK_S, _OPS_PER_S, _BYTES_PER_S = 6e-4, 50e9, 20e9
_FEWEST_COPIES, _MOST_COPIES = 3, 12


@dataclass(frozen=True)
class Term:
    """A graph that is run, and what its latency counts for in the subject's."""

    graph: Graph
    weight: float


def terms(subject: Graph, method: str) -> tuple[Term, ...]:
    """Return the graphs to run for a subject: its latency is the sum of theirs, each times its weight."""
    if method in ("profiled", "none", *EXACT):
        return (Term(subject, 1.0),)
    if method == "whole":
        return Term(subject, 1.0), Term(call_alone(), -1.0)
    copies = stack_depth(subject)
    return Term(stack(subject, copies), 1 / copies), Term(stack(subject, copies, without=True), -1 / copies)


def own_kernels(kernels: Mapping[str, Sequence[Kernel]], parts: Sequence[tuple[str, float]]) -> list[Kernel]:
    """Return the kernels of one copy of a subject, from those of its parts: in a stack, what the frame lacks."""
    subject, weight = parts[0]
    counts = Counter(kernels.get(subject, ()))
    if weight < 1:
        counts -= Counter(kernels.get(parts[1][0], ()))
    return sorted(kernel for kernel, count in counts.items() for _ in range(max(1, round(count * weight))))


def bound(graph: Graph) -> str:
    """Return what bounds a graph by the same round figures: ``compute`` or ``memory``."""
    return "compute" if graph.ops / _OPS_PER_S > 4 * graph.mac / _BYTES_PER_S else "memory"


def call_alone() -> Graph:
    """Return a graph that does nothing: its latency is the runtime's cost of a call."""
    return Graph([Layer(op="flatten", height=1, in_channels=1)])


def stack_depth(subject: Graph) -> int:
    """Return how many copies of a subject to stack: fewer where one takes long."""
    seconds = max(subject.ops / _OPS_PER_S, 4 * subject.mac / _BYTES_PER_S)
    return min(_MOST_COPIES, max(_FEWEST_COPIES, round(_STACK_S / seconds)))


def stack(subject: Graph, copies: int, without: bool = False) -> Graph:
    """Return a graph of copies of a subject side by side, or all of that graph ``without`` them."""
    stacked = _Stack(subject.precision)
    inputs = [stacked.write(shape, -1 - i) for i, shape in enumerate(subject.input_shapes)]
    for further in inputs[1:]:  # which nothing else reads where the copies are not
        stacked.tap(further)
    # Copies without weights that read the same would be one: each gets an input written for it alone.
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
            stacked.tap(given[0])  # as many taps as without the copies
    return Graph(stacked.layers, "network", stacked.sources)


class _Stack:
    """A graph in the making."""

    def __init__(self, precision: str) -> None:
        self._precision = precision
        self.layers: list[Layer] = []
        self.sources: list[tuple[int, ...]] = []
        self._shapes: list[tuple[int, ...]] = []

    def shape(self, source: int) -> tuple[int, ...]:
        return self._shapes[source] if source >= 0 else ()

    def write(self, shape: tuple[int, ...], source: int) -> int:
        """Add what writes an input, in the layout that the runtime's convolutions like; a vector is as it comes."""
        if len(shape) != 4:
            if not self.layers:  # so that the graph is one even without the copies
                self._add(self._layer("dense", batch=shape[0], in_channels=shape[1], out_channels=1), (source,))
            return source
        batch, height, width, channels = shape
        layer = self._layer("dwconv", batch=batch, height=height, width=width, in_channels=channels, kernel=3)
        return self._add(layer, (source,))

    def copy(self, subject: Graph, inputs: list[int]) -> list[int]:
        """Add a copy of the subject; return its outputs."""
        first = len(self.layers)
        for layer, sources, shape in zip(subject.layers, subject.sources, subject.shapes, strict=True):
            self._add(layer, tuple(first + s if s >= 0 else inputs[-1 - s] for s in sources), shape)
        return [first + i for i in subject.outputs]

    def tap(self, source: int) -> None:
        """Add a reader that looks at one window; a vector is read by the graph's end."""
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

"""Layers in an arrangement, and the TensorFlow graph that they make."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from nnbehave.design.layer import Layer
from nnbehave.design.operators import ElementWise
from nnbehave.errors import InvalidInputError, MissingExtraError

Shape = tuple[int, ...]
Arrangement = Literal["single", "chain", "fan", "pair", "network"]


class Graph:
    """Layers in an arrangement: what is measured.

    Parameters
    ----------
    layers : sequence of Layer
    arrangement : {"single", "chain", "fan", "pair", "network"}, optional
        ``single``: one layer. ``chain``: each layer reads the one before. ``fan``: all layers read the same
        input, each has an output. ``pair``: a chain of exactly two, such as an operator and what may fuse into it.
        ``network``: as ``sources`` says. By default ``single`` for one layer and ``chain`` for more.
        Further inputs of a layer in a chain (the second of an ``add``) are inputs of the graph, one for each shape.
    sources : sequence of sequence of int, optional
        Of a ``network``: for each layer the layers before it that it reads, by index; -1 is the graph's input, -2 a
        second one, and so on.

    Raises
    ------
    InvalidInputError
        No layers, too many of them for the arrangement, or shapes that do not fit.

    Attributes
    ----------
    sources : tuple of tuple of int
        As the parameter, for every arrangement.
    input_shapes, shapes : tuple of tuple of int
        Of the graph's inputs and of what each layer gives, batch first, channels last. An element-wise layer of one
        pixel that reads a vector, such as what ``dense`` gives, gives a vector.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        arrangement: Arrangement | None = None,
        sources: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if isinstance(layers, Layer) or not all(isinstance(layer, Layer) for layer in layers):
            raise InvalidInputError("a graph takes a sequence of layers: Graph([layer, …])")
        self.layers = tuple(layers)
        self.arrangement = arrangement or ("single" if len(self.layers) == 1 else "chain")
        if self.arrangement not in get_args(Arrangement):
            allowed = ", ".join(get_args(Arrangement))
            raise InvalidInputError(f"arrangement: must be one of {allowed}, got {arrangement!r}")
        wanted = {"single": 1, "pair": 2}.get(self.arrangement)
        if not self.layers or (wanted and len(self.layers) != wanted):
            raise InvalidInputError(f"a {self.arrangement!r} takes {wanted or 'some'} layers, got {len(self.layers)}")
        if len({layer.precision for layer in self.layers}) > 1:
            raise InvalidInputError("the layers of a graph have one precision")
        if (sources is not None) != (self.arrangement == "network"):
            raise InvalidInputError("sources: a 'network' needs them, and no other arrangement takes them")
        self.sources = self._arranged() if sources is None else tuple(tuple(map(int, each)) for each in sources)
        self.input_shapes, self.shapes = self._check()

    def at(self, precision: str) -> Graph:
        """Return the same graph at another precision."""
        if precision == self.precision:
            return self
        layers = [layer.replace(precision=precision) for layer in self.layers]
        return Graph(layers, self.arrangement, self.sources if self.arrangement == "network" else None)

    def _arranged(self) -> tuple[tuple[int, ...], ...]:
        """Return the sources that the arrangement means."""
        if self.arrangement == "fan":
            return tuple(tuple(range(-1, -1 - len(layer.input_shapes), -1)) for layer in self.layers)
        inputs = [self.layers[0].input_shape]
        sources = []
        for i, layer in enumerate(self.layers):
            further: list[int] = []
            for shape in layer.input_shapes[1:]:
                # What reads several of one shape reads as many inputs.
                free = [-1 - j for j in range(1, len(inputs)) if inputs[j] == shape and -1 - j not in further]
                if not free:
                    inputs.append(shape)
                    free = [-len(inputs)]
                further.append(free[0])
            sources.append((i - 1, *further))
        return tuple(sources)

    def _check(self) -> tuple[tuple[Shape, ...], tuple[Shape, ...]]:
        """Return the shapes of the inputs and of the layers' outputs; raise where a layer cannot read what it gets."""
        if len(self.sources) != len(self.layers):
            raise InvalidInputError(f"sources: {len(self.sources)} of them for {len(self.layers)} layers")
        inputs: dict[int, Shape] = {}
        shapes: list[Shape] = []
        for i, (layer, sources) in enumerate(zip(self.layers, self.sources, strict=True)):
            if len(sources) != len(layer.input_shapes):
                raise InvalidInputError(
                    f"layer {i} ({layer}) takes {len(layer.input_shapes)} inputs, not {len(sources)}"
                )
            wanted, made = layer.input_shapes, layer.output_shape
            if vector := _vector(layer, [shapes[source] for source in sources if 0 <= source < i]):
                wanted, made = tuple(vector if shape == made else shape for shape in wanted), vector
            if late := [source for source in sources if source >= i]:
                raise InvalidInputError(f"layer {i} ({layer}) reads layer {late[0]}, which does not come before it")
            given = [
                shapes[source] if source >= 0 else inputs.setdefault(source, shape)
                for source, shape in zip(sources, wanted, strict=True)
            ]
            for source, shape, taken in zip(sources, given, layer.operator.adapted(wanted, given), strict=True):
                if shape != taken:
                    giver = f"layer {source} gives" if source >= 0 else f"input {-1 - source} of the graph is"
                    raise InvalidInputError(f"layer {i} ({layer}) takes {taken}, but {giver} {shape}")
            shapes.append(made)
        if sorted(inputs, reverse=True) != list(range(-1, -1 - len(inputs), -1)):
            raise InvalidInputError(f"sources: inputs are -1, -2, … without gaps, got {sorted(inputs, reverse=True)}")
        return tuple(inputs[key] for key in sorted(inputs, reverse=True)), tuple(shapes)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The layers that no other layer reads, by index: what they give is the graph's output."""
        read = {source for sources in self.sources for source in sources}
        return tuple(i for i in range(len(self.layers)) if i not in read)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def precision(self) -> str:
        """Precision of the layers."""
        return self.layers[0].precision

    @property
    def ops(self) -> int:
        """Multiply-adds of one inference: the sum over the layers."""
        return sum(layer.ops for layer in self.layers)

    @property
    def mac(self) -> int:
        """Memory accesses of one inference in elements: the sum over the layers."""
        return sum(layer.mac for layer in self.layers)

    @property
    def mac_bytes(self) -> int:
        """Memory accesses of one inference in bytes, at the layers' precision."""
        return sum(layer.mac_bytes for layer in self.layers)

    @cached_property
    def id(self) -> str:
        """Canonical name, equal for equal graphs on every machine; a single layer's is the layer's own."""
        if self.arrangement == "single":
            return self.layers[0].id
        parts = [layer.id for layer in self.layers]
        if self.arrangement == "network":
            parts += [str(sources) for sources in self.sources]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return f"{self.arrangement}_{self.depth}_{digest}"

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data that ``from_dict`` takes back."""
        data = {"arrangement": self.arrangement, "layers": [layer.fields() for layer in self.layers]}
        return data | ({"sources": self.sources} if self.arrangement == "network" else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Graph:
        """Rebuild a graph from what ``to_dict`` returned."""
        made: dict[str, Layer] = {}  # copies of a layer are made once
        layers = [made.get(key) or made.setdefault(key, Layer(**f)) for f in data["layers"] for key in [repr(f)]]
        return cls(layers, data["arrangement"], data.get("sources"))

    def concrete_function(self, seed: int) -> Any:
        """Return the graph as a TensorFlow concrete function whose weights are constants drawn from ``seed``.

        Every layer has weights of its own, since a runtime may merge copies that share them.

        Raises
        ------
        MissingExtraError
            TensorFlow is not installed.
        """
        try:
            import tensorflow as tf
        except ImportError as error:
            raise MissingExtraError("building a graph needs TensorFlow: pip install 'nnbehave[tensorflow]'") from error
        import numpy as np

        rng = np.random.default_rng(seed)

        def forward(*inputs: Any) -> Any:
            outputs: list[Any] = []
            for layer, sources in zip(self.layers, self.sources, strict=True):
                given = [outputs[source] if source >= 0 else inputs[-1 - source] for source in sources]
                outputs.append(layer.operator.build(layer, given, rng))
            return [outputs[i] for i in self.outputs]

        signature = [tf.TensorSpec(shape, tf.float32, name=f"x{i}") for i, shape in enumerate(self.input_shapes)]
        return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.arrangement, self.layers, self.sources

    def __repr__(self) -> str:
        return f"Graph({self.arrangement}: {', '.join(map(str, self.layers))})"


def as_graph(subject: Layer | Graph) -> Graph:
    """Return a layer as the graph of it alone, and a graph as it is."""
    if isinstance(subject, Graph):
        return subject
    if isinstance(subject, Layer):
        return Graph([subject])
    raise InvalidInputError(f"expected a Layer or a Graph, got {type(subject).__name__}")


def _vector(layer: Layer, given: Sequence[Shape]) -> Shape | None:
    """Return the shape of the vector that an element-wise layer of one pixel is given, where it is."""
    batch, *pixels, channels = layer.output_shape
    vector = (batch, channels)
    return vector if isinstance(layer.operator, ElementWise) and pixels == [1, 1] and vector in given else None

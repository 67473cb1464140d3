"""Graphs: layers in an arrangement, such as a chain or a whole network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from nnbehave.design.layer import Layer
from nnbehave.design.operators import ElementWise
from nnbehave.design.shape import Shape
from nnbehave.errors import InvalidInputError

Arrangement = Literal["single", "chain", "fan", "pair", "network"]
_LAYERS_OF = {"single": 1, "pair": 2}  # arrangements of a fixed number of layers


class Graph:
    """Layers in an arrangement.

    Parameters
    ----------
    layers : sequence of Layer
        One or more, all of one precision.
    arrangement : {"single", "chain", "fan", "pair", "network"}, optional
        ``single``: one layer. ``chain``: each layer reads the one before. ``fan``: all layers read the same input, and
        each gives an output. ``pair``: a chain of exactly two, such as a convolution and an activation that may fuse
        into it. ``network``: each layer reads its ``sources``. By default ``single`` for one layer and ``chain`` for
        more.

        Where a layer of a chain has further inputs (the second of an ``add``), these are inputs of the graph. Layers
        share them, one input for each shape.
    sources : sequence of sequence of int, optional
        For a ``network`` only: for each layer the earlier layers that it reads, by index. -1 is the graph's first
        input, -2 the second, and so on.

    Raises
    ------
    InvalidInputError
        The number of layers is wrong for the arrangement, or a layer cannot read the shapes that it is given.

    Attributes
    ----------
    sources : tuple of tuple of int
        As the parameter, for every arrangement.
    input_shapes : tuple of tuple of int
        Shapes of the graph's inputs, batch first, channels last.
    shapes : tuple of tuple of int
        Shapes of the layers' outputs. An element-wise layer of one pixel that reads a vector, such as the output of
        ``dense``, gives a vector.

    Examples
    --------
    >>> conv = Layer(op="conv", height=8, in_channels=16, out_channels=16, kernel=3)
    >>> add = Layer(op="add", height=8, in_channels=16)
    >>> Graph([conv, add], "network", sources=[(-1,), (-1, 0)]).depth
    2
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        arrangement: Arrangement | None = None,
        sources: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if isinstance(layers, Layer) or not all(isinstance(layer, Layer) for layer in layers):
            raise InvalidInputError("layers: must be a sequence of layers, as in Graph([layer, …])")
        self.layers = tuple(layers)
        self.arrangement = arrangement or ("single" if len(self.layers) == 1 else "chain")
        self._check_arrangement(sources)
        self.sources = self._implied_sources() if sources is None else tuple(tuple(map(int, each)) for each in sources)
        self.input_shapes, self.shapes = self._infer_shapes()

    def _check_arrangement(self, sources: Sequence[Sequence[int]] | None) -> None:
        """Raise InvalidInputError if the arrangement does not fit the layers or the sources."""
        if self.arrangement not in get_args(Arrangement):
            allowed = ", ".join(get_args(Arrangement))
            raise InvalidInputError(f"arrangement: must be one of {allowed}, got {self.arrangement!r}")
        wanted = _LAYERS_OF.get(self.arrangement)
        if not self.layers or (wanted and len(self.layers) != wanted):
            allowed = f"exactly {wanted}" if wanted else "1 or more"
            raise InvalidInputError(f"layers: a {self.arrangement!r} has {allowed}, got {len(self.layers)}")
        precisions = sorted({layer.precision for layer in self.layers})
        if len(precisions) > 1:
            raise InvalidInputError(f"layers: a graph has one precision, got {', '.join(precisions)}")
        if (sources is not None) != (self.arrangement == "network"):
            given = "none" if sources is None else f"{len(sources)} with a {self.arrangement!r}"
            raise InvalidInputError(f"sources: a 'network' needs them, all other arrangements have none; got {given}")

    def at(self, precision: str) -> Graph:
        """Return the same graph at another precision."""
        if precision == self.precision:
            return self
        layers = [layer.replace(precision=precision) for layer in self.layers]
        return Graph(layers, self.arrangement, self.sources if self.arrangement == "network" else None)

    def _implied_sources(self) -> tuple[tuple[int, ...], ...]:
        """Return the sources that the arrangement implies."""
        if self.arrangement == "fan":
            return tuple(tuple(range(-1, -1 - len(layer.input_shapes), -1)) for layer in self.layers)
        inputs = [self.layers[0].input_shape]
        sources = []
        for i, layer in enumerate(self.layers):
            further: list[int] = []
            for shape in layer.input_shapes[1:]:
                # A layer that has several inputs of one shape reads as many inputs of the graph.
                free = [-1 - j for j in range(1, len(inputs)) if inputs[j] == shape and -1 - j not in further]
                if not free:
                    inputs.append(shape)
                    free = [-len(inputs)]
                further.append(free[0])
            sources.append((i - 1, *further))
        return tuple(sources)

    def _infer_shapes(self) -> tuple[tuple[Shape, ...], tuple[Shape, ...]]:
        """Return the shapes of the graph's inputs and of the layers' outputs.

        Raises InvalidInputError if a layer cannot read the shapes that it is given.
        """
        if len(self.sources) != len(self.layers):
            raise InvalidInputError(f"sources: one for each of {len(self.layers)} layers, got {len(self.sources)}")
        inputs: dict[int, Shape] = {}
        shapes: list[Shape] = []
        for i in range(len(self.layers)):
            shapes.append(self._infer_shape(i, inputs, shapes))
        found = sorted(inputs, reverse=True)
        if found != list(range(-1, -1 - len(inputs), -1)):
            raise InvalidInputError(f"sources: inputs must be -1, -2, … without gaps, got {found}")
        return tuple(inputs[key] for key in found), tuple(shapes)

    def _infer_shape(self, i: int, inputs: dict[int, Shape], shapes: Sequence[Shape]) -> Shape:
        """Return the output shape of layer ``i``, given ``shapes``, those of the layers before it.

        Graph inputs that no earlier layer reads are added to ``inputs``.
        """
        layer, sources = self.layers[i], self.sources[i]
        wanted, made = layer.input_shapes, layer.output_shape
        if len(sources) != len(wanted):
            raise InvalidInputError(f"sources: layer {i} ({layer}) takes {len(wanted)} inputs, got {len(sources)}")
        if late := [source for source in sources if source >= i]:
            raise InvalidInputError(f"sources: layer {i} ({layer}) must read layers before it, got {late[0]}")
        if vector := _vector(layer, [shapes[source] for source in sources if source >= 0]):
            wanted, made = tuple(vector if shape == made else shape for shape in wanted), vector
        given = [
            shapes[source] if source >= 0 else inputs.setdefault(source, shape)
            for source, shape in zip(sources, wanted, strict=True)
        ]
        for source, shape, taken in zip(sources, given, layer.operator.adapted(wanted, given), strict=True):
            if shape != taken:
                giver = f"layer {source} gives" if source >= 0 else f"input {-1 - source} of the graph is"
                raise InvalidInputError(f"layer {i} ({layer}) takes {taken}, but {giver} {shape}")
        return made

    @property
    def outputs(self) -> tuple[int, ...]:
        """Indices of the layers that no other layer reads. They give the graph's outputs."""
        read = {source for sources in self.sources for source in sources}
        return tuple(i for i in range(len(self.layers)) if i not in read)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def precision(self) -> str:
        """Precision of all layers."""
        return self.layers[0].precision

    @property
    def ops(self) -> int:
        """Multiply-adds of one inference: the sum over the layers."""
        return sum(layer.ops for layer in self.layers)

    @property
    def mac(self) -> int:
        """Elements that one inference reads and writes: the sum over the layers."""
        return sum(layer.mac for layer in self.layers)

    @property
    def mac_bytes(self) -> int:
        """Bytes that one inference reads and writes at the layers' precision: the sum over the layers."""
        return sum(layer.mac_bytes for layer in self.layers)

    @cached_property
    def id(self) -> str:
        """Name of the graph: equal for equal graphs, on every machine. A single layer gives its own name."""
        if self.arrangement == "single":
            return self.layers[0].id
        lines = [layer.id for layer in self.layers]
        if self.arrangement == "network":
            lines += [str(sources) for sources in self.sources]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
        return f"{self.arrangement}_{self.depth}_{digest}"

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data, which :meth:`from_dict` reads back."""
        data = {"arrangement": self.arrangement, "layers": [layer.fields() for layer in self.layers]}
        return data | ({"sources": self.sources} if self.arrangement == "network" else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Graph:
        """Return the graph that :meth:`to_dict` turned into ``data``."""
        made: dict[str, Layer] = {}  # equal layers are made once, since checking a layer takes time
        layers = [made.get(key) or made.setdefault(key, Layer(**f)) for f in data["layers"] for key in [repr(f)]]
        return cls(layers, data["arrangement"], data.get("sources"))

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
    """Return a layer as the graph of that one layer, and a graph as it is.

    Raises
    ------
    InvalidInputError
        It is neither.
    """
    if isinstance(subject, Graph):
        return subject
    if isinstance(subject, Layer):
        return Graph([subject])
    raise InvalidInputError(f"expected a Layer or a Graph, got {type(subject).__name__}")


def _vector(layer: Layer, given: Sequence[Shape]) -> Shape | None:
    """Return the vector's shape if an element-wise layer of one pixel is given vectors only, else None."""
    image = layer.output_shape
    vector = (image[0], image[-1])
    if isinstance(layer.operator, ElementWise) and image[1:-1] == (1, 1) and vector in given and image not in given:
        return vector
    return None

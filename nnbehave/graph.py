"""Layers in an arrangement, and the TensorFlow graph that they make."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.layer import Layer

Arrangement = Literal["single", "chain", "fan", "pair"]


class Graph:
    """Layers in an arrangement: what is measured.

    Parameters
    ----------
    layers : sequence of Layer
    arrangement : {"single", "chain", "fan", "pair"}, optional
        ``single``: one layer. ``chain``: each layer reads the one before. ``fan``: all layers read the same
        input, each has an output. ``pair``: a chain of exactly two, such as an operator and what may fuse into it.
        By default ``single`` for one layer and ``chain`` for more.

    Raises
    ------
    InvalidInputError
        No layers, too many of them for the arrangement, or shapes that do not fit.
    """

    def __init__(self, layers: Sequence[Layer], arrangement: Arrangement | None = None) -> None:
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
        for i, (first, second) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            given, taken = first.output_shape, second.input_shape
            if self.arrangement == "fan":
                given = first.input_shape
            if given != taken:
                raise InvalidInputError(
                    f"layer {i + 1} of the {self.arrangement} takes {taken}, but gets {given} from layer {i}"
                    if self.arrangement != "fan"
                    else f"the layers of a fan share their input; layer {i} takes {given}, layer {i + 1} {taken}"
                )

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

    @cached_property
    def id(self) -> str:
        """Canonical name, equal for equal graphs on every machine; a single layer's is the layer's own."""
        if self.arrangement == "single":
            return self.layers[0].id
        digest = hashlib.sha256("\n".join(layer.id for layer in self.layers).encode()).hexdigest()[:16]
        return f"{self.arrangement}_{self.depth}_{digest}"

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data that ``from_dict`` takes back."""
        return {
            "arrangement": self.arrangement,
            "layers": [layer.fields() for layer in self.layers],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Graph:
        """Rebuild a graph from what ``to_dict`` returned."""
        return cls([Layer(**fields) for fields in data["layers"]], data["arrangement"])

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

        def forward(x: Any) -> Any:
            if self.arrangement == "fan":
                return [layer.operator.build(layer, x, rng) for layer in self.layers]
            for layer in self.layers:
                x = layer.operator.build(layer, x, rng)
            return x

        signature = [tf.TensorSpec(self.layers[0].input_shape, tf.float32, name="x")]
        return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.arrangement, self.layers) == (
            other.arrangement,
            other.layers,
        )

    def __hash__(self) -> int:
        return hash((self.arrangement, self.layers))

    def __repr__(self) -> str:
        return f"Graph({self.arrangement}: {', '.join(map(str, self.layers))})"


def as_graph(subject: Layer | Graph) -> Graph:
    """Return a layer as the graph of it alone, and a graph as it is."""
    if isinstance(subject, Graph):
        return subject
    if isinstance(subject, Layer):
        return Graph([subject])
    raise InvalidInputError(f"expected a Layer or a Graph, got {type(subject).__name__}")

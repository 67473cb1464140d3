"""Layers that read one another: what blocks and whole networks are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from nnbehave.design.operators._base import OPERATORS, LayerFields

AnyLayer = TypeVar("AnyLayer", bound=LayerFields)


class Composition(Generic[AnyLayer]):
    """Layers in the making; each takes its input's shape from the layers that it reads.

    Parameters
    ----------
    make : callable
        Makes a layer of its fields: :class:`nnbehave.Layer`.
    input_shape : tuple of int
        Batch, height, width, channels.
    precision : str

    Attributes
    ----------
    layers : list of Layer
    sources : list of tuple of int
        For each layer those that it reads, -1 being the input (:class:`nnbehave.Graph`).
    """

    def __init__(self, make: Callable[..., AnyLayer], input_shape: Sequence[int], precision: str = "fp32") -> None:
        self._make = make
        self._input_shape = tuple(input_shape)
        self._precision = precision
        self.layers: list[AnyLayer] = []
        self.sources: list[tuple[int, ...]] = []

    def add(self, op: str, reads: int | tuple[int, ...] | None = None, **fields: Any) -> int:
        """Add a layer that reads the last one, or ``reads``; return its number."""
        if reads is None:
            reads = len(self.layers) - 1
        sources = (reads,) if isinstance(reads, int) else reads
        self.layers.append(self._layer(op, sources, fields))
        self.sources.append(sources)
        return len(self.layers) - 1

    def _layer(self, op: str, sources: tuple[int, ...], fields: dict[str, Any]) -> AnyLayer:
        """Return a layer whose input's shape is that of the layers that it reads."""
        shapes = [self.shape(source) for source in sources]
        fields = fields | {"batch": shapes[0][0], "in_channels": shapes[0][-1], "precision": self._precision}
        if len(shapes[0]) == 4:
            fields |= {"height": shapes[0][1], "width": shapes[0][2]}
        if op == "concat":
            fields |= {"out_channels": sum(shape[-1] for shape in shapes), "groups": len(shapes) - 1}
        return self._make(op=op, **fields)

    def shape(self, layer: int) -> tuple[int, ...]:
        """Return the shape of what a layer gives, or of the input, -1."""
        if layer < 0:
            return self._input_shape
        return OPERATORS[self.layers[layer].op].output_shape(self.layers[layer])

    def channels(self, layer: int) -> int:
        """Return the number of channels that a layer gives."""
        return self.shape(layer)[-1]

"""Builds the layers of a graph one by one: the inside of a building block, or a whole network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from nnbehave.design.operators.operator import OPERATORS, LayerFields
from nnbehave.design.shape import Shape

AnyLayer = TypeVar("AnyLayer", bound=LayerFields)


class GraphBuilder(Generic[AnyLayer]):
    """Collects layers that read one another. Each takes its input's shape from the layers that it reads.

    Parameters
    ----------
    make : callable
        Makes a layer from its fields: :class:`nnbehave.Layer`, which this module cannot import.
    input_shape : tuple of int
        Batch, height, width, channels.
    precision : str

    Attributes
    ----------
    layers : list of Layer
    sources : list of tuple of int
        For each layer the layers that it reads, by index. -1 is the input, as in :class:`nnbehave.Graph`.
    """

    def __init__(self, make: Callable[..., AnyLayer], input_shape: Sequence[int], precision: str = "fp32") -> None:
        self._make = make
        self._input_shape = tuple(input_shape)
        self._precision = precision
        self.layers: list[AnyLayer] = []
        self.sources: list[tuple[int, ...]] = []

    def add(self, op: str, reads: int | tuple[int, ...] | None = None, **fields: Any) -> int:
        """Add a layer and return its index.

        Parameters
        ----------
        op : str
        reads : int or tuple of int, optional
            The layers that it reads, by index; -1 is the input. By default the last layer that was added.
        **fields
            The other fields of the layer. Batch, height, width, input channels and precision are filled in, and so are
            the output channels of a ``concat``.
        """
        if reads is None:
            reads = len(self.layers) - 1
        sources = (reads,) if isinstance(reads, int) else reads
        self.layers.append(self._layer(op, sources, fields))
        self.sources.append(sources)
        return len(self.layers) - 1

    def shape(self, layer: int) -> Shape:
        """Return the output shape of a layer, or the shape of the input for -1."""
        if layer < 0:
            return self._input_shape
        return OPERATORS[self.layers[layer].op].output_shape(self.layers[layer])

    def channels(self, layer: int) -> int:
        """Return the number of output channels of a layer, or of the input for -1."""
        return self.shape(layer)[-1]

    def _layer(self, op: str, sources: tuple[int, ...], fields: dict[str, Any]) -> AnyLayer:
        """Return a layer that takes its input's shape from its sources."""
        shapes = [self.shape(source) for source in sources]
        fields = fields | {"batch": shapes[0][0], "in_channels": shapes[0][-1], "precision": self._precision}
        if len(shapes[0]) == 4:
            fields |= {"height": shapes[0][1], "width": shapes[0][2]}
        if op == "concat":
            fields |= {"out_channels": sum(shape[-1] for shape in shapes), "groups": len(shapes) - 1}
        return self._make(op=op, **fields)

"""What every operator says of itself."""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np


Shape = tuple[int, ...]


class LayerFields(Protocol):
    """The fields of :class:`nnbehave.Layer` that operators read."""

    @property
    def op(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def in_channels(self) -> int: ...
    @property
    def out_channels(self) -> int: ...
    @property
    def kernel(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def padding(self) -> str: ...
    @property
    def bias(self) -> bool: ...
    @property
    def activation(self) -> str | None: ...
    @property
    def groups(self) -> int: ...
    @property
    def dilation(self) -> int: ...
    @property
    def expansion(self) -> float | None: ...


class Operator(ABC):
    """A primitive operator or a building block: its dimensions, its costs and its TensorFlow graph.

    Costs follow the paper's Table 3: OPs are multiply-adds with the output's height and width. Of element-wise
    operators it says n·H·W·Cin, which we read as one for each element of each input, whatever is done with it. A
    layer's ``activation`` counts as nothing, as if it were always folded in, and so does a bias.

    Attributes
    ----------
    name : str
        What ``Layer.op`` holds.
    required : tuple of str
        Fields that a layer of this operator must give.
    optional : tuple of str
        Fields that it may give; every other field of a layer is refused.
    presets : dict of str to value
        What optional fields are where they are left out, if not what a layer has by default.
    has_weights : bool
        Whether two of them that read the same share no work.
    """

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    presets: ClassVar[Mapping[str, Any]] = {}
    has_weights: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            OPERATORS[cls.name] = cls()

    def defaults(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what fields that were left out follow from the given ones, which may hold anything."""
        given = {"height": 1} | dict(fields)
        return {"height": 1, "width": given["height"], "out_channels": given.get("in_channels"), **self.presets}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        """Yield (field, reason) for all that makes this layer impossible, its fields being well typed."""
        if "out_channels" not in (*self.required, *self.optional) and layer.out_channels != layer.in_channels:
            yield "out_channels", f"must equal in_channels ({layer.in_channels}); leave it out"

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each input, batch first (NHWC): one, unless an operator says otherwise."""
        return ((layer.batch, layer.height, layer.width, layer.in_channels),)

    def adapted(self, wanted: tuple[Shape, ...], given: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the input shapes wanted, or those given where an operator leaves them open; as a rule it does not."""
        return wanted

    @abstractmethod
    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        """Return the shape of the output, batch first (NHWC)."""

    @abstractmethod
    def ops(self, layer: LayerFields) -> int:
        """Return the multiply-adds of one inference."""

    def weights(self, layer: LayerFields) -> int:
        """Return the number of weights, biases left out."""
        return 0

    def moved(self, layer: LayerFields) -> int:
        """Return the elements of inputs and output, each at its own size; mac is these and the weights."""
        return sum(map(math.prod, self.input_shapes(layer))) + math.prod(self.output_shape(layer))

    @abstractmethod
    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        """Add the operator to the TensorFlow graph of its inputs, with weights from ``rng``; return its output."""


class ElementWise(Operator):
    """An operator whose output has its input's shape, an element for an element. OPs = n·H·W·Cin of n inputs."""

    required = ("height", "in_channels")
    optional: ClassVar[tuple[str, ...]] = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        return layer.batch, layer.height, layer.width, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return sum(map(math.prod, self.input_shapes(layer)))


OPERATORS: dict[str, Operator] = {}


def get_operator(name: str) -> Operator:
    """Return the operator called ``name``; KeyError, with the near names, where there is none."""
    try:
        return OPERATORS[name]
    except KeyError:
        near = difflib.get_close_matches(name, OPERATORS) or sorted(OPERATORS)
        raise KeyError(f"unknown operator {name!r}; did you mean {' or '.join(near)}?") from None

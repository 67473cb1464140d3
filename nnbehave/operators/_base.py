"""What every operator says of itself."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np


class LayerFields(Protocol):
    """The fields of :class:`nnbehave.Layer` that operators read."""

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
    def padding(self) -> str: ...
    @property
    def bias(self) -> bool: ...
    @property
    def activation(self) -> str | None: ...


class Operator(ABC):
    """A primitive operator or a building block: its dimensions, its costs and its TensorFlow graph.

    Attributes
    ----------
    name : str
        What ``Layer.op`` holds.
    required : tuple of str
        Fields that a layer of this operator must give.
    optional : tuple of str
        Fields that it may give; every other field of a layer is refused.
    has_weights : bool
        Whether two of them that read the same differ.
    """

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    has_weights: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            OPERATORS[cls.name] = cls()

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        """Yield (field, reason) for all that makes this layer impossible, its fields being well typed."""
        if "out_channels" not in self.required and layer.out_channels != layer.in_channels:
            yield "out_channels", f"must equal in_channels ({layer.in_channels}); leave it out"

    def input_shapes(self, layer: LayerFields) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each input, batch first (NHWC): one, unless an operator says otherwise."""
        return ((layer.batch, layer.height, layer.width, layer.in_channels),)

    @abstractmethod
    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        """Return the shape of the output, batch first (NHWC)."""

    @abstractmethod
    def ops(self, layer: LayerFields) -> int:
        """Return the multiply-adds of one inference (paper, Table 3, with the output's height and width)."""

    @abstractmethod
    def mac(self, layer: LayerFields) -> int:
        """Return the memory accesses of one inference in elements (paper, Table 3)."""

    @abstractmethod
    def build(self, layer: LayerFields, inputs: Sequence[Any], rng: np.random.Generator) -> Any:
        """Add the operator to the TensorFlow graph of its inputs, with weights from ``rng``; return its output."""


OPERATORS: dict[str, Operator] = {}


def get_operator(name: str) -> Operator:
    """Return the operator called ``name``; KeyError, with the near names, where there is none."""
    try:
        return OPERATORS[name]
    except KeyError:
        near = difflib.get_close_matches(name, OPERATORS) or sorted(OPERATORS)
        raise KeyError(f"unknown operator {name!r}; did you mean {' or '.join(near)}?") from None


def apply_activation(activation: str | None, x: Any) -> Any:
    """Add a layer's activation to the TensorFlow graph that ``x`` belongs to."""
    import tensorflow as tf

    return x if activation is None else {"relu": tf.nn.relu, "relu6": tf.nn.relu6}[activation](x)

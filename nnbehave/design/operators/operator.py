"""The base class of every operator and building block, and the table that finds them by name."""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from nnbehave.design.shape import Shape

if TYPE_CHECKING:
    import numpy as np

Tensor: TypeAlias = Any
"""A tensor of a TensorFlow graph. TensorFlow has no types, and this package does not import it."""


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
    """The base class of all that ``Layer.op`` can name: primitive operators and building blocks.

    An operator knows which fields a layer needs, which layers are impossible, what a layer costs, and how to build the
    layer in TensorFlow. It keeps no state: one instance serves every layer. A subclass with a ``name`` registers itself
    in :data:`OPERATORS`. Building blocks derive from :class:`.blocks.Block`.

    Costs follow the paper's Table 3. OPs are multiply-adds, counted with the height and width of the output. For
    element-wise operators the table gives n·H·W·Cin. We read n as the number of inputs: each element of each input is
    one operation, whatever the function does with it. A layer's ``activation`` and ``bias`` cost nothing, as if they
    were always folded into the layer.

    Attributes
    ----------
    name : str
        The value of ``Layer.op``.
    required : tuple of str
        Fields that a layer of this operator must give.
    optional : tuple of str
        Fields that a layer of this operator may give. It must give no others, ``op`` and ``precision`` aside.
    presets : dict of str to value
        The operator's own defaults for optional fields. All other fields have the defaults of ``Layer``.
    has_weights : bool
        True if every element of the input meets a weight. Two such layers that read the same input do no common work,
        so a runtime cannot merge them.
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
        """Return values for the fields that were left out. The given ``fields`` are not yet checked."""
        given = {"height": 1} | dict(fields)
        return {"height": 1, "width": given["height"], "out_channels": given.get("in_channels"), **self.presets}

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        """Yield (field, reason) for everything that makes a layer impossible. Its fields have valid types already."""
        if "out_channels" not in (*self.required, *self.optional) and layer.out_channels != layer.in_channels:
            yield (
                "out_channels",
                f"must equal in_channels ({layer.in_channels}), got {layer.out_channels}; leave it out",
            )

    def input_shapes(self, layer: LayerFields) -> tuple[Shape, ...]:
        """Return the shape of each input (NHWC). By default there is one input."""
        return ((layer.batch, layer.height, layer.width, layer.in_channels),)

    def adapted(self, wanted: tuple[Shape, ...], given: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the input shapes that the operator accepts in place of ``wanted``. By default these are ``wanted``.

        An operator that leaves a side of its inputs open takes that side from ``given``, the shapes that it receives.
        """
        return wanted

    @abstractmethod
    def output_shape(self, layer: LayerFields) -> Shape:
        """Return the shape of the output (NHWC)."""

    @abstractmethod
    def ops(self, layer: LayerFields) -> int:
        """Return the multiply-adds of one inference."""

    def weights(self, layer: LayerFields) -> int:
        """Return the number of weights, without biases."""
        return 0

    def moved(self, layer: LayerFields) -> int:
        """Return the number of elements of the inputs and the output. The layer's mac is this plus the weights."""
        return sum(map(math.prod, self.input_shapes(layer))) + math.prod(self.output_shape(layer))

    @abstractmethod
    def build(self, tf: ModuleType, layer: LayerFields, inputs: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
        """Add a layer to the TensorFlow graph of its inputs and return its output.

        Parameters
        ----------
        tf : module
            TensorFlow, which the caller imports: this package must work without it.
        layer : Layer
        inputs : sequence of tensor
            One for each of :meth:`input_shapes`.
        rng : numpy.random.Generator
            Draws the weights. The order of the draws is part of every stored artifact's hash.
        """


class ElementWise(Operator):
    """The base class of operators that compute each output element from one element of each input.

    The output has the shape of the first input. OPs = n·H·W·Cin for n inputs.
    """

    required = ("height", "in_channels")
    optional: ClassVar[tuple[str, ...]] = ("width", "batch")

    def output_shape(self, layer: LayerFields) -> Shape:
        return layer.batch, layer.height, layer.width, layer.in_channels

    def ops(self, layer: LayerFields) -> int:
        return sum(map(math.prod, self.input_shapes(layer)))


OPERATORS: dict[str, Operator] = {}
"""Every operator and building block by its name."""


def get_operator(name: str) -> Operator:
    """Return the operator or building block called ``name``.

    Raises
    ------
    KeyError
        There is none. The message lists the names that are near.
    """
    try:
        return OPERATORS[name]
    except KeyError:
        near = difflib.get_close_matches(name, OPERATORS) or sorted(OPERATORS)
        raise KeyError(f"unknown operator {name!r}; did you mean {' or '.join(near)}?") from None

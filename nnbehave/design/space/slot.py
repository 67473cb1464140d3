"""Slots: the places of a network that a search space leaves open, and the sweeps over their dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError


@dataclass(frozen=True)
class Sweep:
    """One curve to measure: layers of a slot that differ in one dimension.

    Attributes
    ----------
    slot : str
        Name of the slot.
    dimension : str
        The field of the layer that varies.
    values : tuple
        Values of the dimension, in the order of ``layers``.
    layers : tuple of Layer
    """

    slot: str
    dimension: str
    values: tuple[Any, ...]
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Slot:
    """A place in a network: a base layer, and the choices for some of its dimensions.

    Attributes
    ----------
    name : str
    base : Layer
        Gives the values of all other dimensions while one is swept.
    choices : dict of str to tuple
        The candidate values of each dimension that is open.
    unmeasured : dict of str to tuple
        Choices that no single layer shows, such as the number of repeats. They count in ``size`` alone.
    optional : bool
        True if a network may leave the slot out.
    follows : bool
        True if ``in_channels`` always equals the ``out_channels`` of the slot before. It is then no choice of its own.

    Raises
    ------
    InvalidInputError
        A choice has no values, or has a value twice.
    """

    name: str
    base: Layer
    choices: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    unmeasured: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    optional: bool = False
    follows: bool = False

    def __post_init__(self) -> None:
        for attribute in ("choices", "unmeasured"):
            given = getattr(self, attribute)
            plain = {key: tuple(map(plain_value, values)) for key, values in given.items()}
            object.__setattr__(self, attribute, plain)
            for dimension, values in plain.items():
                what = f"slot {self.name!r}: {attribute}[{dimension!r}]"
                if not values:
                    raise InvalidInputError(f"{what}: must have 1 value or more, got none")
                if len(set(values)) < len(values):
                    raise InvalidInputError(f"{what}: must have different values, got {values}")

    @property
    def size(self) -> int:
        """Number of different ways to fill the slot. Leaving it out, where it is optional, is one of them."""
        ways = [len(values) for values in [*self.choices.values(), *self.unmeasured.values()]]
        return math.prod(ways) + self.optional

    def sweeps(self) -> list[Sweep]:
        """Return one sweep for each choice. The other dimensions are those of the base layer (paper, section 3.1)."""
        return [
            Sweep(self.name, dim, values, tuple(self.base.replace(**{dim: value}) for value in values))
            for dim, values in self.choices.items()
        ]


def plain_value(value: Any) -> Any:
    """Return a NumPy scalar as a plain Python value, which every file format can hold; all else as it is."""
    return value.item() if hasattr(value, "item") else value

"""Search spaces: stages of slots, and every network that they can form."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.models import read_model
from nnbehave.design.space.slot import Slot, Sweep, plain_value
from nnbehave.design.space.to_document import slot_to_document
from nnbehave.errors import InvalidInputError


@dataclass(frozen=True)
class Stage:
    """Slots that follow one another.

    Attributes
    ----------
    name : str
    slots : tuple of Slot
    depth : tuple of int, optional
        The choices for how many slots, from the first, a network uses. By default it uses all of them.
    """

    name: str
    slots: tuple[Slot, ...]
    depth: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.depth is not None:
            object.__setattr__(self, "depth", tuple(map(plain_value, self.depth)))

    @property
    def depths(self) -> tuple[int, ...]:
        """The choices of depth: the number of slots is the only one where ``depth`` is None."""
        return self.depth or (len(self.slots),)

    @property
    def size(self) -> int:
        """Number of different ways to fill the stage: the sum over its depths."""
        sizes = [slot.size for slot in self.slots]
        return sum(math.prod(sizes[:depth]) for depth in self.depths)


@dataclass(frozen=True)
class Space:
    """A search space: every network that its stages and slots can form.

    Attributes
    ----------
    name : str
    stages : tuple of Stage
    source : str
        The paper or code that the space comes from.
    unknown : tuple of str
        Operators of a model file that are no slots, each with the reason (:meth:`from_model`).

    Raises
    ------
    InvalidInputError
        Two slots have one name.

    Examples
    --------
    >>> conv = Layer(op="conv", height=28, in_channels=320, out_channels=64, kernel=3)
    >>> space = Space.from_layer(conv, "out_channels", range(32, 65))
    >>> space.size, [sweep.dimension for sweep in space.sweeps()]
    (33, ['out_channels'])
    """

    name: str
    stages: tuple[Stage, ...]
    source: str = ""
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [slot.name for slot in self.slots]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise InvalidInputError(
                f"space {self.name!r}: slots must have different names, but two slots are called {repeated!r}"
            )

    @classmethod
    def from_layer(cls, layer: Layer, dimension: str, values: Sequence[Any], name: str | None = None) -> Space:
        """Return the space of one slot: ``layer`` with ``values`` for ``dimension``.

        Raises
        ------
        InvalidLayerError
            A value makes a layer that cannot exist.
        InvalidInputError
            There are no values, or there is one twice.
        """
        plain = tuple(getattr(layer.replace(**{dimension: value}), dimension) for value in values)
        slot = Slot(layer.op, layer, {dimension: plain})
        return cls(name or f"{layer.op}_{dimension}", (Stage(layer.op, (slot,)),))

    @classmethod
    def from_model(cls, path: str | Path) -> Space:
        """Return the layers of a model file as slots without choices.

        Parameters
        ----------
        path : str or path
            A ``.tflite``, ``.keras``, ``.h5`` or ``.onnx`` file (:func:`nnbehave.design.models.read_model`).

        Returns
        -------
        Space
            ``unknown`` lists the operators that nnbehave has no layer for, each with the reason.

        Raises
        ------
        InvalidInputError
            The file cannot be read.
        MissingExtraError
            The package that reads such a file is not installed.
        """
        found = read_model(path)
        slots = tuple(Slot(each.name, each.layer) for each in found if each.layer is not None)
        unknown = tuple(f"{each.name}: {each.kind}: {each.why}" for each in found if each.layer is None)
        name = Path(path).stem
        return cls(name, (Stage(name, slots),), str(Path(path).name), unknown)

    def among(self, values: Collection[int]) -> Space:
        """Return the space with only those choices of each dimension over numbers that are among ``values``.

        Raises
        ------
        InvalidInputError
            A dimension has none of them.
        """
        wanted = set(values)

        def restricted(slot: Slot) -> Slot:
            choices = {
                dimension: tuple(value for value in given if not isinstance(value, int) or value in wanted)
                for dimension, given in slot.choices.items()
            }
            for dimension, left in choices.items():
                if not left:
                    low, high = min(slot.choices[dimension]), max(slot.choices[dimension])
                    raise InvalidInputError(
                        f"values: slot {slot.name!r} has choices of {dimension} from {low} to {high}, got none of them"
                    )
            return replace(slot, choices=choices)

        stages = tuple(replace(stage, slots=tuple(map(restricted, stage.slots))) for stage in self.stages)
        return replace(self, stages=stages)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers of all sweeps, each once, and the base of each slot without choices."""
        swept = [layer for sweep in self.sweeps() for layer in sweep.layers]
        return tuple(dict.fromkeys([*swept, *(slot.base for slot in self.slots if not slot.choices)]))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots, stage by stage."""
        return tuple(slot for stage in self.stages for slot in stage.slots)

    @property
    def size(self) -> int:
        """Exact number of different networks in the space."""
        return math.prod(stage.size for stage in self.stages)

    def sweeps(self) -> list[Sweep]:
        """Return one sweep for each choice of each slot."""
        return [sweep for slot in self.slots for sweep in slot.sweeps()]

    def unrolled(self) -> Space:
        """Return a space whose slots hold every layer that a network of this space can have, for a latency table.

        Each slot of it is one curve: over the dimension that has the most numbers, with all others fixed. Equal curves
        are there once. A slot that follows another is there with each number of channels that it can be given.
        """
        slots: dict[tuple[Any, ...], Slot] = {}
        given: set[int] = set()  # numbers of channels that the next slot may be given
        for stage in self.stages:
            ends: set[int] = set()
            for position, slot in enumerate(stage.slots, 1):
                curves = list(_curves(slot, sorted(given)))
                for base, choices in curves:
                    key = (base, *choices.items())
                    slots.setdefault(key, Slot(f"{slot.name}/{len(slots)}", base, choices))
                made = {layer.out_channels for base, choices in curves for layer in _layers_of(base, choices)}
                given = made | (given if slot.optional else set())
                ends |= given if position in stage.depths else set()
            given = ends
        return Space(f"{self.name}_layers", (Stage("layers", tuple(slots.values())),), self.source)

    def sample(self, seed: int = 0) -> Graph:
        """Return one network of the space at random: each depth is equally likely, and then each choice.

        Raises
        ------
        InvalidInputError
            A slot has choices that no layer shows, or cannot read the output of the slot before.
        """
        rng = random.Random(seed)
        layers: list[Layer] = []
        for stage in self.stages:
            for slot in stage.slots[: rng.choice(stage.depths)]:
                if slot.unmeasured:
                    unmeasured = ", ".join(slot.unmeasured)
                    raise InvalidInputError(f"slot {slot.name!r} has choices that no layer shows: {unmeasured}")
                if slot.optional and rng.random() < 0.5:
                    continue
                values = {dimension: rng.choice(choices) for dimension, choices in slot.choices.items()}
                tied = {"in_channels": layers[-1].out_channels} if slot.follows and layers else {}
                layers.append(slot.base.replace(**tied, **values))
        return Graph(layers, "network", [(i - 1,) for i in range(len(layers))])

    def to_yaml(self, path: str | Path | None = None) -> str:
        """Return the space as YAML, and write it to ``path`` if that is given. :func:`load_space` reads it back."""
        text = yaml.safe_dump(space_to_document(self), sort_keys=False, allow_unicode=True, width=100)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text


def space_to_document(space: Space) -> dict[str, Any]:
    """Return a space as the mapping that a space file holds, in plain Python values."""
    document: dict[str, Any] = {"name": space.name}
    if space.source:
        document["source"] = space.source
    if space.unknown:
        document["unknown"] = list(space.unknown)
    document["stages"] = [
        {
            "name": stage.name,
            **({"depth": list(stage.depth)} if stage.depth else {}),
            "slots": [slot_to_document(slot) for slot in stage.slots],
        }
        for stage in space.stages
    ]
    return document


def _curves(slot: Slot, given: Sequence[int]) -> Iterator[tuple[Layer, dict[str, tuple[Any, ...]]]]:
    """Yield the curves of a slot: a base layer and the choice of one dimension over numbers, or of none.

    ``given`` are the numbers of input channels of a slot that follows another.
    """
    numbers = {d: values for d, values in slot.choices.items() if all(type(value) is int for value in values)}
    along = max(numbers, key=lambda dimension: len(numbers[dimension]), default=None)
    fixed = {dimension: values for dimension, values in slot.choices.items() if dimension != along}
    for values in itertools.product(*fixed.values()):
        for channels in given if slot.follows and given else (None,):
            changes = dict(zip(fixed, values, strict=True)) | ({} if channels is None else {"in_channels": channels})
            first = {along: slot.choices[along][0]} if along else {}  # so that equal curves have equal bases
            yield slot.base.replace(**changes, **first), {along: slot.choices[along]} if along else {}


def _layers_of(base: Layer, choices: dict[str, tuple[Any, ...]]) -> list[Layer]:
    """Return the layers of a curve."""
    return [base.replace(**{d: value}) for d, values in choices.items() for value in values] or [base]

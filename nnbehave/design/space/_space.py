"""Search spaces: slots with their choices, grouped in stages, swept one dimension at a time."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.models import read_model
from nnbehave.errors import InvalidInputError


@dataclass(frozen=True)
class Sweep:
    """One curve to measure: the layers of a slot that differ in one dimension.

    Attributes
    ----------
    slot, dimension : str
    values : tuple
        Of the dimension, in the order of ``layers``.
    layers : tuple of Layer
    """

    slot: str
    dimension: str
    values: tuple[Any, ...]
    layers: tuple[Layer, ...]


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python value that it stands for, which can be written to any format."""
    return value.item() if hasattr(value, "item") else value


@dataclass(frozen=True)
class Slot:
    """A place in a network: a base layer, and the choices of some of its dimensions.

    Attributes
    ----------
    name : str
    base : Layer
        What the other dimensions are fixed at while one is swept.
    choices : dict of str to tuple
        Dimension to its candidate values.
    unmeasured : dict of str to tuple
        Further choices, which no single layer shows, such as how often it is repeated: counted in ``size`` alone.
    optional : bool
        Whether a network may do without it.
    follows : bool
        Whether ``in_channels`` is the ``out_channels`` of the slot before, whatever that has: no choice of its own.
    """

    name: str
    base: Layer
    choices: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    unmeasured: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    optional: bool = False
    follows: bool = False

    def __post_init__(self) -> None:
        for name in ("choices", "unmeasured"):
            given = getattr(self, name)
            object.__setattr__(self, name, {key: tuple(map(_plain, values)) for key, values in given.items()})
        for dimension, values in [*self.choices.items(), *self.unmeasured.items()]:
            if not values:
                raise InvalidInputError(f"slot {self.name!r}: no values for {dimension!r}")
            if len(set(values)) < len(values):
                raise InvalidInputError(f"slot {self.name!r}: repeated values for {dimension!r}")

    @property
    def size(self) -> int:
        """Number of different ways to fill the slot, leaving it out among them."""
        ways = [len(values) for values in [*self.choices.values(), *self.unmeasured.values()]]
        return math.prod(ways) + self.optional

    def sweeps(self) -> list[Sweep]:
        """Return one sweep a dimension, the others fixed at the base layer (paper, section 3.1)."""
        return [
            Sweep(self.name, dim, values, tuple(self.base.replace(**{dim: value}) for value in values))
            for dim, values in self.choices.items()
        ]


def _curves(slot: Slot, given: Sequence[int]) -> Iterator[tuple[Layer, dict[str, tuple[Any, ...]]]]:
    """Yield the layers that a slot can hold as a base and what varies of it, one dimension over numbers or none."""
    numbers = {d: values for d, values in slot.choices.items() if all(type(value) is int for value in values)}
    along = max(numbers, key=lambda dimension: len(numbers[dimension]), default=None)
    fixed = {dimension: values for dimension, values in slot.choices.items() if dimension != along}
    for values in itertools.product(*fixed.values()):
        for channels in given if slot.follows and given else (None,):
            changes = dict(zip(fixed, values, strict=True)) | ({} if channels is None else {"in_channels": channels})
            first = {along: slot.choices[along][0]} if along else {}  # so that alike curves have one base
            yield slot.base.replace(**changes, **first), {along: slot.choices[along]} if along else {}


def _filled(base: Layer, choices: dict[str, tuple[Any, ...]]) -> list[Layer]:
    return [base.replace(**{d: value}) for d, values in choices.items() for value in values] or [base]


@dataclass(frozen=True)
class Stage:
    """Slots that follow one another, of which only the first ``d`` may be in use, for a ``d`` in ``depth``."""

    name: str
    slots: tuple[Slot, ...]
    depth: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.depth is not None:
            object.__setattr__(self, "depth", tuple(map(_plain, self.depth)))

    @property
    def size(self) -> int:
        """Number of different stages: with a choice of depth, the sum over the depths."""
        sizes = [slot.size for slot in self.slots]
        return sum(math.prod(sizes[:depth]) for depth in self.depth or (len(sizes),))


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
        What a model has besides (:meth:`from_model`), and why it is no slot.
    """

    name: str
    stages: tuple[Stage, ...]
    source: str = ""
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [slot.name for slot in self.slots]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidInputError(f"space {self.name!r}: two slots are called {twice!r}")

    @classmethod
    def from_layer(cls, layer: Layer, dimension: str, values: Sequence[Any], name: str | None = None) -> Space:
        """Return the space of one slot: ``layer`` with ``values`` for ``dimension``.

        Raises
        ------
        InvalidLayerError
            Where a value makes a layer that cannot exist.
        """
        plain = tuple(getattr(layer.replace(**{dimension: value}), dimension) for value in values)
        slot = Slot(layer.op, layer, {dimension: plain})
        return cls(name or f"{layer.op}_{dimension}", (Stage(layer.op, (slot,)),))

    @classmethod
    def from_model(cls, path: str | Path) -> Space:
        """Return the layers of a network as slots without choices, to be measured or to be given some.

        Parameters
        ----------
        path : str or path
            A ``.tflite``, ``.keras``, ``.h5`` or ``.onnx`` file (:func:`nnbehave.design.models.read_model`).

        Returns
        -------
        Space
            ``unknown`` lists the operators that are no layers here, each with the reason.

        Raises
        ------
        InvalidInputError
            The file cannot be read.
        MissingExtraError
            What reads such a file is not installed.
        """
        found = read_model(path)
        slots = tuple(Slot(each.name, each.layer) for each in found if each.layer is not None)
        unknown = tuple(f"{each.name}: {each.kind}: {each.why}" for each in found if each.layer is None)
        name = Path(path).stem
        return cls(name, (Stage(name, slots),), str(Path(path).name), unknown)

    def among(self, values: Collection[int]) -> Space:
        """Return the space with, of each dimension over numbers, only those among ``values``.

        Raises
        ------
        InvalidInputError
            They leave nothing of a dimension.
        """
        wanted = set(values)

        def restricted(slot: Slot) -> Slot:
            choices = {
                dimension: tuple(value for value in given if not isinstance(value, int) or value in wanted)
                for dimension, given in slot.choices.items()
            }
            if empty := [dimension for dimension, left in choices.items() if not left]:
                raise InvalidInputError(f"values: {slot.name!r} has none of them for {empty[0]}")
            return replace(slot, choices=choices)

        stages = tuple(replace(stage, slots=tuple(map(restricted, stage.slots))) for stage in self.stages)
        return replace(self, stages=stages)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers that sweeps measure, each once; of a slot without choices, its base."""
        swept = [layer for sweep in self.sweeps() for layer in sweep.layers]
        return tuple(dict.fromkeys([*swept, *(slot.base for slot in self.slots if not slot.choices)]))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots, stage by stage."""
        return tuple(slot for stage in self.stages for slot in stage.slots)

    @property
    def size(self) -> int:
        """Number of different networks in the space, exactly."""
        return math.prod(stage.size for stage in self.stages)

    def sweeps(self) -> list[Sweep]:
        """Return one sweep for each dimension of each slot that has a choice."""
        return [sweep for slot in self.slots for sweep in slot.sweeps()]

    def unrolled(self) -> Space:
        """Return every layer that one of its networks can have, as slots of their own: what a latency table is made of.

        A slot here is a curve over the dimension of which there are most numbers, the others fixed; alike ones are
        there once. A slot that follows another is there with each number of channels that it can be given.
        """
        slots: dict[tuple[Any, ...], Slot] = {}
        given: set[int] = set()  # channels that the next slot may get
        for stage in self.stages:
            ends: set[int] = set()
            for position, slot in enumerate(stage.slots, 1):
                curves = list(_curves(slot, sorted(given)))
                for base, choices in curves:
                    key = (base, *choices.items())
                    slots.setdefault(key, Slot(f"{slot.name}/{len(slots)}", base, choices))
                made = {layer.out_channels for base, choices in curves for layer in _filled(base, choices)}
                given = made | (given if slot.optional else set())
                ends |= given if position in (stage.depth or (len(stage.slots),)) else set()
            given = ends
        return Space(f"{self.name}_layers", (Stage("layers", tuple(slots.values())),), self.source)

    def sample(self, seed: int = 0) -> Graph:
        """Return one network of the space, drawn at random: depths evenly, then each choice evenly.

        Raises
        ------
        InvalidInputError
            A slot has choices that no layer shows, or cannot read what the one before gives.
        """
        rng = random.Random(seed)
        layers: list[Layer] = []
        for stage in self.stages:
            for slot in stage.slots[: rng.choice(stage.depth or (len(stage.slots),))]:
                if slot.unmeasured:
                    raise InvalidInputError(f"slot {slot.name!r} has choices that no layer shows")
                if slot.optional and rng.random() < 0.5:
                    continue
                values = {dimension: rng.choice(choices) for dimension, choices in slot.choices.items()}
                tied = {"in_channels": layers[-1].out_channels} if slot.follows and layers else {}
                layers.append(slot.base.replace(**tied, **values))
        return Graph(layers, "network", [(i - 1,) for i in range(len(layers))])

    def to_yaml(self, path: str | Path | None = None) -> str:
        """Return the space as YAML, and write it to ``path`` where one is given. ``load_space`` reads it back."""
        from nnbehave.design.space._file import dump_space

        text = dump_space(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

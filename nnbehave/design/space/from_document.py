"""Reads a space from the mapping that a space file holds, and collects every mistake in it.

A slot in a file has the attributes of :class:`Slot`, and may have ``each`` besides: a mapping of fields to values,
lists or ranges, or a list of such mappings. The slot then stands for several, one for each combination of values in a
mapping, and the values become part of their names. ``in_channels: previous`` sets :attr:`Slot.follows`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nnbehave.design.layer import SHORT, Layer, PositiveInt
from nnbehave.design.space.slot import Slot
from nnbehave.design.space.space import Space, Stage
from nnbehave.design.space.to_document import PREVIOUS
from nnbehave.errors import InvalidLayerError, SpaceError

Place = tuple[Any, ...]
"""The keys and indices that lead to a value in a document: ``("slots", 0, "base", "kernel")``."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in a document.

    Attributes
    ----------
    place : tuple of str and int
        The keys and indices that lead to the value at fault; empty for the space as a whole.
    reason : str
        What is wrong there.
    """

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place)) or 'space'}: {self.reason}"


def space_from_document(document: Any, origin: str = "space") -> Space:
    """Return the space that :func:`space_to_document` turned into ``document``.

    Parameters
    ----------
    document : mapping
    origin : str
        Names the document in errors.

    Returns
    -------
    Space

    Raises
    ------
    SpaceError
        The document holds no space. The message gives the place of every mistake.
    """
    space, mistakes = read_document(document)
    if space is None or mistakes:
        raise SpaceError("\n".join(f"{origin}: {mistake}" for mistake in mistakes))
    return space


def read_document(document: Any) -> tuple[Space | None, list[Mistake]]:
    """Return the space that a document holds, and every mistake in it. With mistakes, the space may be None."""
    reader = _Reader()
    return reader.space(document), reader.mistakes


_Scalar = bool | int | float | str | None


class _Form(BaseModel):
    """The keys and types of a mapping in a document."""

    model_config = ConfigDict(extra="forbid")


class _RangeForm(_Form):
    low: PositiveInt
    high: PositiveInt
    step: PositiveInt = 1


class _SlotForm(_Form):
    name: str
    base: dict[str, Any]
    choices: dict[str, Any] = Field(default_factory=dict)
    unmeasured: dict[str, list[_Scalar]] = Field(default_factory=dict)
    optional: bool = Field(default=False, strict=True)
    each: list[dict[str, Any]] = Field(default=[{}], min_length=1)

    @field_validator("each", mode="before")
    @classmethod
    def _mapping_as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class _StageForm(_Form):
    name: str
    slots: list[Any] = Field(min_length=1)
    depth: list[PositiveInt] | None = Field(default=None, min_length=1)


class _SpaceForm(_Form):
    name: str = Field(min_length=1)
    source: str = ""
    unknown: list[str] = Field(default_factory=list)
    slots: list[Any] | None = Field(default=None, min_length=1)
    stages: list[Any] | None = Field(default=None, min_length=1)


_AnyForm = TypeVar("_AnyForm", bound=_Form)


class _Reader:
    """Turns a document into a space. Mistakes are collected, so that all are reported at once."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def space(self, document: Any) -> Space | None:
        """Return the space, or None if it cannot be made."""
        form = self._parse(_SpaceForm, document, ())
        if form is None:
            return None
        if (form.slots is None) == (form.stages is None):
            self._add((), f"must have 'slots' or 'stages', got {'neither' if form.slots is None else 'both'}")
        stages: list[Stage] = []
        if form.slots is not None:
            stages.append(Stage(form.name, self._slots(form.slots, ("slots",), None)))
        for i, raw in enumerate(form.stages or []):
            before = stages[-1].slots[-1] if stages and stages[-1].slots else None
            stage = self._stage(raw, ("stages", i), before)
            if stage is not None:
                stages.append(stage)
        names = [slot.name for stage in stages for slot in stage.slots]
        repeated = sorted({name for name in names if names.count(name) > 1})
        for name in repeated:
            self._add((), f"slots must have different names, but two slots are called {name!r}")
        return None if repeated else Space(form.name, tuple(stages), form.source, tuple(form.unknown))

    def _stage(self, raw: Any, place: Place, before: Slot | None) -> Stage | None:
        """Return a stage, given the slot ``before`` it."""
        form = self._parse(_StageForm, raw, place)
        if form is None:
            return None
        slots = self._slots(form.slots, (*place, "slots"), before)
        if form.depth and slots and max(form.depth) > len(slots):
            self._add((*place, "depth"), f"must be at most the {len(slots)} slots of the stage, got {max(form.depth)}")
        return Stage(form.name, slots, tuple(form.depth) if form.depth else None)

    def _slots(self, raw_slots: list[Any], place: Place, before: Slot | None) -> tuple[Slot, ...]:
        """Return all slots that a list of slots stands for, given the slot ``before`` them."""
        slots: list[Slot] = []
        for i, raw in enumerate(raw_slots):
            form = self._parse(_SlotForm, raw, (*place, i))
            if form is None:
                continue
            for changes in self._combinations(form, (*place, i)):
                slot = self._slot(form, changes, (*place, i), slots[-1] if slots else before)
                if slot is None:
                    break  # the other combinations would have the same mistake
                slots.append(slot)
        return tuple(slots)

    def _combinations(self, form: _SlotForm, place: Place) -> Iterator[dict[str, Any]]:
        """Yield the fields that ``each`` gives to each slot that a form stands for."""
        groups = [
            {name: self._values_of_each(value, (*place, "each", j, name)) for name, value in group.items()}
            for j, group in enumerate(form.each)
        ]
        for group in groups:
            for values in itertools.product(*group.values()):
                yield dict(zip(group, values, strict=True))

    def _values_of_each(self, value: Any, place: Place) -> list[Any]:
        """Return the values that a field takes in ``each``."""
        if isinstance(value, dict):
            return self._range(value, place)
        if value == []:
            self._add(place, "must have 1 value or more, got an empty list")
        return value if isinstance(value, list) else [value]

    def _slot(self, form: _SlotForm, changes: Mapping[str, Any], place: Place, before: Slot | None) -> Slot | None:
        """Return one of the slots that a form stands for, or None if it has a mistake."""
        known = len(self.mistakes)
        fields = {str(key): value for key, value in {**form.base, **changes}.items()}
        follows = fields.get("in_channels") == PREVIOUS
        base = self._base(fields, changes, place, before)
        if base is None:
            return None
        choices = {
            dimension: self._values(base, dimension, choice, (*place, "choices", dimension))
            for dimension, choice in form.choices.items()
        }
        if follows and "in_channels" in choices:
            self._add((*place, "choices", "in_channels"), f"no choice beside in_channels: {PREVIOUS}")
        for name, values in form.unmeasured.items():
            if not values or len(set(values)) < len(values):
                self._add((*place, "unmeasured", name), f"must be a list of different values, got {values!r}")
        if len(self.mistakes) > known:
            return None
        unmeasured = {name: tuple(values) for name, values in form.unmeasured.items()}
        name = "_".join([form.name, *(f"{SHORT.get(key, '')}{value}" for key, value in changes.items())])
        return Slot(name, base, choices, unmeasured, form.optional, follows)

    def _base(
        self, fields: dict[str, Any], changes: Mapping[str, Any], place: Place, before: Slot | None
    ) -> Layer | None:
        """Return the base layer of a slot, or None if there is no such layer."""
        if fields.get("in_channels") == PREVIOUS:
            if before is None:
                self._add((*place, "base", "in_channels"), f"{PREVIOUS!r}: there is no slot before this one")
                return None
            fields = fields | {"in_channels": before.base.out_channels}
        try:
            return Layer(**fields)
        except InvalidLayerError as error:
            for name, why in error.problems:
                self._add((*place, "each" if name in changes else "base", *filter(None, [name])), why)
            return None

    def _values(self, base: Layer, dimension: str, choice: Any, place: Place) -> tuple[Any, ...]:
        """Return the values of one dimension's choice; none if it has a mistake."""
        if isinstance(choice, dict):
            choice = self._range(choice, place)
            if not choice:
                return ()
        if not isinstance(choice, list) or not choice:
            self._add(place, f"must be a list of values or {{low, high, step}}, got {choice!r}")
            return ()
        values = []
        for value in choice:
            try:
                values.append(getattr(base.replace(**{dimension: value}), dimension))
            except InvalidLayerError as error:
                self._add(place, f"{value!r}: " + "; ".join(why for _, why in error.problems))
                return ()
        if len(set(values)) < len(values):
            self._add(place, f"must have different values, got {choice!r}")
            return ()
        return tuple(values)

    def _range(self, choice: dict[str, Any], place: Place) -> list[int]:
        """Return the values from ``low`` to ``high`` by ``step``; none if it has a mistake."""
        form = self._parse(_RangeForm, choice, place)
        if form is None:
            return []
        if form.high < form.low:
            self._add(place, f"'high' must be at least 'low' ({form.low}), got {form.high}")
        return list(range(form.low, form.high + 1, form.step))

    def _parse(self, form: type[_AnyForm], value: Any, place: Place) -> _AnyForm | None:
        """Return a value as a form, or None if it has other keys or types."""
        try:
            return form.model_validate(value)
        except ValidationError as error:
            for item in error.errors():
                self._add((*place, *item["loc"]), _reason(item, form))
            return None

    def _add(self, place: Place, reason: str) -> None:
        """Add a mistake."""
        self.mistakes.append(Mistake(place, reason))


def _reason(item: Any, form: type[_Form]) -> str:
    """Return one of pydantic's errors about a form as the reason of a mistake."""
    if item["type"] == "extra_forbidden":
        return f"no such key, only {', '.join(form.model_fields)}"
    if item["type"] == "missing":
        return "missing"
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"

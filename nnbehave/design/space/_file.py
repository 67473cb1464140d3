"""Spaces as YAML: reading, with every mistake by line and key, and writing.

Beside what :class:`Slot` has, a slot in a file may have ``each``: a mapping of fields to values, lists or ranges of
them, or a list of such mappings; it then stands for one slot for every combination in a mapping, named by it.
``in_channels: previous`` ties a slot to the one before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nnbehave.design.layer import SHORT, Layer, PositiveInt
from nnbehave.design.models import FORMATS
from nnbehave.design.space._space import Slot, Space, Stage
from nnbehave.errors import InvalidLayerError, SpaceError

_PACKAGE = Path(__file__).parent.parent.parent
_SHIPPED = (_PACKAGE / "_spaces", _PACKAGE.parent / "spaces")  # in a wheel; in a checkout


def shipped_spaces() -> dict[str, Path]:
    """Return the spaces that come with nnbehave: name to file."""
    return {file.stem: file for folder in _SHIPPED for file in sorted(folder.glob("*.yaml"))}


def load_space(name_or_path: str | Path) -> Space:
    """Read a space.

    Parameters
    ----------
    name_or_path : str or path
        A shipped space's name (``"conv_cout"``), the path of a YAML file, or that of a model, whose layers are then
        slots without choices (:meth:`Space.from_model`).

    Raises
    ------
    SpaceError
        No such space, or the file is not one: the message gives line and key of every mistake.
    """
    if not isinstance(name_or_path, str | Path):
        raise SpaceError(f"expected a space's name or the path of one, got {name_or_path!r}")
    path = shipped_spaces().get(str(name_or_path), Path(name_or_path))
    if path.suffix.lower() in FORMATS:
        return Space.from_model(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise SpaceError(
                f"no space {str(name_or_path)!r}: neither a file nor one of {', '.join(shipped_spaces())}"
            ) from None
        why = "it is not text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise SpaceError(f"cannot read the space {str(path)!r}: {why}") from None
    return parse_space(text, str(path))


def parse_space(text: str, origin: str = "space") -> Space:
    """Read a space from YAML text; ``origin`` names it in errors. Raises SpaceError."""
    try:
        document = yaml.load(text, _Loader)
        lines = _Lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except RecursionError:
        raise SpaceError(f"{origin}: nested too deeply, or in itself") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        raise SpaceError(f"{where}: cannot be read as YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else f"a {type(document).__name__}"
        raise SpaceError(f"{origin}: a space is a mapping with 'name' and 'slots' or 'stages'; this holds {found}")
    problems: _Problems = []
    space = _build(document, problems)
    if space is not None and not problems:
        return space
    raise SpaceError(
        "\n".join(
            f"{origin}:{lines.of(loc)}: {'.'.join(map(str, loc)) or 'space'}: {why}"
            for loc, why in sorted(problems, key=lambda problem: lines.of(problem[0]))
        )
    )


# ------------------------------------------------------------------ the file's form

_Location = tuple[Any, ...]
_Problems = list[tuple[_Location, str]]  # where in the document, and what is wrong there


_Scalar = bool | int | float | str | None


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Range(_Form):
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
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
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


_PREVIOUS = "previous"

_AnyForm = TypeVar("_AnyForm", bound=_Form)


def _parse(form: type[_AnyForm], value: Any, loc: _Location, problems: _Problems) -> _AnyForm | None:
    try:
        return form.model_validate(value)
    except ValidationError as error:
        problems += [((*loc, *item["loc"]), _message(item)) for item in error.errors()]
        return None


def _message(item: Any) -> str:
    known = {"extra_forbidden": "no such key", "missing": "missing"}
    return known.get(item["type"]) or f"{item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"


def _build(document: Any, problems: _Problems) -> Space | None:
    """Turn a document into a Space; all that is wrong with it goes into ``problems``."""
    parsed = _parse(_SpaceForm, document, (), problems)
    if parsed is None:
        return None
    if (parsed.slots is None) == (parsed.stages is None):
        problems.append(((), "give either 'slots' or 'stages'"))
    stages: list[Stage] = []
    if parsed.slots is not None:
        stages.append(Stage(parsed.name, _slots(parsed.slots, ("slots",), None, problems)))
    for i, raw in enumerate(parsed.stages or []):
        stage = _parse(_StageForm, raw, ("stages", i), problems)
        if stage is None:
            continue
        before = stages[-1].slots[-1] if stages and stages[-1].slots else None
        slots = _slots(stage.slots, ("stages", i, "slots"), before, problems)
        if stage.depth and slots and max(stage.depth) > len(slots):
            problems.append((("stages", i, "depth"), f"a depth over the {len(slots)} slots of the stage"))
        stages.append(Stage(stage.name, slots, tuple(stage.depth) if stage.depth else None))
    names = [slot.name for stage in stages for slot in stage.slots]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [((), f"two slots are called {name!r}") for name in twice]
    return None if twice else Space(parsed.name, tuple(stages), parsed.source, tuple(parsed.unknown))


def _slots(raw_slots: list[Any], loc: _Location, before: Slot | None, problems: _Problems) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    for i, raw in enumerate(raw_slots):
        form = _parse(_SlotForm, raw, (*loc, i), problems)
        if form is None:
            continue
        for j, group in enumerate(form.each):
            for field, value in group.items():
                if isinstance(value, dict):
                    group[field] = list(_values_of_range(value, (*loc, i, "each", j, field), problems))
                elif value == []:
                    problems.append(((*loc, i, "each", j, field), "an empty list, which makes no slot"))
        for changes in _each(form):
            slot = _slot(form, changes, (*loc, i), slots[-1] if slots else before, problems)
            if slot is None:
                break  # the others would be wrong in the same way
            slots.append(slot)
    return tuple(slots)


def _each(form: _SlotForm) -> Iterator[dict[str, Any]]:
    """Yield the fields of each slot that a form stands for: every combination of the listed values."""
    for group in form.each:
        lists = [value if isinstance(value, list) else [value] for value in group.values()]
        for values in itertools.product(*lists):
            yield dict(zip(group, values, strict=True))


def _slot(
    form: _SlotForm, changes: dict[str, Any], loc: _Location, before: Slot | None, problems: _Problems
) -> Slot | None:
    fields = {str(key): value for key, value in {**form.base, **changes}.items()}
    follows = fields.get("in_channels") == _PREVIOUS
    if follows:
        if before is None:
            problems.append(((*loc, "base", "in_channels"), f"{_PREVIOUS!r}: there is no slot before it"))
            return None
        fields["in_channels"] = before.base.out_channels
    try:
        base = Layer(**fields)
    except InvalidLayerError as error:
        for name, why in error.problems:
            place = "each" if name in changes else "base"
            problems.append(((*loc, place, *filter(None, [name])), why))
        return None
    known = len(problems)
    choices = {
        dimension: _values(base, dimension, choice, (*loc, "choices", dimension), problems)
        for dimension, choice in form.choices.items()
    }
    if follows and "in_channels" in choices:
        problems.append(((*loc, "choices", "in_channels"), f"no choice beside in_channels: {_PREVIOUS}"))
    for name, values in form.unmeasured.items():
        if not values or len(set(values)) < len(values):
            problems.append(((*loc, "unmeasured", name), f"expected a list of different values, got {values!r}"))
    if len(problems) > known:
        return None
    unmeasured = {name: tuple(values) for name, values in form.unmeasured.items()}
    name = "_".join([form.name, *(f"{SHORT.get(key, '')}{value}" for key, value in changes.items())])
    return Slot(name, base, choices, unmeasured, form.optional, follows)


def _values(base: Layer, dimension: str, choice: Any, loc: _Location, problems: _Problems) -> tuple[Any, ...]:
    """Return the values of one dimension's choice; none where something is wrong with it."""
    if isinstance(choice, dict):
        choice = _values_of_range(choice, loc, problems)
        if not choice:
            return ()
    if not isinstance(choice, list) or not choice:
        problems.append((loc, f"expected a list of values or {{low, high, step}}, got {choice!r}"))
        return ()
    values = []
    for value in choice:
        try:
            values.append(getattr(base.replace(**{dimension: value}), dimension))
        except InvalidLayerError as error:
            problems.append((loc, f"{value!r}: " + "; ".join(why for _, why in error.problems)))
            return ()
    if len(set(values)) < len(values):
        problems.append((loc, "holds a value twice"))
        return ()
    return tuple(values)


def _values_of_range(choice: dict[str, Any], loc: _Location, problems: _Problems) -> list[int]:
    form = _parse(_Range, choice, loc, problems)
    if form is None:
        return []
    values = list(range(form.low, form.high + 1, form.step))
    if not values:
        problems.append((loc, "'high' is below 'low'"))
    return values


def space_from_document(document: Any, origin: str = "space") -> Space:
    """Return the space that :func:`space_to_document` made ``document`` of; ``origin`` names it in errors.

    Raises
    ------
    SpaceError
        It is not one; the message gives the place of every mistake.
    """
    problems: _Problems = []
    space = _build(document, problems)
    if space is None or problems:
        raise SpaceError("\n".join(f"{origin}: {'.'.join(map(str, loc)) or 'space'}: {why}" for loc, why in problems))
    return space


def dump_space(space: Space) -> str:
    """Return a space as YAML."""
    return yaml.safe_dump(space_to_document(space), sort_keys=False, allow_unicode=True, width=100)


def space_to_document(space: Space) -> dict[str, Any]:
    """Return a space as the mapping that a space file holds: plain Python."""
    document: dict[str, Any] = {"name": space.name}
    if space.source:
        document["source"] = space.source
    if space.unknown:
        document["unknown"] = list(space.unknown)
    document["stages"] = [
        {
            "name": stage.name,
            **({"depth": list(stage.depth)} if stage.depth else {}),
            "slots": [_dump_slot(slot) for slot in stage.slots],
        }
        for stage in space.stages
    ]
    return document


def _dump_slot(slot: Slot) -> dict[str, Any]:
    base = slot.base.fields() | ({"in_channels": _PREVIOUS} if slot.follows else {})
    found: dict[str, Any] = {"name": slot.name, "base": base}
    if slot.optional:
        found["optional"] = True
    found["choices"] = {dim: _dump_values(values) for dim, values in slot.choices.items()}
    if slot.unmeasured:
        found["unmeasured"] = {name: list(values) for name, values in slot.unmeasured.items()}
    return found


def _dump_values(values: tuple[Any, ...]) -> Any:
    """Write a long regular run of integers as a range, all else as a list."""
    if len(values) > 3 and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step > 0 and values == tuple(range(values[0], values[-1] + 1, step)):
            return {"low": values[0], "high": values[-1], **({"step": step} if step > 1 else {})}
    return list(values)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would take the last in silence."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._checked: list[yaml.MappingNode] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if not any(node is other for other in self._checked):  # a merge adds keys to a node that it was read from
            self._checked.append(node)
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Lines:
    """Finds the line of a place in a YAML document."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._line: dict[_Location, int] = dict(self._walk(root, ()) if root else ())

    def _walk(self, node: yaml.Node, loc: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], int]]:
        yield loc, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield from self._walk(value, (*loc, str(key.value)))
                yield (*loc, str(key.value)), key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                yield from self._walk(value, (*loc, i))

    def of(self, loc: tuple[Any, ...]) -> int:
        """Return the line of ``loc``, or of the nearest thing around it that the document has."""
        while loc not in self._line:
            loc = loc[:-1]
        return self._line[loc]

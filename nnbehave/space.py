"""Search spaces: slots with their choices, grouped in stages; read from YAML, swept one dimension at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nnbehave.errors import InvalidInputError, InvalidLayerError, SpaceError
from nnbehave.layer import Layer, PositiveInt

_PACKAGE = Path(__file__).parent
_SHIPPED = (_PACKAGE / "_spaces", _PACKAGE.parent / "spaces")  # in a wheel; in a checkout


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
    """

    name: str
    base: Layer
    choices: dict[str, tuple[Any, ...]]

    def __post_init__(self) -> None:
        for dimension, values in self.choices.items():
            if not values:
                raise InvalidInputError(f"slot {self.name!r}: no values for {dimension!r}")
            if len(set(values)) < len(values):
                raise InvalidInputError(f"slot {self.name!r}: repeated values for {dimension!r}")

    @property
    def size(self) -> int:
        """Number of different layers that the slot can hold."""
        return math.prod(len(values) for values in self.choices.values())

    def sweeps(self) -> list[Sweep]:
        """Return one sweep a dimension, the others fixed at the base layer (paper, section 3.1)."""
        return [
            Sweep(self.name, dim, values, tuple(self.base.replace(**{dim: value}) for value in values))
            for dim, values in self.choices.items()
        ]


@dataclass(frozen=True)
class Stage:
    """Slots that follow one another, of which only the first ``d`` may be in use, for a ``d`` in ``depth``."""

    name: str
    slots: tuple[Slot, ...]
    depth: tuple[int, ...] | None = None

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
    """

    name: str
    stages: tuple[Stage, ...]
    source: str = ""

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

    def to_yaml(self, path: str | Path | None = None) -> str:
        """Return the space as YAML, and write it to ``path`` where one is given. ``load_space`` reads it back."""
        document: dict[str, Any] = {"name": self.name}
        if self.source:
            document["source"] = self.source
        document["stages"] = [
            {
                "name": stage.name,
                **({"depth": list(stage.depth)} if stage.depth else {}),
                "slots": [
                    {
                        "name": slot.name,
                        "base": slot.base.fields(),
                        "choices": {dim: _dump_values(values) for dim, values in slot.choices.items()},
                    }
                    for slot in stage.slots
                ],
            }
            for stage in self.stages
        ]
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text


def shipped_spaces() -> dict[str, Path]:
    """Return the spaces that come with nnbehave: name to file."""
    return {file.stem: file for folder in _SHIPPED for file in sorted(folder.glob("*.yaml"))}


def load_space(name_or_path: str | Path) -> Space:
    """Read a space.

    Parameters
    ----------
    name_or_path : str or path
        A shipped space's name (``"conv_cout"``) or the path of a YAML file.

    Raises
    ------
    SpaceError
        No such space, or the file is not one: the message gives line and key of every mistake.
    """
    if not isinstance(name_or_path, str | Path):
        raise SpaceError(f"expected a space's name or the path of one, got {name_or_path!r}")
    path = shipped_spaces().get(str(name_or_path), Path(name_or_path))
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


class _StageForm(_Form):
    name: str
    slots: list[Any] = Field(min_length=1)
    depth: list[PositiveInt] | None = Field(default=None, min_length=1)


class _SpaceForm(_Form):
    name: str = Field(min_length=1)
    source: str = ""
    slots: list[Any] | None = Field(default=None, min_length=1)
    stages: list[Any] | None = Field(default=None, min_length=1)


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
    stages = []
    if parsed.slots is not None:
        stages.append(Stage(parsed.name, _slots(parsed.slots, ("slots",), problems)))
    for i, raw in enumerate(parsed.stages or []):
        stage = _parse(_StageForm, raw, ("stages", i), problems)
        if stage is None:
            continue
        slots = _slots(stage.slots, ("stages", i, "slots"), problems)
        if stage.depth and max(stage.depth) > len(stage.slots):
            problems.append((("stages", i, "depth"), f"a depth over the {len(stage.slots)} slots of the stage"))
        stages.append(Stage(stage.name, slots, tuple(stage.depth) if stage.depth else None))
    space = Space(parsed.name, tuple(stages), parsed.source)
    names = [slot.name for slot in space.slots]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(((), f"two slots are called {name!r}"))
    return space


def _slots(raw_slots: list[Any], loc: _Location, problems: _Problems) -> tuple[Slot, ...]:
    slots = []
    for i, raw in enumerate(raw_slots):
        form = _parse(_SlotForm, raw, (*loc, i), problems)
        if form is None:
            continue
        try:
            base = Layer(**{str(key): value for key, value in form.base.items()})
        except InvalidLayerError as error:
            problems += [((*loc, i, "base", *filter(None, [field])), why) for field, why in error.problems]
            continue
        choices = {
            dimension: _values(base, dimension, choice, (*loc, i, "choices", dimension), problems)
            for dimension, choice in form.choices.items()
        }
        if all(choices.values()):
            slots.append(Slot(form.name, base, choices))
    return tuple(slots)


def _values(base: Layer, dimension: str, choice: Any, loc: _Location, problems: _Problems) -> tuple[Any, ...]:
    """Return the values of one dimension's choice; none where something is wrong with it."""
    if isinstance(choice, dict):
        form = _parse(_Range, choice, loc, problems)
        if form is None:
            return ()
        choice = list(range(form.low, form.high + 1, form.step))
        if not choice:
            problems.append((loc, "'high' is below 'low'"))
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


def _dump_values(values: tuple[Any, ...]) -> Any:
    """Write a long regular run of integers as a range, all else as a list."""
    if len(values) > 3 and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step > 0 and values == tuple(range(values[0], values[-1] + 1, step)):
            return {"low": values[0], "high": values[-1], **({"step": step} if step > 1 else {})}
    return list(values)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would take the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
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

"""What every exporter says of itself, and what several of them ask of a pruned space."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace


class Exporter(ABC):
    """Turns a pruned space into what another tool takes in.

    Attributes
    ----------
    name : str
        What the format is called in :meth:`nnbehave.pruning.PrunedSpace.export`.
    suffixes : tuple of str
        Of the files that it writes.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def export(self, pruned: PrunedSpace, path: str | Path | None = None, **options: Any) -> Any:
        """Return the space in this format, and write it to ``path`` where one is given.

        Raises
        ------
        InvalidInputError
            The tool cannot take in something of the space, an option is unknown or wrong, or the file has another
            suffix or cannot be written.
        """
        file = None if path is None else Path(path)
        if file is not None:
            self.check_file(file)
        try:
            inspect.signature(self.convert).bind(pruned, **options)
        except TypeError as error:
            raise InvalidInputError(f"{self.name}: {error}") from None
        data = self.convert(pruned, **options)
        if file is not None:
            try:
                self.write(data, file)
            except OSError as error:
                raise InvalidInputError(f"cannot write {str(file)!r}: {error.strerror or error}") from None
        return data

    def check_file(self, file: Path) -> None:
        """Raise InvalidInputError for a file that this format is not written to."""
        if file.suffix.lower() not in self.suffixes:
            raise InvalidInputError(f"{self.name} is written as {' or '.join(self.suffixes)}, not {file.name!r}")
        if not file.parent.is_dir():
            raise InvalidInputError(f"cannot write {str(file)!r}: there is no folder {str(file.parent)!r}")

    @abstractmethod
    def convert(self, pruned: PrunedSpace, *args: Any, **options: Any) -> Any:
        """Return the space in this format: plain Python. A subclass names its options as keywords.

        Raises
        ------
        InvalidInputError
            As :meth:`export` does.
        """

    def write(self, data: Any, path: Path) -> None:
        """Write what :meth:`convert` returned."""
        path.write_text(self.text(data), encoding="utf-8")

    def text(self, data: Any) -> str:
        """Return it as the text of a file."""
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def parameters(pruned: PrunedSpace) -> dict[str, list[Any]]:
    """Return everything that a network of the space chooses: name to values.

    Names are ``slot.dimension``, ``slot.used`` of an optional slot, and ``stage.depth``.

    Raises
    ------
    InvalidInputError
        Two of them have one name.
    """
    found: dict[str, list[Any]] = {}

    def add(name: str, values: Iterable[Any]) -> None:
        if name in found:
            raise InvalidInputError(f"two choices are called {name!r}: rename the slot or the stage")
        found[name] = list(values)

    for stage in pruned.space.stages:
        if stage.depth:
            add(f"{stage.name}.depth", stage.depth)
        for slot in stage.slots:
            if slot.optional:
                add(f"{slot.name}.used", (False, True))
            for dimension, values in (*slot.choices.items(), *slot.unmeasured.items()):
                add(f"{slot.name}.{dimension}", values)
    return found


class Widths(NamedTuple):
    """Of one slot, its output channels in the original network, and those left to choose from, ascending."""

    original: int
    kept: list[int]


def widths(pruned: PrunedSpace, tool: str) -> dict[str, Widths]:
    """Return the widths of each slot with a choice, for a tool that can change nothing else.

    Raises
    ------
    InvalidInputError
        The space has other choices, or none.
    """
    found: dict[str, Widths] = {}
    for before, after in zip(pruned.original.stages, pruned.space.stages, strict=True):
        if before.depth not in (None, (len(before.slots),)):
            raise InvalidInputError(f"stage {before.name!r}, depth: {tool} takes no choice of depth")
        for original, slot in zip(before.slots, after.slots, strict=True):
            if slot.optional:
                raise refusal(tool, slot.name, "optional", "takes no choice of leaving a layer out")
            for dimension in (*slot.choices, *slot.unmeasured):
                left = slot.choices.get(dimension)
                if dimension != "out_channels" and left != (getattr(original.base, dimension, None),):
                    raise refusal(tool, slot.name, dimension, "chooses output channels alone")
            if "out_channels" in slot.choices:
                found[slot.name] = Widths(original.base.out_channels, sorted(slot.choices["out_channels"]))
    if not found:
        raise InvalidInputError(f"{tool} chooses output channels, and {pruned.space.name!r} has no choice of them")
    return found


def refusal(tool: str, slot: str, dimension: str, why: str) -> InvalidInputError:
    """Return the error that a tool cannot take in one choice; ``why`` goes on from the tool's name."""
    return InvalidInputError(f"slot {slot!r}, {dimension}: {tool} {why}")


def check_slots(option: str, given: Collection[str], known: Collection[str]) -> None:
    """Raise InvalidInputError where an option speaks of a slot that has no width to choose."""
    if foreign := [name for name in given if name not in known]:
        raise InvalidInputError(f"{option}: no slot {foreign[0]!r} with a choice of widths, only {', '.join(known)}")

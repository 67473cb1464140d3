"""The choices of a pruned space, in the two forms that exporters use: all of them by name, or the widths alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from nnbehave.errors import InvalidInputError
from nnbehave.records import Scalar

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


def parameters(pruned: PrunedSpace) -> dict[str, list[Scalar]]:
    """Return every choice that a network of the space makes: name to values.

    The names are ``slot.dimension``, ``slot.used`` for an optional slot, and ``stage.depth``.

    Raises
    ------
    InvalidInputError
        Two choices have the same name.
    """
    found: dict[str, list[Scalar]] = {}

    def add(name: str, values: Iterable[Scalar]) -> None:
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
    """The output channels of a slot: in the original network, and those left to choose from, ascending."""

    original: int
    kept: list[int]


def widths(pruned: PrunedSpace, tool: str) -> dict[str, Widths]:
    """Return the widths of each slot with a choice of them, for a tool that can change nothing else.

    Raises
    ------
    InvalidInputError
        The space has other choices, or no choice of widths.
    """
    found: dict[str, Widths] = {}
    for before, after in zip(pruned.original.stages, pruned.space.stages, strict=True):
        if before.depth not in (None, (len(before.slots),)):
            raise InvalidInputError(f"stage {before.name!r}, depth: {tool} takes no choice of depth")
        for original, slot in zip(before.slots, after.slots, strict=True):
            if slot.optional:
                raise refusal(tool, slot.name, "optional", "cannot leave a layer out")
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
    """Return the error for a choice that a tool cannot take; ``why`` completes a sentence about the tool."""
    return InvalidInputError(f"slot {slot!r}, {dimension}: {tool} {why}")


def check_slots(option: str, given: Collection[str], known: Collection[str]) -> None:
    """Raise InvalidInputError if an option names a slot without a choice of widths."""
    if foreign := [name for name in given if name not in known]:
        raise InvalidInputError(
            f"{option}: expected slots with a choice of widths ({', '.join(known)}), got {foreign[0]!r}"
        )

"""A space that findings have made smaller."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd


class Removed(NamedTuple):
    """A value that was removed: from where, by which rule, for which platform, why, and by what evidence."""

    slot: str
    dimension: str
    value: Any
    rule: str
    platform: str
    why: str
    evidence: str


@dataclass(frozen=True, repr=False)
class PrunedSpace:
    """What is left of a space, what is not, and why.

    Attributes
    ----------
    original, space : Space
        Before and after.
    removals : tuple of Removed
    left_whole : tuple of (str, str, str)
        Slot, dimension and reason of each choice of which nothing was removed.
    environments : dict of str to dict
        Of each environment that findings come from, the ``machine`` and the ``versions`` of packages, where known.

    Raises
    ------
    InvalidInputError
        ``space`` has another stage, slot, choice or value than ``original``.
    """

    original: Space
    space: Space
    removals: tuple[Removed, ...]
    left_whole: tuple[tuple[str, str, str], ...]
    environments: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        before, after = ([(stage.name, stage.depth) for stage in each.stages] for each in (self.original, self.space))
        slots = ([(slot.name, list(slot.choices)) for slot in each.slots] for each in (self.original, self.space))
        if before != after or next(slots) != next(slots):
            raise InvalidInputError("a pruned space has the stages, the slots and the choices of its original")
        for whole, slot in zip(self.original.slots, self.space.slots, strict=True):
            for dimension, values in slot.choices.items():
                if foreign := set(values) - set(whole.choices[dimension]):
                    told = ", ".join(sorted(map(str, foreign)))
                    raise InvalidInputError(f"slot {slot.name!r}, {dimension}: {told} is not in the original space")

    @property
    def size(self) -> int:
        """Number of networks that are left."""
        return self.space.size

    @property
    def reduction(self) -> Fraction:
        """How many times smaller the space is: an exact fraction."""
        return Fraction(self.original.size, self.size)

    @property
    def log10_reduction(self) -> float:
        """Its common logarithm."""
        return math.log10(self.reduction.numerator) - math.log10(self.reduction.denominator)

    @property
    def removed(self) -> pd.DataFrame:
        """One row a value: ``slot dimension value rule platform why evidence``."""
        import pandas as pd

        return pd.DataFrame(list(self.removals), columns=list(Removed._fields), dtype=object)

    def choices(self) -> dict[str, dict[str, list[Any]]]:
        """Return what is left of each slot that has a choice: dimension to values, all plain Python."""
        return {
            slot.name: {dimension: list(values) for dimension, values in slot.choices.items()}
            for slot in self.space.slots
            if slot.choices
        }

    def export(self, format: str, path: str | Path | None = None, **options: Any) -> Any:
        """Return the space in another tool's format, and write it to ``path`` where one is given.

        Raises
        ------
        InvalidInputError
            There is no such format, or that tool cannot take in something of this space; the message names it.
        """
        from nnbehave.pruning.exporters import get_exporter

        return get_exporter(format).export(self, path, **options)

    def __repr__(self) -> str:
        return f"PrunedSpace({self._headline()})"

    def _headline(self) -> str:
        times = f"10^{self.log10_reduction:.2f}" if self.log10_reduction >= 4 else f"{float(self.reduction):.4g}"
        sizes = f"10^{math.log10(self.original.size):.2f} networks to 10^{math.log10(self.size):.2f}"
        counts = f"{len(self.removals)} values removed, {len(self.left_whole)} choices left whole"
        return f"{self.original.name}: {sizes}, {times} times fewer; {counts}"

    def _repr_html_(self) -> str:
        rows = []
        for slot in self.original.slots:
            left = next(other for other in self.space.slots if other.name == slot.name)
            for dimension, values in slot.choices.items():
                kept = ", ".join(map(str, left.choices[dimension]))
                cells = (slot.name, dimension, f"{len(left.choices[dimension])} of {len(values)}", kept)
                rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table><caption>{escape(self._headline())}</caption>{''.join(rows)}</table>"

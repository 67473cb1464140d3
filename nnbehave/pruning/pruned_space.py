"""The pruned space: what is left of a search space, what was removed, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment, Scalar

if TYPE_CHECKING:
    import pandas as pd


class Removed(NamedTuple):
    """A value that was removed from a choice.

    Attributes
    ----------
    slot, dimension : str
        The choice.
    value : str, int, float, bool or None
    rule : str
        Name of the class of the rule that removed it.
    platform : str
        The platform that it was removed for; empty if the finding names none.
    why : str
        The reason, in words.
    evidence : str
        The measurements behind the reason.
    """

    slot: str
    dimension: str
    value: Scalar
    rule: str
    platform: str
    why: str
    evidence: str


class LeftWhole(NamedTuple):
    """A choice that lost no value.

    Attributes
    ----------
    slot, dimension : str
        The choice.
    why : str
        The reason, in words.
    """

    slot: str
    dimension: str
    why: str


@dataclass(frozen=True, repr=False)
class PrunedSpace:
    """A search space after pruning, with the reason for every value that was removed.

    :func:`nnbehave.prune` makes it.

    Attributes
    ----------
    original : Space
        The space before pruning.
    space : Space
        The space after pruning.
    removals : tuple of Removed
    left_whole : tuple of LeftWhole
        The choices that lost no value.
    environments : dict of str to Environment
        The machine and the software of each environment that the findings come from, by its id. Both are empty if they
        are not known.

    Raises
    ------
    InvalidInputError
        ``space`` has a stage, slot, choice or value that ``original`` has not.
    """

    original: Space
    space: Space
    removals: tuple[Removed, ...]
    left_whole: tuple[LeftWhole, ...]
    environments: Mapping[str, Environment] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if _choices_of(self.original) != _choices_of(self.space):
            raise InvalidInputError("a pruned space has the stages, the slots and the choices of its original")
        for before, after in zip(self.original.slots, self.space.slots, strict=True):
            for dimension, values in after.choices.items():
                if foreign := set(values) - set(before.choices[dimension]):
                    names = ", ".join(sorted(map(str, foreign)))
                    raise InvalidInputError(f"slot {after.name!r}, {dimension}: {names} is not in the original space")

    @property
    def size(self) -> int:
        """Number of networks that are left."""
        return self.space.size

    @property
    def reduction(self) -> Fraction:
        """The size before pruning over the size after it, exactly."""
        return Fraction(self.original.size, self.size)

    @property
    def log10_reduction(self) -> float:
        """The common logarithm of :attr:`reduction`."""
        return math.log10(self.reduction.numerator) - math.log10(self.reduction.denominator)

    @property
    def removed(self) -> pd.DataFrame:
        """The removed values as a DataFrame: ``slot dimension value rule platform why evidence``."""
        import pandas as pd

        return pd.DataFrame(list(self.removals), columns=list(Removed._fields), dtype=object)

    def choices(self) -> dict[str, dict[str, list[Scalar]]]:
        """Return the values that are left, by slot and dimension; slots without a choice are left out."""
        return {
            slot.name: {dimension: list(values) for dimension, values in slot.choices.items()}
            for slot in self.space.slots
            if slot.choices
        }

    def export(self, format: str, path: str | Path | None = None, **options: Any) -> Any:
        """Return the space in the format of another tool, and write it to a file if a path is given.

        Parameters
        ----------
        format : str
            ``json``, ``yaml``, ``space``, ``csv``, ``parquet``, ``optuna``, ``ray``, ``nni``, ``ofa``,
            ``metapruning``, ``torch_pruning``, ``nncf``, ``modelopt``, or the format of a plug-in.
        path : str or path, optional
            The file to write.
        **options
            The options of the format (:mod:`nnbehave.pruning.exporters`).

        Returns
        -------
        JSON value or str
            Plain Python data. Its shape depends on the format.

        Raises
        ------
        InvalidInputError
            The format or an option is unknown, the tool cannot take a choice of this space, or the file cannot be
            written. The message names the cause.
        """
        from nnbehave.pruning.exporters.registry import get_exporter

        return get_exporter(format).export(self, path, **options)

    def __repr__(self) -> str:
        return f"PrunedSpace({self._headline()})"

    def _headline(self) -> str:
        """Return one line: the sizes before and after, and the counts of removals."""
        times = f"10^{self.log10_reduction:.2f}" if self.log10_reduction >= 4 else f"{float(self.reduction):.4g}"
        sizes = f"10^{math.log10(self.original.size):.2f} networks to 10^{math.log10(self.size):.2f}"
        counts = f"{len(self.removals)} values removed, {len(self.left_whole)} choices left whole"
        return f"{self.original.name}: {sizes}, {times} times fewer; {counts}"

    def _repr_html_(self) -> str:
        """Return a table for a notebook: the values that are left of each choice."""
        rows = []
        for before, after in zip(self.original.slots, self.space.slots, strict=True):
            for dimension, values in before.choices.items():
                left = after.choices[dimension]
                cells = (before.name, dimension, f"{len(left)} of {len(values)}", ", ".join(map(str, left)))
                rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table><caption>{escape(self._headline())}</caption>{''.join(rows)}</table>"


def _choices_of(space: Space) -> list[tuple[str, tuple[int, ...] | None, list[tuple[str, list[str]]]]]:
    """Return what a space and its pruned space have in common: stages, depths, slots and dimensions."""
    return [
        (stage.name, stage.depth, [(slot.name, list(slot.choices)) for slot in stage.slots]) for stage in space.stages
    ]

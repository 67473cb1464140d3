"""The base class of rules, and the judgement that a rule returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from nnbehave.design.space import Slot
from nnbehave.errors import InvalidInputError
from nnbehave.records import Scalar

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")  # the kinds of findings that a rule uses
Row = dict[str, Any]  # a row of a finding's frame, by column


class Removal(NamedTuple):
    """The reason to remove a value.

    Attributes
    ----------
    why : str
        The reason, in words.
    evidence : str
        The measurements behind the reason.
    """

    why: str
    evidence: str


@dataclass
class Judgement:
    """The conclusion of a rule about one choice on one platform.

    Attributes
    ----------
    removed : dict of value to Removal
        The values to remove.
    undecided : str
        Why the rule could not judge some or all of the values; empty if it judged all.
    """

    removed: dict[Scalar, Removal] = field(default_factory=dict)
    undecided: str = ""


class Rule(ABC, Generic[Found]):
    """One reason to remove values from a choice. An instance holds the thresholds.

    A rule is generic in the kinds of findings that it uses: ``class KeepPareto(Rule[StepMap])``.

    Attributes
    ----------
    findings : tuple of type
        The kinds of findings that the rule uses.
    """

    findings: ClassVar[tuple[type, ...]]

    @abstractmethod
    def judge(self, slot: Slot, dimension: str, findings: Sequence[Found]) -> Judgement | None:
        """Return the values of one choice to remove on one platform.

        Parameters
        ----------
        slot : Slot
        dimension : str
            A key of ``slot.choices``.
        findings : sequence
            The findings of this rule's kinds from one platform; at least one.

        Returns
        -------
        Judgement or None
            None if the findings are not about this choice.
        """


AnyRule = Rule[Any]


def rows_of(frame: pd.DataFrame, **equal: str) -> list[Row]:
    """Return the rows that have the given values in the named columns, as dictionaries."""
    for name, value in equal.items():
        frame = frame[frame[name] == value]  # a frame has thousands of rows, of which few become dictionaries
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def check_threshold(name: str, value: object, at_least: float = 0.0) -> None:
    """Raise InvalidInputError if a threshold is not a finite number of at least ``at_least``."""
    if not isinstance(value, int | float) or not at_least <= value < float("inf"):
        raise InvalidInputError(f"{name}: expected a number of {at_least:g} or more, got {value!r}")

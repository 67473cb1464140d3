"""What every rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nnbehave.analysis._frames import records
from nnbehave.design.space import Slot
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd


class Removal(NamedTuple):
    """Why a value goes, and the measurement that says so."""

    why: str
    evidence: str


@dataclass
class Judgement:
    """What a rule says of one choice on one platform.

    Attributes
    ----------
    removed : dict of value to Removal
    cannot_tell : str
        Why nothing could be said of some or all of it.
    """

    removed: dict[Any, Removal] = field(default_factory=dict)
    cannot_tell: str = ""


class Rule(ABC):
    """A reason to remove values; an instance holds its thresholds.

    Attributes
    ----------
    findings : tuple of type
        What it goes by.
    """

    findings: ClassVar[tuple[type, ...]]

    @abstractmethod
    def judge(self, slot: Slot, dimension: str, findings: Sequence[Any]) -> Judgement | None:
        """Judge one choice by one platform's findings of this rule's kinds; None where they do not speak of it."""


def rows_of(frame: pd.DataFrame, **equal: str) -> list[dict[str, Any]]:
    """Return the rows that have these values, as dictionaries: of thousands few, so that they are chosen before."""
    for name, value in equal.items():
        frame = frame[frame[name] == value]
    return records(frame)


def check_threshold(name: str, value: Any, at_least: float = 0.0) -> None:
    """Raise InvalidInputError for what is no number, or too small a one."""
    if not isinstance(value, int | float) or not at_least <= value < float("inf"):
        raise InvalidInputError(f"{name}: expected a number of {at_least:g} or more, got {value!r}")

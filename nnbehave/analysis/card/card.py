"""A behaviour card: its statements as text, as a file, as a picture, and beside those of another card."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnbehave.analysis.finding import Finding
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KIND, _FORMAT = "nnbehave.card", 1
_COLUMNS = ["finding", "about", "claim", "verdict", "figure", "advice"]
_COMPARED = ["finding", "about", "verdict", "other_verdict", "changed", "figure", "other_figure"]
_WIDTH = 112  # of the text, in characters

Value = tuple[float, float, float]


class Verdict(str, Enum):
    """Whether a finding of the paper holds on a platform."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNKNOWN = "cannot tell"

    @classmethod
    def of(cls, holds: bool, fails: bool) -> Verdict:
        """Return the verdict of evidence for and against a finding; the evidence for it counts first."""
        return cls.HOLDS if holds else cls.FAILS if fails else cls.UNKNOWN

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Statement:
    """A finding of the paper, or a part of one, stated for one platform.

    Attributes
    ----------
    finding : int
        Its number in the paper.
    about : str
        The operator or precision that it is stated of, such as ``conv`` or ``int8``; unique within the finding.
    claim : str
        The finding, as the paper states it of other platforms.
    verdict : Verdict
    figure : str
        The figures that were measured.
    advice : str
        What to do in a search space; empty where the verdict is ``cannot tell``.
    values : dict of str to (float, float, float)
        The figures by name, with their 95 % intervals.
    """

    finding: int
    about: str
    claim: str
    verdict: Verdict
    figure: str
    advice: str = ""
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Card(Finding):
    """The behaviour of one platform on one machine, on a page.

    Attributes
    ----------
    platform : str
    facts : Environment
        The machine and the versions.
    statements : tuple of Statement
    evidence : dict of str to Finding
        The findings that the statements rest on; empty in a card that was read from a file.
    frame : pandas.DataFrame
        One row a statement: ``finding about claim verdict figure advice``.
    """

    platform: str
    facts: Environment
    statements: tuple[Statement, ...]
    evidence: dict[str, Finding] = field(default_factory=dict, compare=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a statement: ``finding about claim verdict figure advice``."""
        import pandas as pd

        rows = [{**vars(each), "verdict": each.verdict.value} for each in self.statements]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def __repr__(self) -> str:
        lines = [f"{self.platform} on {_machine(self.facts)}"]
        for each in self.statements:
            lines.append(f"{each.finding}. {each.about}: {each.claim} — {each.verdict.upper()}")
            for text in filter(None, (each.figure, each.advice and f"→ {each.advice}")):
                lines += textwrap.wrap(text, _WIDTH, initial_indent="     ", subsequent_indent="     ")
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the card as JSON; :func:`load_card` reads it back."""
        data = {"format": _KIND, "version": _FORMAT, "platform": self.platform, "facts": asdict(self.facts)}
        data["statements"] = [asdict(each) for each in self.statements]
        Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the evidence of the statements, one picture each; return the matplotlib Figure.

        Raises
        ------
        InvalidInputError
            The card was read from a file, which holds no measurements; or ``ax`` was given, which is one picture.
        """
        from nnbehave.analysis import plots

        if ax is not None:
            raise InvalidInputError("ax: a card takes a figure of its own; draw one of card.evidence on these axes")
        if not self.evidence:
            raise InvalidInputError("this card has no measurements to draw: make it from the store that it came from")
        return plots.plot_card(self)


def load_card(path: str | Path) -> Card:
    """Read a card that :meth:`Card.save` wrote.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no card, or was written by another version of the format.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, version = data["format"], data["version"]
        if kind == _KIND and version == _FORMAT:
            facts = Environment(data["facts"].get("machine", {}), data["facts"].get("versions", {}))
            return Card(data["platform"], facts, tuple(map(_statement, data["statements"])))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidInputError(f"{path} is not a saved card: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {version}; this nnbehave reads cards of version {_FORMAT}")


def _statement(data: Mapping[str, Any]) -> Statement:
    """Return the statement that was saved."""
    values = {}
    for name, (value, low, high) in data["values"].items():
        values[name] = (float(value), float(low), float(high))
    return Statement(**{**data, "verdict": Verdict(data["verdict"]), "values": values})


def compare_cards(first: Card, second: Card) -> pd.DataFrame:
    """Return the statements of two cards side by side.

    The cards may be of two machines, two platforms, or two versions of a runtime.

    Returns
    -------
    pandas.DataFrame
        One row a statement that either card has: ``finding about verdict other_verdict changed figure other_figure``.
        ``changed`` names what certainly differs: the verdict, where neither is ``cannot tell``, and the values whose
        intervals do not overlap. It is empty where nothing does.
    """
    import pandas as pd

    sides = [{(each.finding, each.about): each for each in card.statements} for card in (first, second)]
    rows = []
    for key in sorted({*sides[0], *sides[1]}):
        one, other = (side.get(key) or Statement(*key, "", Verdict.UNKNOWN, "not on this card") for side in sides)
        verdicts = {one.verdict, other.verdict}
        changed = ["verdict"] if len(verdicts) == 2 and Verdict.UNKNOWN not in verdicts else []
        changed += [name for name, value in one.values.items() if _differ(value, other.values.get(name, value))]
        verdict, other_verdict = one.verdict.value, other.verdict.value
        rows.append([*key, verdict, other_verdict, ", ".join(changed), one.figure, other.figure])
    return pd.DataFrame(rows, columns=_COMPARED)


def _differ(one: Value, other: Value) -> bool:
    """True if the intervals of two values do not overlap."""
    return one[1] > other[2] or one[2] < other[1]


def _machine(facts: Environment) -> str:
    """Return the machine and the versions in one line."""
    name = facts.machine.get("cpu") or facts.machine.get("model") or "an unnamed machine"
    return ", ".join([str(name), *(f"{package} {version}" for package, version in facts.versions.items())])

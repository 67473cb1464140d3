"""The behaviour card of a platform: its statements, as text, as a file, as a picture, and beside another card's."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot tell"
_FORMAT = 1

Value = tuple[float, float, float]


@dataclass(frozen=True)
class Statement:
    """One finding, or a part of one, for this platform.

    Attributes
    ----------
    finding : int
        Its number in the paper.
    about : str
        Of what it is stated, such as ``conv`` or ``int8``; unique within the finding.
    claim : str
        As the paper finds it elsewhere.
    verdict : str
        ``holds``, ``does not hold`` or ``cannot tell``.
    figure : str
        What was measured.
    advice : str
        What to do in a search space; empty where nothing can be told.
    values : dict of str to (float, float, float)
        The figures by name, with their 95 % intervals.
    """

    finding: int
    about: str
    claim: str
    verdict: str
    figure: str
    advice: str = ""
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Card:
    """The behaviour of one platform on one machine, on a page.

    Attributes
    ----------
    platform : str
    facts : dict
        Of the machine and the versions.
    statements : tuple of Statement
    evidence : dict of str to finding
        What the statements rest on, each with a ``plot``; empty in a card read from a file.
    """

    platform: str
    facts: dict[str, Any]
    statements: tuple[Statement, ...]
    evidence: dict[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        lines = [f"{self.platform} on {_machine(self.facts)}"]
        for each in self.statements:
            lines.append(f"{each.finding}. {each.about}: {each.claim} — {each.verdict.upper()}")
            for text in filter(None, (each.figure, each.advice and f"→ {each.advice}")):
                lines += textwrap.wrap(text, 112, initial_indent="     ", subsequent_indent="     ")
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the card as JSON; ``load_card`` reads it back."""
        data = {"format": "nnbehave.card", "version": _FORMAT, "platform": self.platform, "facts": self.facts}
        data["statements"] = [asdict(each) for each in self.statements]
        Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def plot(self) -> Any:
        """Draw what the statements rest on, one picture each, and return the matplotlib Figure.

        Raises
        ------
        InvalidInputError
            The card was read from a file, which holds no measurements.
        """
        from nnbehave.analysis import plots

        if not self.evidence:
            raise InvalidInputError("this card has no measurements to draw: make it from the store that it came from")
        return plots.plot_card(self)


def load_card(path: str | Path) -> Card:
    """Read a card that ``Card.save`` wrote.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no card, or was written by another version of the format.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, version = data["format"], data["version"]
        if kind == "nnbehave.card" and version == _FORMAT:
            return Card(data["platform"], data["facts"], tuple(map(_statement, data["statements"])))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidInputError(f"{path} is not a saved card: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {version}; this nnbehave reads cards of version {_FORMAT}")


def _statement(data: dict[str, Any]) -> Statement:
    values = {name: tuple(map(float, value)) for name, value in data.pop("values").items()}
    return Statement(**data, values=values)  # type: ignore[arg-type]


def compare_cards(first: Card, second: Card) -> pd.DataFrame:
    """Set two cards side by side: two machines, two platforms, or two versions of a runtime.

    Returns
    -------
    pandas.DataFrame
        One row a statement that either has: ``finding about verdict other_verdict changed figure other_figure``.
        ``changed`` says what is different for certain: the verdict, where both can tell, and the names of the values
        whose intervals are apart; it is empty where nothing is.
    """
    import pandas as pd

    sides = [{(each.finding, each.about): each for each in card.statements} for card in (first, second)]
    rows = []
    for key in sorted({*sides[0], *sides[1]}):
        one, other = (side.get(key) or Statement(*key, "", UNKNOWN, "not on this card") for side in sides)
        changed = ["verdict"] if UNKNOWN not in (one.verdict, other.verdict) and one.verdict != other.verdict else []
        changed += [name for name, value in one.values.items() if _apart(value, other.values.get(name, value))]
        rows.append([*key, one.verdict, other.verdict, ", ".join(changed), one.figure, other.figure])
    columns = ["finding", "about", "verdict", "other_verdict", "changed", "figure", "other_figure"]
    return pd.DataFrame(rows, columns=columns)


def _apart(one: Value, other: Value) -> bool:
    return one[1] > other[2] or one[2] < other[1]


def _machine(facts: Mapping[str, Any]) -> str:
    """Name the machine and the versions in one line."""
    machine, versions = facts.get("machine", {}), facts.get("versions", {})
    name = machine.get("cpu") or machine.get("model") or "an unnamed machine"
    return ", ".join([str(name), *(f"{package} {version}" for package, version in versions.items())])

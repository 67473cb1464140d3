"""The claims of a card, and what the judges of the claims return."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nnbehave.analysis.card.card import Statement, Value, Verdict
from nnbehave.analysis.finding import Finding


@dataclass(frozen=True)
class Claim:
    """A finding of the paper, or a part of one.

    Attributes
    ----------
    finding : int
        Its number in the paper.
    about : str
        What it is stated of, unless the statement says otherwise.
    text : str
    """

    finding: int
    about: str
    text: str

    def stated(
        self,
        verdict: Verdict,
        figure: str,
        advice: str = "",
        values: dict[str, Value] | None = None,
        about: str | None = None,
    ) -> Statement:
        """Return the claim as a statement about one platform."""
        return Statement(self.finding, about or self.about, self.text, verdict, figure, advice, values or {})

    def unknown(self, reason: str) -> Statement:
        """Return the statement that the claim cannot be judged."""
        return self.stated(Verdict.UNKNOWN, reason)


@dataclass(frozen=True)
class Judged:
    """The statements about a claim, and the findings that they rest on, by name."""

    statements: tuple[Statement, ...]
    evidence: dict[str, Finding] = field(default_factory=dict)


def listed(names: Iterable[object], most: int = 6) -> str:
    """Return distinct names separated by commas, the first ones of many."""
    distinct = list(dict.fromkeys(map(str, names)))
    return ", ".join(distinct[:most]) + (f" and {len(distinct) - most} more" if len(distinct) > most else "")

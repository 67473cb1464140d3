"""The rule that drops precisions that are slower or lose accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnbehave.analysis.accuracy import Accuracy
from nnbehave.analysis.precision import Precisions
from nnbehave.design.space import Slot
from nnbehave.pruning.rules.base import Judgement, Removal, Row, Rule, check_threshold, rows_of


@dataclass(frozen=True)
class DropPrecisions(Rule[Precisions | Accuracy]):
    """Drop precisions that are certainly slower for the slot's operator, or that lose a model's accuracy.

    Parameters
    ----------
    most_drop : float, optional
        The largest drop of a model's score. By default the ``tolerance`` of the finding.

    Raises
    ------
    InvalidInputError
        ``most_drop`` is not a number of 0 or more.
    """

    findings = (Precisions, Accuracy)
    most_drop: float | None = None

    def __post_init__(self) -> None:
        if self.most_drop is not None:
            check_threshold("most_drop", self.most_drop)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Precisions | Accuracy]) -> Judgement | None:
        if dimension != "precision":
            return None
        speeds, drops = self._rows(slot.base.op, findings)
        measured = {row["precision"] for row in (*speeds, *drops)}
        known = [name for name in slot.choices["precision"] if name in measured]
        judgement = Judgement()
        uncertain = []
        for name in known:
            of_speed, of_drop = ([row for row in rows if row["precision"] == name] for rows in (speeds, drops))
            if lost := [row for row in of_drop if row["drop_low"] > row["most"]]:
                judgement.removed[name] = Removal(f"{name} loses accuracy", _told_drop(lost[0]))
            elif of_speed and all(row["verdict"] == "slower" for row in of_speed):
                judgement.removed[name] = Removal(f"{name} is slower for {slot.base.op}", _told_speed(of_speed[0]))
            elif not all(row["drop_high"] <= row["most"] for row in of_drop) or not all(
                row["verdict"] == "faster" for row in of_speed
            ):
                uncertain.append(name)
        if uncertain:
            names = ", ".join(uncertain)
            judgement.undecided = f"the speed or accuracy of {names} is uncertain, or differs between measurements"
        return judgement if known else None

    def _rows(self, op: str, findings: Sequence[Precisions | Accuracy]) -> tuple[list[Row], list[Row]]:
        """Return the rows about speed for an operator, and the rows about accuracy with the largest drop, ``most``."""
        speeds: list[Row] = []
        drops: list[Row] = []
        for found in findings:
            if isinstance(found, Precisions):
                speeds += rows_of(found.frame, op=op)
            else:
                most = found.tolerance if self.most_drop is None else self.most_drop
                drops += [row | {"most": most} for row in rows_of(found.frame)]
        return speeds, drops


def _told_drop(row: Row) -> str:
    interval = f"{row['drop_low']:.3g} to {row['drop_high']:.3g}"
    return f"{row['platform']}: the score drops by {row['drop']:.3g} ({interval}), over {row['most']:g}"


def _told_speed(row: Row) -> str:
    interval = f"{row['speedup_low']:.3g} to {row['speedup_high']:.3g}"
    return f"{row['platform']}, {row['base']}: {row['speedup']:.3g}x as fast ({interval})"

"""Precisions that are slower, or lose accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnbehave.analysis import Accuracy, Precisions
from nnbehave.design.space import Slot
from nnbehave.pruning.rules._base import Judgement, Removal, Rule, check_threshold, rows_of


@dataclass(frozen=True)
class DropPrecisions(Rule):
    """Drop precisions that are slower for certain on the slot's operator, or that lose a model's accuracy.

    Parameters
    ----------
    most_drop : float, optional
        How far a model's score may fall, by default the ``tolerance`` of the finding.
    """

    findings = (Precisions, Accuracy)
    most_drop: float | None = None

    def __post_init__(self) -> None:
        if self.most_drop is not None:
            check_threshold("most_drop", self.most_drop)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Precisions | Accuracy]) -> Judgement | None:
        if dimension != "precision":
            return None
        judgement = Judgement()
        speeds = [row for f in findings if isinstance(f, Precisions) for row in rows_of(f.frame, op=slot.base.op)]
        scores = [
            row | {"most": f.tolerance if self.most_drop is None else self.most_drop}
            for f in findings
            if isinstance(f, Accuracy)
            for row in rows_of(f.frame)
        ]
        known = [name for name in slot.choices["precision"] if name in {row["precision"] for row in (*speeds, *scores)}]
        undecided = []
        for precision in known:
            times, drops = ([row for row in rows if row["precision"] == precision] for rows in (speeds, scores))
            if lost := [row for row in drops if row["drop_low"] > row["most"]]:
                row = lost[0]
                interval = f"({row['drop_low']:.3g} to {row['drop_high']:.3g})"
                told = f"{row['platform']}: a drop of {row['drop']:.3g} {interval}, over {row['most']:g}"
                judgement.removed[precision] = Removal(f"{precision} loses accuracy", told)
            elif times and all(row["verdict"] == "slower" for row in times):
                row = times[0]
                told = f"{row['platform']}, {row['base']}: {row['speedup']:.3g}x"
                told += f" ({row['speedup_low']:.3g} to {row['speedup_high']:.3g})"
                judgement.removed[precision] = Removal(f"{precision} is slower for {slot.base.op}", told)
            elif not all(row["drop_high"] <= row["most"] for row in drops) or not all(
                row["verdict"] == "faster" for row in times
            ):
                undecided.append(precision)
        if undecided:
            judgement.cannot_tell = f"what {', '.join(undecided)} gains or loses is not certain, or not everywhere so"
        return judgement if known else None

"""Activation functions that cost too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nnbehave.analysis import Activations, Fusion
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.pruning.rules._base import Judgement, Removal, Rule, check_threshold, rows_of


class _Cost(NamedTuple):
    """What an activation adds to a layer, as a share of its latency: the 95 % interval, and how it is known."""

    low: float
    high: float
    evidence: str


@dataclass(frozen=True)
class DropActivations(Rule):
    """Drop the activations that cost too much on every layer of the slot's operator that they were measured with.

    Parameters
    ----------
    most : float
        What an activation may add to a layer, as a share of its latency without, where it does not fuse.
    """

    findings = (Activations, Fusion)
    most: float = 0.1

    def __post_init__(self) -> None:
        check_threshold("most", self.most)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Activations | Fusion]) -> Judgement | None:
        if dimension != "activation":
            return None
        costs: dict[str, list[_Cost]] = {}
        for found in findings:
            of = _ranked if isinstance(found, Activations) else _paired
            for name, cost in of(found.frame, slot.base):
                costs.setdefault(name, []).append(cost)
        judgement = Judgement()
        undecided = []
        for name in (known := [name for name in slot.choices["activation"] if name in costs]):
            if all(cost.low > self.most for cost in costs[name]):
                evidence = "; ".join(cost.evidence for cost in costs[name])
                judgement.removed[name] = Removal(f"{name} costs over {self.most:.0%} of {slot.base.op}", evidence)
            elif not all(cost.high <= self.most for cost in costs[name]):
                undecided.append(name)
        if undecided:
            judgement.cannot_tell = f"what {', '.join(undecided)} costs is not certain, or not the same everywhere"
        return judgement if known else None


def _ranked(frame: Any, base: Layer) -> list[tuple[str, _Cost]]:
    """Return the costs by comparing layers with and without an activation of their own."""
    costs = []
    for row in rows_of(frame, op=base.op, precision=base.precision):
        low, high = row["ratio_low"] - 1, row["ratio_high"] - 1
        told = f"{row['platform']}, {row['layer']}: {row['ratio']:.3g}x with {row['activation']}"
        costs.append((row["activation"], _Cost(low, high, f"{told} ({1 + low:.3g} to {1 + high:.3g})")))
    return costs


def _paired(frame: Any, base: Layer) -> list[tuple[str, _Cost]]:
    """Return the costs by what of an activation's own time was saved behind a layer."""
    costs = []
    for row in rows_of(frame, first_op=base.op, precision=base.precision):
        low, high = (row["apart_ms"] * (1 - row[name]) / row["first_ms"] for name in ("saved_high", "saved_low"))
        low = low if row["verdict"] == "not fused" else min(low, 0.0)
        told = f"{row['platform']}, {row['first']}: {row['verdict']}, adds {low:.0%} to {high:.0%}"
        costs.append((row["second_op"], _Cost(low, high, told)))
    return costs

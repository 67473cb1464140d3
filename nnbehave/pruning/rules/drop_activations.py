"""The rule that drops activation functions that cost too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nnbehave.analysis.activations import Activations
from nnbehave.analysis.fusion import Fusion
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.pruning.rules.base import Judgement, Removal, Rule, check_threshold, rows_of
from nnbehave.pruning.rules.thresholds import MAX_ACTIVATION_COST


class _Cost(NamedTuple):
    """The cost of an activation as a share of the layer's latency without it: the 95 % interval, and the evidence."""

    low: float
    high: float
    evidence: str


@dataclass(frozen=True)
class DropActivations(Rule[Activations | Fusion]):
    """Drop the activations that certainly cost too much on every measured layer of the slot's operator.

    Parameters
    ----------
    most : float
        The largest cost of an activation, as a share of the layer's latency without it.

    Raises
    ------
    InvalidInputError
        ``most`` is not a number of 0 or more.
    """

    findings = (Activations, Fusion)
    most: float = MAX_ACTIVATION_COST

    def __post_init__(self) -> None:
        check_threshold("most", self.most)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Activations | Fusion]) -> Judgement | None:
        if dimension != "activation":
            return None
        costs: dict[str, list[_Cost]] = {}
        for found in findings:
            for name, cost in _costs_in(found, slot.base):
                costs.setdefault(name, []).append(cost)
        known = [name for name in slot.choices["activation"] if name in costs]
        judgement = Judgement()
        uncertain = []
        for name in known:
            if all(cost.low > self.most for cost in costs[name]):
                evidence = "; ".join(cost.evidence for cost in costs[name])
                judgement.removed[name] = Removal(f"{name} adds over {self.most:.0%} to {slot.base.op}", evidence)
            elif not all(cost.high <= self.most for cost in costs[name]):
                uncertain.append(name)
        if uncertain:
            judgement.undecided = f"the cost of {', '.join(uncertain)} is uncertain, or differs between measurements"
        return judgement if known else None


def _costs_in(found: Activations | Fusion, base: Layer) -> list[tuple[str, _Cost]]:
    """Return the costs of activations behind layers of the operator and precision of ``base``."""
    return _ranked(found, base) if isinstance(found, Activations) else _paired(found, base)


def _ranked(found: Activations, base: Layer) -> list[tuple[str, _Cost]]:
    """Return the costs from layers that were measured with and without an activation."""
    costs = []
    for row in rows_of(found.frame, op=base.op, precision=base.precision):
        ratios = f"{row['ratio']:.3g}x as long with {row['activation']}"
        interval = f"({row['ratio_low']:.3g} to {row['ratio_high']:.3g})"
        evidence = f"{row['platform']}, {row['layer']}: {ratios} {interval}"
        costs.append((row["activation"], _Cost(row["ratio_low"] - 1, row["ratio_high"] - 1, evidence)))
    return costs


def _paired(found: Fusion, base: Layer) -> list[tuple[str, _Cost]]:
    """Return the costs from pairs: the share of an activation's own time that fusion did not save."""
    costs = []
    for row in rows_of(found.frame, first_op=base.op, precision=base.precision):
        low, high = (row["apart_ms"] * (1 - row[name]) / row["first_ms"] for name in ("saved_high", "saved_low"))
        low = low if row["verdict"] == "not fused" else min(low, 0.0)
        evidence = f"{row['platform']}, {row['first']}: {row['verdict']}, adds {low:.0%} to {high:.0%}"
        costs.append((row["second_op"], _Cost(low, high, evidence)))
    return costs

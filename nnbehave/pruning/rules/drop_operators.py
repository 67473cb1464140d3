"""Operators and blocks that cost too much, or that another beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from nnbehave.analysis import Blocks
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.pruning.rules._base import Judgement, Removal, Rule, check_threshold, rows_of

_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")
Shape = dict[str, dict[str, Any]]  # the rows of one shape in one environment, by operator


@dataclass(frozen=True)
class DropOperators(Rule):
    """Drop an operator or block that takes far more time than its operations ask for: squeeze-and-excitation on an NPU.

    Parameters
    ----------
    most : float
        How much slower than the slot's own operator it may be, over what its OPs are more.
    """

    findings = (Blocks,)
    most: float = 1.5

    def __post_init__(self) -> None:
        check_threshold("most", self.most, at_least=1.0)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Blocks]) -> Judgement | None:
        if dimension != "op":
            return None
        judgement = Judgement()
        here = [shape for shape in _shapes(slot.base, findings, here=True) if slot.base.op in shape]
        known = [op for op in slot.choices["op"] if op != slot.base.op and any(op in shape for shape in here)]
        undecided = []
        for op in known:
            costs = [_excess(shape[op], shape[slot.base.op]) for shape in here if op in shape]
            if all(low > self.most for low, _, _ in costs):
                evidence = "; ".join(told for *_, told in costs)
                judgement.removed[op] = Removal(f"{op} takes over {self.most:g}x of what its OPs ask for", evidence)
            elif not all(high <= self.most for _, high, _ in costs):
                undecided.append(op)
        if undecided:
            judgement.cannot_tell = f"what {', '.join(undecided)} takes is not certain, or not the same everywhere"
        return judgement if known else None


@dataclass(frozen=True)
class DropDominatedBlocks(Rule):
    """Drop a block that another beats at every shape measured: faster for certain, with no fewer OPs."""

    findings = (Blocks,)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Blocks]) -> Judgement | None:
        if dimension != "op":
            return None
        shapes = list(_shapes(slot.base, findings))
        here = _shapes(slot.base, findings, here=True)
        known = {op for shape in here for op in shape if op in slot.choices["op"]}
        if len(known) < 2:
            return None
        judgement = Judgement()
        for one, two in combinations(sorted(known), 2):
            for worse, better in ((one, two), (two, one)):
                both = [(shape[worse], shape[better]) for shape in shapes if worse in shape and better in shape]
                if both and all(_beats(best, row) for row, best in both) and better not in judgement.removed:
                    evidence = f"{both[0][0]['platform']}: at {len(both)} shapes, such as {both[0][1]['relative']:.3g}x"
                    evidence += f" for {both[0][0]['relative']:.3g}x"
                    judgement.removed[worse] = Removal(f"{better} is faster with no fewer OPs everywhere", evidence)
        return judgement


def _shapes(base: Layer, findings: Sequence[Blocks], here: bool = False) -> Iterator[Shape]:
    """Yield what was measured at each shape at a layer's precision, or at its own shape alone."""
    for found in findings:
        shapes: dict[tuple[Any, ...], Shape] = {}
        for row in rows_of(found.frame, precision=base.precision):
            if not here or all(row[name] == getattr(base, name) for name in _SHAPE):
                key = tuple(row[name] for name in (*_SHAPE, "environment", "method"))
                shapes.setdefault(key, {})[row["op"]] = row
        yield from shapes.values()


def _excess(row: dict[str, Any], base: dict[str, Any]) -> tuple[float, float, str]:
    """Return how much slower one is than another over what its OPs are more: at least, at most, and in words."""
    ops = max(1.0, row["relative_ops"] / base["relative_ops"])
    low, high = row["relative_low"] / base["relative_high"], row["relative_high"] / base["relative_low"]
    told = f"{row['platform']}: {row['relative'] / base['relative']:.3g}x of {base['op']} (at least {low:.3g})"
    return low / ops, high / ops, f"{told}, with {ops:.3g}x its OPs"


def _beats(best: dict[str, Any], row: dict[str, Any]) -> bool:
    return bool(best["relative_high"] < row["relative_low"] and best["relative_ops"] >= row["relative_ops"])

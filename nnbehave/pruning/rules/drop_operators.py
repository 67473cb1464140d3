"""The rules that drop operators and blocks that cost too much, or that another one beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from nnbehave.analysis.blocks import Blocks
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.pruning.rules.base import Judgement, Removal, Row, Rule, check_threshold, rows_of
from nnbehave.pruning.rules.thresholds import MAX_EXCESS

_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")
_Shape = dict[str, Row]  # the rows of one shape in one environment by one method, by operator


@dataclass(frozen=True)
class DropOperators(Rule[Blocks]):
    """Drop an operator or block that takes far more time than its OPs account for.

    Squeeze-and-excitation on an NPU is an example. The operators must have been measured at the slot's own shape.

    Parameters
    ----------
    most : float
        The largest latency relative to the slot's own operator, over the ratio of their OPs.

    Raises
    ------
    InvalidInputError
        ``most`` is not a number of 1 or more.
    """

    findings = (Blocks,)
    most: float = MAX_EXCESS

    def __post_init__(self) -> None:
        check_threshold("most", self.most, at_least=1.0)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Blocks]) -> Judgement | None:
        if dimension != "op":
            return None
        own = slot.base.op
        here = [shape for shape in _shapes(slot.base, findings, here=True) if own in shape]
        known = [op for op in slot.choices["op"] if op != own and any(op in shape for shape in here)]
        judgement = Judgement()
        uncertain = []
        for op in known:
            excesses = [_excess(shape[op], shape[own]) for shape in here if op in shape]
            if all(excess.low > self.most for excess in excesses):
                evidence = "; ".join(excess.evidence for excess in excesses)
                why = f"{op} takes over {self.most:g}x the time that its OPs account for"
                judgement.removed[op] = Removal(why, evidence)
            elif not all(excess.high <= self.most for excess in excesses):
                uncertain.append(op)
        if uncertain:
            judgement.undecided = f"the latency of {', '.join(uncertain)} is uncertain, or differs between measurements"
        return judgement if known else None


@dataclass(frozen=True)
class DropDominatedBlocks(Rule[Blocks]):
    """Drop a block if another one is certainly faster at every measured shape, with at least as many OPs."""

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
                    judgement.removed[worse] = _dominated(worse, better, both)
        return judgement


def _dominated(worse: str, better: str, both: Sequence[tuple[Row, Row]]) -> Removal:
    """Return the removal of a block that another one beats; ``both`` has the rows of the two at each shape."""
    row, best = both[0]
    latencies = f"such as {best['relative']:.3g}x for {better} and {row['relative']:.3g}x for {worse}"
    evidence = f"{row['platform']}: at {len(both)} shapes, {latencies}"
    return Removal(f"{better} is faster at every shape, with at least as many OPs", evidence)


def _shapes(base: Layer, findings: Sequence[Blocks], here: bool = False) -> Iterator[_Shape]:
    """Yield the rows of each shape at the precision of ``base``; with ``here`` only those of its own shape."""
    for found in findings:
        shapes: dict[tuple[Any, ...], _Shape] = {}
        for row in rows_of(found.frame, precision=base.precision):
            if not here or all(row[name] == getattr(base, name) for name in _SHAPE):
                key = tuple(row.get(name) for name in (*_SHAPE, "environment", "method", "context"))
                shapes.setdefault(key, {})[row["op"]] = row
        yield from shapes.values()


class _Excess(NamedTuple):
    """The ratio of two latencies over the ratio of their OPs: at least, at most, and the evidence."""

    low: float
    high: float
    evidence: str


def _excess(row: Row, base: Row) -> _Excess:
    """Return how much slower an operator is than ``base`` beyond its additional OPs."""
    ops = max(1.0, row["relative_ops"] / base["relative_ops"])
    low, high = row["relative_low"] / base["relative_high"], row["relative_high"] / base["relative_low"]
    ratio = f"{row['relative'] / base['relative']:.3g}x as long as {base['op']} (at least {low:.3g}x)"
    return _Excess(low / ops, high / ops, f"{row['platform']}: {ratio}, with {ops:.3g}x its OPs")


def _beats(best: Row, row: Row) -> bool:
    """True if ``best`` is certainly faster than ``row``, with at least as many OPs."""
    return bool(best["relative_high"] < row["relative_low"] and best["relative_ops"] >= row["relative_ops"])

"""What findings say of the choices of a slot: each rule removes values for one reason, with its evidence.

A rule looks at one choice at a time, a slot and one of its dimensions, and at the findings of its kind from one
platform. It answers None where they say nothing of that choice, else which values go and why. What a finding cannot
tell removes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nnbehave.analysers import Accuracy, Activations, Blocks, Fusion, Precisions, Scaling, StepMap
from nnbehave.analysers._frames import records
from nnbehave.errors import InvalidInputError
from nnbehave.layer import Layer
from nnbehave.space import Slot

if TYPE_CHECKING:
    import pandas as pd

CHANNELS = ("in_channels", "out_channels")
_MUST_MATCH = ("op", "height", "width", "kernel", "stride", "precision", "batch", "groups", "dilation", "expansion")
_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")


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


@dataclass(frozen=True)
class KeepPareto(Rule):
    """Keep the candidates for which no larger one is as fast: the Pareto set of the step map among them.

    Parameters
    ----------
    tolerance : float
        A larger one also counts as fast when it takes up to this share more time.
    min_confidence : float
        Of the step map, below which nothing is removed.
    transfer : bool
        Let a map speak of every slot with that dimension, not only of those like the layer it was measured on.
    """

    findings = (StepMap,)
    tolerance: float = 0.0
    min_confidence: float = 0.5
    transfer: bool = False

    def judge(self, slot: Slot, dimension: str, findings: Sequence[StepMap]) -> Judgement | None:
        found = self._nearest(slot, dimension, findings)
        if found is None:
            return None
        if found.kind == "unexplained" or found.confidence < self.min_confidence:
            return Judgement(cannot_tell=f"the step map is {found.kind} with confidence {found.confidence:.2f}")
        prices, outside = price(found, slot.choices[dimension])
        keep = pareto(prices, self.tolerance)
        removed = {}
        moved = "" if self._is_like(slot, found) else f"; measured on {_told(found)}, transferred"
        for n in sorted(prices.keys() - keep):
            better = max(other for other in keep if other > n and prices[other] <= prices[n] * (1 + self.tolerance))
            evidence = f"{_named(found)}: {prices[n]:.4g} ms at {n}, {prices[better]:.4g} ms at {better}{moved}"
            removed[n] = Removal(f"{better} is as fast", evidence)
        told = f"{len(outside)} of its values lie outside what was measured" if outside else ""
        return Judgement(removed, told)

    def _nearest(self, slot: Slot, dimension: str, findings: Sequence[StepMap]) -> StepMap | None:
        """Return the map that says most of a slot: one of its very layer, else of one like it, else any it may use."""
        of = [found for found in findings if found.origin is None or found.origin.dimension == dimension]
        if dimension not in _numeric(slot):
            return None

        def rank(found: StepMap) -> tuple[bool, int]:
            layer = found.origin.layer if found.origin else {}
            return not self._is_like(slot, found), sum(getattr(slot.base, key) != layer[key] for key in layer)

        allowed = [found for found in of if self.transfer or found.origin is None or self._is_like(slot, found)]
        return min(allowed, key=rank, default=None)

    def _is_like(self, slot: Slot, found: StepMap) -> bool:
        return found.origin is not None and is_like(slot.base, found)


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

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Activations | Fusion]) -> Judgement | None:
        if dimension != "activation":
            return None
        costs: dict[str, list[tuple[bool, str]]] = {}
        for found in findings:
            of = self._ranked if isinstance(found, Activations) else self._fused
            for row in records(found.frame):
                for name, dear, evidence in of(row, slot.base):
                    costs.setdefault(name, []).append((dear, evidence))
        known = {value: costs[value] for value in slot.choices[dimension] if value in costs}
        if not known:
            return None
        removed = {
            value: Removal(f"{value} costs over {self.most:.0%} of {slot.base.op}", "; ".join(e for _, e in said))
            for value, said in known.items()
            if all(dear for dear, _ in said)
        }
        return Judgement(removed)

    def _ranked(self, row: dict[str, Any], base: Layer) -> list[tuple[str, bool, str]]:
        if (row["op"], row["precision"]) != (base.op, base.precision):
            return []
        if row["ratio"] != row["ratio"]:
            return [(row["activation"], False, str(row["reason"]))]
        evidence = f"{row['platform']}, {row['layer']}: {row['ratio']:.3g}x with {row['activation']}"
        evidence += f" ({row['ratio_low']:.3g} to {row['ratio_high']:.3g})"
        return [(row["activation"], row["ratio_low"] > 1 + self.most, evidence)]

    def _fused(self, row: dict[str, Any], base: Layer) -> list[tuple[str, bool, str]]:
        if (row["first_op"], row["precision"]) != (base.op, base.precision):
            return []
        added = (row["together_ms"] - row["first_ms"]) / row["first_ms"]
        evidence = f"{row['platform']}, {row['first']}: {row['verdict']}, adds {added:.0%}"
        return [(row["second_op"], row["verdict"] == "not fused" and added > self.most, evidence)]


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

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Blocks]) -> Judgement | None:
        if dimension != "op":
            return None
        judgement = Judgement()
        spoken = False
        for stage in _stages(slot.base, findings):
            base = stage.get(slot.base.op)
            if base is None:
                continue
            for op in [op for op in slot.choices["op"] if op in stage and op != slot.base.op]:
                spoken = True
                row = stage[op]
                low = row["relative_low"] / base["relative_high"]
                ops = max(1.0, row["relative_ops"] / base["relative_ops"])
                if low > self.most * ops:
                    evidence = f"{row['platform']}: {row['relative'] / base['relative']:.3g}x of {slot.base.op}"
                    evidence += f" (at least {low:.3g}), with {ops:.3g}x its OPs"
                    judgement.removed[op] = Removal(f"{op} takes over {self.most:g}x of what its OPs ask for", evidence)
        return judgement if spoken else None


@dataclass(frozen=True)
class DropDominatedBlocks(Rule):
    """Drop a block that another beats at every shape measured: faster for certain, with no fewer OPs."""

    findings = (Blocks,)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Blocks]) -> Judgement | None:
        if dimension != "op":
            return None
        stages = [stage for found in findings for stage in _by_shape(found, slot.base.precision)]
        here = list(_stages(slot.base, findings))
        known = {op for stage in here for op in stage if op in slot.choices["op"]}
        if len(known) < 2:
            return None
        judgement = Judgement()
        for one, two in combinations(sorted(known), 2):
            for worse, better in ((one, two), (two, one)):
                both = [(stage[worse], stage[better]) for stage in stages if worse in stage and better in stage]
                if both and all(_beats(best, row) for row, best in both) and better not in judgement.removed:
                    evidence = f"{both[0][0]['platform']}: at {len(both)} shapes, such as {both[0][1]['relative']:.3g}x"
                    evidence += f" for {both[0][0]['relative']:.3g}x"
                    judgement.removed[worse] = Removal(f"{better} is faster with no fewer OPs everywhere", evidence)
        return judgement


@dataclass(frozen=True)
class DropPrecisions(Rule):
    """Drop precisions that are slower for certain on the slot's operator, or that lose a model's accuracy."""

    findings = (Precisions, Accuracy)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Precisions | Accuracy]) -> Judgement | None:
        if dimension != "precision":
            return None
        judgement = Judgement()
        spoken = False
        of_operator = [row for f in findings if isinstance(f, Precisions) for row in _rows(f.frame, op=slot.base.op)]
        of_models = [row for f in findings if isinstance(f, Accuracy) for row in _rows(f.frame)]
        for precision in slot.choices["precision"]:
            speeds, scores = (
                [row for row in rows if row["precision"] == precision] for rows in (of_operator, of_models)
            )
            spoken = spoken or bool(speeds or scores)
            if lost := [row for row in scores if row["verdict"] == "loses"]:
                row = lost[0]
                told = (
                    f"{row['platform']}: a drop of {row['drop']:.3g} ({row['drop_low']:.3g} to {row['drop_high']:.3g})"
                )
                judgement.removed[precision] = Removal(f"{precision} loses accuracy", told)
            elif speeds and all(row["verdict"] == "slower" for row in speeds):
                row = speeds[0]
                told = f"{row['platform']}, {row['base']}: {row['speedup']:.3g}x"
                told += f" ({row['speedup_low']:.3g} to {row['speedup_high']:.3g})"
                judgement.removed[precision] = Removal(f"{precision} is slower for {slot.base.op}", told)
        return judgement if spoken else None


@dataclass(frozen=True)
class BindKernels(Rule):
    """Drop a kernel where a bigger one is nearly free on every layer of that operator that was measured.

    Parameters
    ----------
    nearly_free : float
        How much more time the bigger may take, as a share.
    """

    findings = (Scaling,)
    nearly_free: float = 0.1

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Scaling]) -> Judgement | None:
        if dimension != "kernel":
            return None
        layers: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
        for i, found in enumerate(findings):
            for row in _rows(found.points, dimension="kernel", op=slot.base.op, precision=slot.base.precision):
                layers.setdefault((i, row["method"], row["layer"]), {})[int(row["value"])] = row
        choices = sorted(slot.choices["kernel"])
        if not any(sum(kernel in layer for kernel in choices) > 1 for layer in layers.values()):
            return None
        judgement = Judgement()
        for i, kernel in enumerate(choices):
            for bigger in choices[i + 1 :]:
                both = [(layer[kernel], layer[bigger]) for layer in layers.values() if {kernel, bigger} <= layer.keys()]
                if both and all(self._is_free(*pair) for pair in both):
                    one, two = both[0]
                    told = f"{one['platform']}, {one['layer']}: {two['ratio'] / one['ratio']:.3g}x for {bigger}"
                    judgement.removed[kernel] = Removal(f"kernel {bigger} is nearly free", told)
        return judgement

    def _is_free(self, small: dict[str, Any], big: dict[str, Any]) -> bool:
        return bool(big["ratio_high"] / small["ratio_low"] < 1 + self.nearly_free)


RULES: tuple[Rule, ...] = (
    KeepPareto(),
    DropActivations(),
    DropOperators(),
    DropDominatedBlocks(),
    DropPrecisions(),
    BindKernels(),
)


def _rows(frame: pd.DataFrame, **equal: str) -> list[dict[str, Any]]:
    """Return the rows that have these values, as dictionaries: of thousands few, so that they are chosen before."""
    for name, value in equal.items():
        frame = frame[frame[name] == value]
    return records(frame)


# ---------------------------------------------------------------------- step maps


def price(found: StepMap, candidates: Sequence[Any]) -> tuple[dict[int, float], list[int]]:
    """Return what a map says that candidates take in ms, and those it says nothing of."""
    prices, outside = {}, []
    for n in candidates:
        try:
            prices[n] = found.latency(n, extrapolate=True)
        except InvalidInputError:
            outside.append(n)
    return prices, outside


def pareto(prices: dict[int, float], tolerance: float) -> set[int]:
    """Return the n for which no larger one that is kept is as fast, so that what goes is never far from what stays."""
    keep: set[int] = set()
    fastest = float("inf")
    for n in sorted(prices, reverse=True):
        if not keep or prices[n] * (1 + tolerance) < fastest:
            keep.add(n)
            fastest = prices[n]
    return keep


def is_like(base: Layer, found: StepMap) -> bool:
    """Whether a map was measured on a layer of the same operator, size, kernel, stride and precision."""
    layer = found.origin.layer if found.origin else {}
    return all(getattr(base, key) == layer[key] for key in _MUST_MATCH if key in layer)


def _numeric(slot: Slot) -> list[str]:
    return [dimension for dimension, values in slot.choices.items() if all(type(value) is int for value in values)]


def _named(found: StepMap) -> str:
    where = f"{found.origin.platform}, " if found.origin else ""
    width = f" of width {found.width}" if found.width else ""
    return f"{where}{found.kind}{width} (confidence {found.confidence:.2f})"


def _told(found: StepMap) -> str:
    if found.origin is None:
        return "a layer that is not known"
    layer = found.origin.layer
    return (
        f"{layer.get('op')} {layer.get('height')}x{layer.get('width')} K {layer.get('kernel')} S {layer.get('stride')}"
    )


# ---------------------------------------------------------------------- blocks


def _by_shape(found: Blocks, precision: str) -> list[dict[str, dict[str, Any]]]:
    """Return the rows of each shape, by operator."""
    shapes: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in _rows(found.frame, precision=precision):
        key = tuple(row[name] for name in (*_SHAPE, "environment", "method"))
        shapes.setdefault(key, {})[row["op"]] = row
    return list(shapes.values())


def _stages(base: Layer, findings: Sequence[Blocks]) -> list[dict[str, dict[str, Any]]]:
    """Return the blocks measured at a slot's own shape."""
    return [
        stage
        for found in findings
        for stage in _by_shape(found, base.precision)
        if all(next(iter(stage.values()))[name] == getattr(base, name) for name in _SHAPE)
    ]


def _beats(best: dict[str, Any], row: dict[str, Any]) -> bool:
    return bool(best["relative_high"] < row["relative_low"] and best["relative_ops"] >= row["relative_ops"])

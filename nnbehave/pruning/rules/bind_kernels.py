"""Kernels beside which a bigger one is nearly free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnbehave.analysis import Scaling
from nnbehave.design.space import Slot
from nnbehave.pruning.rules._base import Judgement, Removal, Rule, check_threshold, rows_of

Row = dict[str, Any]


@dataclass(frozen=True)
class BindKernels(Rule):
    """Drop a kernel where a bigger one that stays is nearly free on every layer of that operator that was measured.

    Parameters
    ----------
    nearly_free : float
        How much more time the bigger may take, as a share.
    """

    findings = (Scaling,)
    nearly_free: float = 0.1

    def __post_init__(self) -> None:
        check_threshold("nearly_free", self.nearly_free)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Scaling]) -> Judgement | None:
        if dimension != "kernel":
            return None
        layers: dict[tuple[Any, ...], dict[int, Row]] = {}
        for i, found in enumerate(findings):
            for row in rows_of(found.points, dimension="kernel", op=slot.base.op, precision=slot.base.precision):
                layers.setdefault((i, row["method"], row["layer"]), {})[int(row["value"])] = row
        kernels = sorted(slot.choices["kernel"], reverse=True)
        if not any(sum(kernel in layer for kernel in kernels) > 1 for layer in layers.values()):
            return None
        judgement = Judgement()
        stay: list[int] = []
        for kernel in kernels:
            for bigger in stay:
                both = [(layer[kernel], layer[bigger]) for layer in layers.values() if {kernel, bigger} <= layer.keys()]
                if both and all(self._is_free(*pair) for pair in both):
                    judgement.removed[kernel] = Removal(f"kernel {bigger} is nearly free", _told(*both[0], bigger))
                    break
            else:
                stay.append(kernel)
        return judgement

    def _is_free(self, small: Row, big: Row) -> bool:
        return bool(big["ratio_high"] / small["ratio_low"] < 1 + self.nearly_free)


def _told(small: Row, big: Row, bigger: int) -> str:
    return f"{small['platform']}, {small['layer']}: {big['ratio'] / small['ratio']:.3g}x for {bigger}"

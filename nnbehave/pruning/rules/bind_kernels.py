"""The rule that drops a kernel if a bigger one is nearly free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnbehave.analysis.scaling import Scaling
from nnbehave.design.space import Slot
from nnbehave.pruning.rules.base import Judgement, Removal, Row, Rule, check_threshold, rows_of
from nnbehave.pruning.rules.thresholds import NEARLY_FREE


@dataclass(frozen=True)
class BindKernels(Rule[Scaling]):
    """Drop a kernel if a bigger one that stays is nearly free.

    The bigger kernel must be nearly free on every measured layer of the slot's operator and precision.

    Parameters
    ----------
    nearly_free : float
        The largest share by which the bigger kernel may be slower.

    Raises
    ------
    InvalidInputError
        ``nearly_free`` is not a number of 0 or more.
    """

    findings = (Scaling,)
    nearly_free: float = NEARLY_FREE

    def __post_init__(self) -> None:
        check_threshold("nearly_free", self.nearly_free)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[Scaling]) -> Judgement | None:
        if dimension != "kernel":
            return None
        layers = _rows_of_layers(slot, findings)
        kernels = sorted(slot.choices["kernel"], reverse=True)
        if not any(sum(kernel in layer for kernel in kernels) > 1 for layer in layers):
            return None
        judgement = Judgement()
        stay: list[int] = []
        for kernel in kernels:
            for bigger in stay:
                both = [(layer[kernel], layer[bigger]) for layer in layers if {kernel, bigger} <= layer.keys()]
                if both and all(self._is_free(*pair) for pair in both):
                    judgement.removed[kernel] = _removal(*both[0], bigger)
                    break
            else:
                stay.append(kernel)
        return judgement

    def _is_free(self, small: Row, big: Row) -> bool:
        """True if the bigger kernel is certainly slower by less than the threshold."""
        return bool(big["ratio_high"] / small["ratio_low"] < 1 + self.nearly_free)


def _rows_of_layers(slot: Slot, findings: Sequence[Scaling]) -> list[dict[int, Row]]:
    """Return, for each measured layer of the slot's operator and precision, its row for each kernel."""
    layers: dict[tuple[Any, ...], dict[int, Row]] = {}
    for i, found in enumerate(findings):
        for row in rows_of(found.points, dimension="kernel", op=slot.base.op, precision=slot.base.precision):
            layers.setdefault((i, row["method"], row.get("context"), row["layer"]), {})[int(row["value"])] = row
    return list(layers.values())


def _removal(small: Row, big: Row, bigger: int) -> Removal:
    evidence = f"{small['platform']}, {small['layer']}: {big['ratio'] / small['ratio']:.3g}x as long with {bigger}"
    return Removal(f"kernel {bigger} is nearly free", evidence)

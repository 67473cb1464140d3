"""Kernels are removed if a bigger one is nearly free."""

from __future__ import annotations

import pandas as pd

import nnbehave as nb
from nnbehave.analysis import Scaling
from nnbehave.design.space import Slot
from nnbehave.pruning import BindKernels, prune
from tests.pruned import space_of


def scaling(ratios: dict[int, float]) -> Scaling:
    measured = {
        "platform": "p",
        "environment": "e",
        "method": "whole",
        "precision": "fp32",
        "layer": "dwconv",
        "op": "dwconv",
    }
    rows = [
        {**measured, "dimension": "kernel", "value": k, "ratio": r, "ratio_low": r * 0.99, "ratio_high": r * 1.01}
        for k, r in ratios.items()
    ]
    return Scaling(pd.DataFrame([measured]), pd.DataFrame(rows))


def test_a_kernel_is_removed_if_a_bigger_one_is_nearly_free() -> None:
    slot = Slot("dw", nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3), {"kernel": (3, 5, 7)})
    pruned = prune(space_of(slot), scaling({3: 1.0, 5: 1.05, 7: 1.9}))
    assert pruned.choices()["dw"]["kernel"] == [5, 7]
    assert pruned.space.slots[0].base.kernel == 5
    strict = prune(space_of(slot), scaling({3: 1.0, 5: 1.05, 7: 1.9}), rules=[BindKernels(nearly_free=0.01)])
    assert not strict.removals


def test_a_kernel_is_compared_only_with_kernels_that_stay() -> None:
    """Each kernel is 7 % slower than the one before, and the largest 14.5 % slower than the smallest."""
    slot = Slot("dw", nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3), {"kernel": (1, 3, 5)})
    pruned = prune(space_of(slot), scaling({1: 1.0, 3: 1.07, 5: 1.145}))
    assert pruned.choices()["dw"]["kernel"] == [1, 5]

"""Blocks are removed if they take too much time for their OPs, or if another one beats them at every shape."""

from __future__ import annotations

import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.analysis import Blocks
from nnbehave.design.space import Slot
from nnbehave.pruning import DropOperators, prune
from tests.pruned import space_of


def blocks(relative: dict[str, tuple[float, float]], heights: tuple[int, ...] = (14,)) -> Blocks:
    rows = [
        {
            **{
                "platform": "p",
                "environment": "e",
                "method": "whole",
                "precision": "fp32",
                "op": op,
                "base": "mobilenet_v2",
            },
            **{"height": height, "width": height, "in_channels": 96, "kernel": 3, "stride": 1, "batch": 1},
            **{"relative": r, "relative_low": 0.98 * r, "relative_high": 1.02 * r, "relative_ops": ops},
        }
        for height in heights
        for op, (r, ops) in relative.items()
    ]
    return Blocks(pd.DataFrame(rows), pd.DataFrame())


def block_slot(*ops: str, height: int = 14) -> Slot:
    base = nb.Layer(op="mobilenet_v2", height=height, in_channels=96, out_channels=96, kernel=3)
    return Slot("block", base, {"op": ops})


@pytest.mark.parametrize(("ratio", "left"), [(4.07, ["mobilenet_v2"]), (1.2, ["mobilenet_v2", "mobilenet_v2_se"])])
def test_squeeze_and_excitation_is_removed_if_it_costs_far_more_than_its_ops(ratio: float, left: list[str]) -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (ratio, 1.02)})
    pruned = prune(space_of(block_slot("mobilenet_v2", "mobilenet_v2_se")), found)
    assert pruned.choices()["block"]["op"] == left


def test_nothing_is_removed_if_environments_disagree() -> None:
    dear = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (4.0, 1.02)})
    cheap = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (0.9, 1.02)})
    cheap.frame["environment"] = "another"
    slot = block_slot("mobilenet_v2", "mobilenet_v2_se")
    both = Blocks(pd.concat([dear.frame, cheap.frame]), pd.DataFrame())
    with pytest.warns(UserWarning, match="several environments"):
        pruned = prune(space_of(slot), both)
    assert not pruned.removals
    assert pruned.left_whole[0][2] == "the latency of mobilenet_v2_se is uncertain, or differs between measurements"


def test_a_block_measured_at_another_shape_removes_nothing() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (4.0, 1.0)})
    with pytest.warns(UserWarning, match="no finding is about any choice of some"):
        pruned = prune(space_of(block_slot("mobilenet_v2", "mobilenet_v2_se", height=28)), found)
    assert not pruned.removals


def test_a_block_is_removed_if_another_beats_it_at_every_shape() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "resnet_basic": (0.5, 3.0), "mobilenet_v1": (0.3, 0.2)}, (14, 28))
    slot = block_slot("mobilenet_v2", "resnet_basic", "mobilenet_v1")
    pruned = prune(space_of(slot), found)
    assert pruned.choices()["block"]["op"] == ["resnet_basic", "mobilenet_v1"]
    assert pruned.removals[0].why == "resnet_basic is faster at every shape, with at least as many OPs"
    assert pruned.space.slots[0].base.op == "resnet_basic"


def test_the_threshold_can_be_set() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (1.2, 1.02)})
    slot = block_slot("mobilenet_v2", "mobilenet_v2_se")
    assert prune(space_of(slot), found, rules=[DropOperators(most=1.05)]).size == 1

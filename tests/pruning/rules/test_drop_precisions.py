"""Precisions are removed if they are slower or lose accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nnbehave as nb
from nnbehave.analysis.accuracy import Scored, judge_accuracy
from nnbehave.analysis.precision import Precisions
from nnbehave.design.space import Slot
from nnbehave.pruning import DropPrecisions, prune
from tests.pruned import space_of


def test_precisions_that_are_slower_or_lose_accuracy_are_removed() -> None:
    base = nb.Layer(op="add", height=28, in_channels=32)
    slot = Slot("add", base, {"precision": ("fp32", "fp16", "int8", "int16x8")})
    row = {"platform": "p", "environment": "e", "method": "whole", "op": "add", "base": "add"}
    speeds = [
        {
            **row,
            "precision": name,
            "speedup": speed,
            "speedup_low": speed - 0.1,
            "speedup_high": speed + 0.1,
            "verdict": v,
        }
        for name, speed, v in [("int8", 0.5, "slower"), ("fp16", 1.0, "cannot tell"), ("int16x8", 2.0, "faster")]
    ]
    scores = np.ones(400)
    accuracy = judge_accuracy(scores, [Scored("p", "int16x8", scores * 0)])
    pruned = prune(space_of(slot), [Precisions(pd.DataFrame(speeds)), accuracy])
    assert pruned.choices()["add"]["precision"] == ["fp32", "fp16"]
    assert dict(zip(pruned.removed["value"], pruned.removed["why"], strict=True)) == {
        "int8": "int8 is slower for add",
        "int16x8": "int16x8 loses accuracy",
    }


def test_the_largest_drop_of_a_score_can_be_set() -> None:
    slot = Slot(
        "conv", nb.Layer(op="conv", height=28, in_channels=8, out_channels=8, kernel=3), {"precision": ("fp32", "int8")}
    )
    scores = np.ones(1000)
    less = scores.copy()
    less[:50] = 0
    found = judge_accuracy(scores, [Scored("p", "int8", less)])
    assert "over 0.01" in prune(space_of(slot), found).removals[0].evidence
    loose = prune(space_of(slot), found, rules=[DropPrecisions(most_drop=0.2)])
    assert not loose.removals
    assert loose.left_whole[0][2] == "every value is worth keeping"
    between = prune(space_of(slot), found, rules=[DropPrecisions(most_drop=0.05)])
    assert between.left_whole[0][2] == "the speed or accuracy of int8 is uncertain, or differs between measurements"

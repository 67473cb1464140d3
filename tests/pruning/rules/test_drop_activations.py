"""Activations are removed if they certainly cost too much."""

from __future__ import annotations

import pandas as pd

import nnbehave as nb
from nnbehave.analysis import Activations, Fusion
from nnbehave.design.space import Slot
from nnbehave.pruning import prune
from tests.pruned import space_of


def activations(ratios: dict[str, tuple[float, float, float]]) -> Activations:
    rows = [
        {
            **{"platform": "p", "environment": "e", "method": "whole", "precision": "fp32"},
            **{"layer": "dwconv h28", "op": "dwconv", "activation": name, "reason": ""},
            **{"ratio": middle, "ratio_low": low, "ratio_high": high, "verdict": ""},
        }
        for name, (middle, low, high) in ratios.items()
    ]
    return Activations(pd.DataFrame(rows))


def test_activations_that_certainly_cost_too_much_are_removed() -> None:
    base = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
    slot = Slot("dw", base, {"activation": (None, "relu", "swish", "sigmoid", "gelu")})
    found = activations({"relu": (1, 0.99, 1.01), "swish": (2.5, 2.4, 2.6), "sigmoid": (1.2, 1.05, 1.4)})
    pruned = prune(space_of(slot), found)
    assert pruned.choices()["dw"]["activation"] == [None, "relu", "sigmoid", "gelu"]
    assert pruned.removals[0].evidence == "p, dwconv h28: 2.5x as long with swish (2.4 to 2.6)"


def fused(low: float, high: float, verdict: str) -> Fusion:
    """Return the finding about a pair whose second operator alone takes a fifth of the first."""
    row = {
        **{"platform": "p", "environment": "e", "method": "whole", "precision": "fp32", "verdict": verdict},
        **{"first": "dwconv h28", "first_op": "dwconv", "second_op": "relu", "first_ms": 1.0, "apart_ms": 0.2},
        **{"saved_low": low, "saved_high": high},
    }
    return Fusion(pd.DataFrame([row]))


def test_an_activation_that_does_not_fuse_is_removed_if_it_certainly_adds_too_much() -> None:
    base = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3, activation="relu")
    space = space_of(Slot("dw", base, {"activation": ("relu", "relu6")}))
    dear = prune(space, fused(0.0, 0.1, "not fused"))
    assert dear.choices()["dw"]["activation"] == ["relu6"]
    assert dear.removals[0].evidence == "p, dwconv h28: not fused, adds 18% to 20%"
    unsure = prune(space, fused(-0.5, 0.55, "not fused"))
    assert not unsure.removals
    assert unsure.left_whole[0][2] == "the cost of relu is uncertain, or differs between measurements"
    assert prune(space, fused(0.9, 1.0, "fused")).left_whole[0][2] == "every value is worth keeping"

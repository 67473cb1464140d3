"""A space loses what findings say is not worth searching, and nothing else."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysers import Activations, Blocks, Precisions, Scaling, judge_accuracy
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import BindKernels, DropOperators, KeepPareto, prune
from nnbehave.space import Slot, Space, Stage

METAPRUNING = nb.load_space("metapruning_mobilenet_v1")


@lru_cache
def staircase(width: int, high: int = 1024) -> nb.StepMap:
    n = np.arange(1, high + 1)
    return nb.detect_steps(n, 0.05 + 0.1 * np.ceil(n / width), np.full(n.size, 1e-5))


def space_of(*slots: Slot, name: str = "some") -> Space:
    return Space(name, (Stage("all", tuple(slots)),))


def conv(name: str = "conv", values: tuple[int, ...] = tuple(range(1, 33)), **fields: object) -> Slot:
    layer = {"op": "conv", "height": 28, "in_channels": 16, "out_channels": 32, "kernel": 3, **fields}
    return Slot(name, nb.Layer(**layer), {"out_channels": values})


# ---------------------------------------------------------------------- the paper's case study


def test_the_paper_s_figure() -> None:
    """Section 5: 30 candidates to 4 in each of 14 layers, at a width of 8: 30^14 to 4^14."""
    slots = [conv(f"conv{i}", tuple(range(3, 33))) for i in range(14)]
    pruned = prune(space_of(*slots), staircase(8), dimension="out_channels")
    assert pruned.original.size == 30**14
    assert pruned.size == 4**14
    assert pruned.reduction == Fraction(30, 4) ** 14
    assert float(pruned.reduction) == pytest.approx(1.78e12, rel=1e-2)
    assert {tuple(left["out_channels"]) for left in pruned.choices().values()} == {(8, 16, 24, 32)}


@pytest.mark.parametrize(("width", "log10"), [(8, 2.7), (16, 4.6), (32, 8.1), (64, 11.9)])
def test_metapruning_s_own_candidates_shrink_by_far_less(width: int, log10: float) -> None:
    """Its steps grow with the layer, so that most candidates of a wide layer lie on a step of their own."""
    pruned = prune(METAPRUNING, staircase(width), dimension="out_channels")
    assert pruned.log10_reduction == pytest.approx(log10, abs=0.06)
    assert pruned.log10_reduction == pytest.approx(math.log10(METAPRUNING.size / pruned.size))


def test_a_slot_keeps_the_best_of_its_own_candidates_not_the_multiples_of_the_width() -> None:
    pruned = prune(space_of(conv(values=(3, 5, 9, 11, 15, 20))), staircase(8), dimension="out_channels")
    assert pruned.choices() == {"conv": {"out_channels": [5, 15, 20]}}


# ---------------------------------------------------------------------- what a step map speaks of


def swept(platform: str = "simulated?width=8&noise=0.001", **fields: object) -> nb.Results:
    layer = nb.Layer(**{"op": "conv", "height": 28, "in_channels": 16, "out_channels": 8, "kernel": 3, **fields})
    return nb.sweep(
        layer=layer,
        dimension="out_channels",
        values=range(1, 65),
        platforms=platform,
        method="estimated",
        progress=False,
    )


@pytest.fixture(scope="module")
def measured() -> nb.Results:
    return swept()


def test_a_map_speaks_of_layers_like_its_own_and_of_others_only_where_asked(measured: nb.Results) -> None:
    space = space_of(conv("like"), conv("other", height=14), conv("third", kernel=1))
    pruned = prune(space, measured)
    assert {row.slot for row in pruned.removals} == {"like"}
    assert {(slot, why) for slot, _, why in pruned.left_whole} == {
        ("other", "no finding speaks of it"),
        ("third", "no finding speaks of it"),
    }
    moved = prune(space, measured, transfer=True)
    assert {row.slot for row in moved.removals} == {"like", "other", "third"}
    evidence = moved.removed.set_index("slot")["evidence"]
    assert evidence.loc["other"].str.contains("measured on conv 28x28 K 3 S 1, transferred").all()
    assert not evidence.loc["like"].str.contains("transferred").any()


def test_it_knows_where_its_findings_were_measured(measured: nb.Results) -> None:
    (environment,) = measured.environments
    assert nb.prune(space_of(conv()), measured).environments == measured.environments
    assert nb.prune(space_of(conv()), measured.step_maps()).environments == {environment: {}}


def test_the_map_of_the_very_layer_goes_before_that_of_one_like_it(measured: nb.Results) -> None:
    other = swept("simulated?width=16&noise=0.001", in_channels=8)
    maps = [*other.step_maps(), *measured.step_maps()]
    platforms = [replace_platform(found, "one") for found in maps]
    pruned = prune(space_of(conv()), platforms)
    assert pruned.choices()["conv"]["out_channels"] == [8, 16, 24, 32]


def replace_platform(found: nb.StepMap, platform: str) -> nb.StepMap:
    from dataclasses import replace

    assert found.origin is not None
    return replace(found, origin=replace(found.origin, platform=platform))


def test_a_map_from_arrays_needs_a_dimension_or_warns() -> None:
    with pytest.warns(UserWarning, match="give dimension="):
        warned = prune(space_of(conv()), staircase(8))
    assert prune(space_of(conv()), staircase(8), dimension="out_channels").choices() == warned.choices()


def test_a_map_survives_its_file_with_its_origin(measured: nb.Results, tmp_path: Path) -> None:
    (found,) = measured.step_maps()
    found.save(tmp_path / "map.json")
    again = nb.load_step_map(tmp_path / "map.json")
    assert again == found
    assert again.origin is not None
    assert again.origin.layer["height"] == 28
    assert "out_channels" not in again.origin.layer


def test_nothing_is_removed_on_what_cannot_be_told() -> None:
    rng = np.random.default_rng(0)
    n = np.arange(1, 65)
    unexplained = nb.detect_steps(n, rng.lognormal(0, 1, n.size), np.full(n.size, 1e-4))
    assert unexplained.kind == "unexplained"
    pruned = prune(space_of(conv()), unexplained, dimension="out_channels")
    assert not pruned.removals
    assert "unexplained" in pruned.left_whole[0][2]
    assert pruned.reduction == 1


def test_values_beyond_what_was_measured_stay_where_the_law_says_nothing() -> None:
    n = np.arange(1, 21)
    uneven = nb.detect_steps(n, np.repeat([1.0, 1.1, 2.0, 2.5], 5), np.full(n.size, 1e-5))
    pruned = prune(space_of(conv()), uneven, dimension="out_channels")
    left = pruned.choices()["conv"]["out_channels"]
    assert set(range(21, 33)) <= set(left)
    assert len(left) < 32


@given(
    width=st.integers(1, 40),
    values=st.sets(st.integers(1, 64), min_size=1, max_size=20),
    own=st.integers(1, 64),
    tolerance=st.floats(0, 0.5),
)
@settings(deadline=None, max_examples=60)
def test_what_is_left_beats_what_is_gone(width: int, values: set[int], own: int, tolerance: float) -> None:
    """Of every value that goes a larger one stays that is as fast; a layer's own size and the largest stay."""
    found = staircase(width, 64)
    slot = conv(values=tuple(sorted(values)), out_channels=own)
    rules = [KeepPareto(tolerance=tolerance)]
    pruned = prune(space_of(slot), found, dimension="out_channels", rules=rules)
    left = pruned.choices()["conv"]["out_channels"]
    assert max(values) in left
    assert own in left or own not in values
    for gone in values - set(left):
        assert any(n > gone and found.latency(n) <= found.latency(gone) * (1 + tolerance) for n in left)
    assert {row.value for row in pruned.removals} == values - set(left)


# ---------------------------------------------------------------------- several platforms


def test_of_several_platforms_what_is_good_on_all_or_on_any() -> None:
    results = [swept(f"simulated?width={width}&noise=0.001") for width in (8, 12)]
    space = space_of(conv(values=tuple(range(1, 33)), out_channels=32))
    on_all = prune(space, results).choices()["conv"]["out_channels"]
    on_any = prune(space, results, combine="any").choices()["conv"]["out_channels"]
    one, two = (set(prune(space, each).choices()["conv"]["out_channels"]) for each in results)
    assert set(on_all) == one & two
    assert set(on_any) == one | two


def test_a_finding_of_another_platform_is_refused(measured: nb.Results) -> None:
    with pytest.raises(InvalidInputError, match=r"findings from simulated\?.*, but pruning for openvino"):
        prune(space_of(conv()), measured, platforms="openvino")


# ---------------------------------------------------------------------- other findings


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


def test_activations_that_cost_too_much_for_certain_go() -> None:
    base = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
    slot = Slot("dw", base, {"activation": (None, "relu", "swish", "sigmoid", "gelu")})
    found = activations({"relu": (1, 0.99, 1.01), "swish": (2.5, 2.4, 2.6), "sigmoid": (1.2, 1.05, 1.4)})
    pruned = prune(space_of(slot), found)
    assert pruned.choices()["dw"]["activation"] == [None, "relu", "sigmoid", "gelu"]
    assert pruned.removals[0].evidence == "p, dwconv h28: 2.5x with swish (2.4 to 2.6)"


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
def test_squeeze_and_excitation_goes_where_it_costs_far_more_than_its_operations(ratio: float, left: list[str]) -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (ratio, 1.02)})
    pruned = prune(space_of(block_slot("mobilenet_v2", "mobilenet_v2_se")), found)
    assert pruned.choices()["block"]["op"] == left


def test_a_block_measured_at_another_shape_says_nothing_of_this_one() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (4.0, 1.0)})
    with pytest.warns(UserWarning, match="no finding speaks of any choice of some"):
        pruned = prune(space_of(block_slot("mobilenet_v2", "mobilenet_v2_se", height=28)), found)
    assert not pruned.removals


def test_blocks_that_another_beats_at_every_shape_go() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "resnet_basic": (0.5, 3.0), "mobilenet_v1": (0.3, 0.2)}, (14, 28))
    slot = block_slot("mobilenet_v2", "resnet_basic", "mobilenet_v1")
    pruned = prune(space_of(slot), found)
    assert pruned.choices()["block"]["op"] == ["resnet_basic", "mobilenet_v1"]
    assert pruned.removals[0].why == "resnet_basic is faster with no fewer OPs everywhere"
    assert pruned.space.slots[0].base.op == "resnet_basic"


def test_precisions_go_that_are_slower_or_lose_accuracy() -> None:
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
    accuracy = judge_accuracy(scores, [{"platform": "p", "precision": "int16x8", "scores": scores * 0}])
    pruned = prune(space_of(slot), [Precisions(pd.DataFrame(speeds)), accuracy])
    assert pruned.choices()["add"]["precision"] == ["fp32", "fp16"]
    assert dict(zip(pruned.removed["value"], pruned.removed["why"], strict=True)) == {
        "int8": "int8 is slower for add",
        "int16x8": "int16x8 loses accuracy",
    }


def scaling(ratios: dict[int, float]) -> Scaling:
    what = {
        "platform": "p",
        "environment": "e",
        "method": "whole",
        "precision": "fp32",
        "layer": "dwconv",
        "op": "dwconv",
    }
    rows = [
        {**what, "dimension": "kernel", "value": k, "ratio": r, "ratio_low": r * 0.99, "ratio_high": r * 1.01}
        for k, r in ratios.items()
    ]
    return Scaling(pd.DataFrame([what]), pd.DataFrame(rows))


def test_a_kernel_goes_where_a_bigger_one_is_nearly_free() -> None:
    slot = Slot("dw", nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3), {"kernel": (3, 5, 7)})
    pruned = prune(space_of(slot), scaling({3: 1.0, 5: 1.05, 7: 1.9}))
    assert pruned.choices()["dw"]["kernel"] == [5, 7]
    assert pruned.space.slots[0].base.kernel == 5
    strict = prune(space_of(slot), scaling({3: 1.0, 5: 1.05, 7: 1.9}), rules=[BindKernels(nearly_free=0.01)])
    assert not strict.removals


# ---------------------------------------------------------------------- refusals, and what it shows


@pytest.mark.parametrize(
    ("space", "findings", "says"),
    [
        (Space("empty", ()), staircase(8), "expected a Space with slots"),
        (None, staircase(8), "expected a Space with slots"),
        (METAPRUNING, [], "there are none; sweep the space first"),
        (METAPRUNING, "results.db", "expected findings or Results, got str"),
        (METAPRUNING, [3], "nothing can be removed by int"),
    ],
)
def test_what_cannot_be_used_is_refused(space: Space, findings: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        prune(space, findings)


def test_another_way_to_combine_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'all' or 'any', got 'most'"):
        prune(METAPRUNING, staircase(8), combine="most")


def test_it_shows_what_it_is() -> None:
    pruned = prune(METAPRUNING, staircase(64), dimension="out_channels")
    assert repr(pruned).startswith("PrunedSpace(metapruning_mobilenet_v1: 10^21.42 networks to 10^9.58, 10^11.85 times")
    html = pruned._repr_html_()
    assert "<td>conv1</td>" in html
    assert list(pruned.removed.columns) == ["slot", "dimension", "value", "rule", "platform", "why", "evidence"]
    assert all(type(value) is int for value in pruned.removed["value"])


def test_thresholds_are_settable() -> None:
    found = blocks({"mobilenet_v2": (1.0, 1.0), "mobilenet_v2_se": (1.2, 1.02)})
    slot = block_slot("mobilenet_v2", "mobilenet_v2_se")
    assert prune(space_of(slot), found, rules=[DropOperators(most=1.05)]).size == 1

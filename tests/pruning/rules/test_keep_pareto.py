"""A slot keeps the best of its own sizes, by step maps of every layer that it may hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis import Lost, Origin
from nnbehave.design.space import Slot
from nnbehave.pruning import KeepPareto, prune
from tests.pruned import conv, space_of, staircase, swept


@pytest.fixture(scope="module")
def measured() -> nb.Results:
    return swept()


def test_a_step_map_applies_to_layers_like_the_measured_one_and_to_others_with_transfer(measured: nb.Results) -> None:
    space = space_of(conv("like"), conv("other", height=14), conv("third", kernel=1))
    pruned = prune(space, measured)
    assert {row.slot for row in pruned.removals} == {"like"}
    assert {(slot, why) for slot, _, why in pruned.left_whole} == {
        ("other", "no finding is about this choice"),
        ("third", "no finding is about this choice"),
    }
    moved = prune(space, measured, transfer=True)
    assert {row.slot for row in moved.removals} == {"like", "other", "third"}
    evidence = moved.removed.set_index("slot")["evidence"]
    assert evidence.loc["other"].str.contains("measured on conv 28x28 K 3 S 1, transferred").all()
    assert not evidence.loc["like"].str.contains("transferred").any()


def test_the_step_map_of_the_layer_itself_takes_precedence(measured: nb.Results) -> None:
    other = swept(16, in_channels=8)
    maps = [*other.step_maps(), *measured.step_maps()]
    platforms = [replace_platform(found, "one") for found in maps]
    pruned = prune(space_of(conv()), platforms)
    assert pruned.choices()["conv"]["out_channels"] == [8, 16, 24, 32]


def replace_platform(found: nb.StepMap, platform: str) -> nb.StepMap:

    assert found.origin is not None
    return replace(found, origin=replace(found.origin, platform=platform))


def test_a_step_map_keeps_its_origin_in_a_file(measured: nb.Results, tmp_path: Path) -> None:
    (found,) = measured.step_maps()
    found.save(tmp_path / "map.json")
    again = nb.load_step_map(tmp_path / "map.json")
    assert again == found
    assert again.origin is not None
    assert again.origin.layer["height"] == 28
    assert "out_channels" not in again.origin.layer


def test_an_unexplained_step_map_removes_nothing() -> None:
    rng = np.random.default_rng(0)
    n = np.arange(1, 65)
    unexplained = nb.detect_steps(n, rng.lognormal(0, 1, n.size), np.full(n.size, 1e-4))
    assert unexplained.kind == "unexplained"
    pruned = prune(space_of(conv()), unexplained, dimension="out_channels")
    assert not pruned.removals
    assert "unexplained" in pruned.left_whole[0][2]
    assert pruned.reduction == 1


def test_values_above_the_measured_range_stay_unless_extrapolation_is_allowed() -> None:
    slot = conv(values=tuple(range(1, 129)), out_channels=128)
    found = staircase(8, 64)
    within = prune(space_of(slot), found, dimension="out_channels")
    assert within.choices()["conv"]["out_channels"] == [*range(8, 65, 8), *range(65, 129)]
    beyond = prune(space_of(slot), found, dimension="out_channels", rules=KeepPareto(extrapolate=True))
    assert beyond.choices()["conv"]["out_channels"] == list(range(8, 129, 8))
    assert beyond.removed.set_index("value").loc[97, "evidence"].endswith("at 104, extrapolated past 64")
    n = np.arange(1, 21)
    uneven = nb.detect_steps(n, np.repeat([1.0, 1.1, 2.0, 2.5], 5), np.full(n.size, 1e-5))
    left = prune(space_of(slot), uneven, dimension="out_channels", rules=KeepPareto(extrapolate=True))
    assert set(range(21, 129)) <= set(left.choices()["conv"]["out_channels"])


def test_a_value_that_does_not_run_is_removed_and_removes_no_other() -> None:
    results = swept(8, fail_at=16)
    pruned = prune(space_of(conv()), results)
    assert pruned.choices()["conv"]["out_channels"] == [8, 15, 24, 32]
    row = pruned.removed.set_index("value").loc[16]
    assert row["why"] == "the platform cannot run it"
    assert "takes no out_channels of 16" in row["evidence"]


def test_a_value_whose_measurement_failed_stays_and_removes_no_other(measured: nb.Results) -> None:
    (found,) = measured.step_maps()
    assert found.origin is not None
    failed = replace(found, origin=replace(found.origin, lost=(Lost(16, "timeout", "no answer"),)))
    left = prune(space_of(conv()), failed).choices()["conv"]["out_channels"]
    assert left == [8, 15, 16, 24, 32]


def test_the_smallest_value_that_runs_stays_with_keep_smallest() -> None:
    results = swept(8, fail_at=3)
    slot = conv(values=tuple(range(3, 33)))
    pruned = prune(space_of(slot), results, rules=KeepPareto(keep_smallest=True))
    assert pruned.choices()["conv"]["out_channels"] == [4, 8, 16, 24, 32]
    assert prune(space_of(slot), results).choices()["conv"]["out_channels"] == [8, 16, 24, 32]


def test_only_channels_and_resolutions_are_pruned() -> None:
    """With more groups a layer does less, so a larger number of groups does not replace a smaller one."""
    n = np.arange(1, 65)
    falling = nb.detect_steps(n, 2 - 0.02 * n, np.full(n.size, 1e-4))
    base = nb.Layer(op="group_conv", height=14, in_channels=64, out_channels=64, kernel=3, groups=2)
    slot = Slot("g", base, {"groups": (1, 2, 4, 8, 16)})
    moved = replace(falling, origin=Origin("p", "e", "whole", "groups", {}))
    with pytest.warns(UserWarning, match="no finding is about any choice of some"):
        assert not prune(space_of(slot), moved).removals
    taller = Slot("h", base, {"height": (12, 14, 28)})
    resolution = replace(falling, origin=Origin("p", "e", "whole", "height", {}))
    assert prune(space_of(taller), resolution).choices() == {"h": {"height": [14, 28]}}  # 14 is its own


def test_a_slot_that_may_hold_several_layers_needs_a_step_map_of_each() -> None:
    """The steps have a width of 8 for kernel 3 and of 5 for kernel 1; values that are best for one of them stay."""
    slot = Slot("c", conv().base, {"out_channels": tuple(range(1, 33)), "kernel": (1, 3)})
    by_kernel = {3: swept(8), 1: swept(5, kernel=1)}
    maps = {}
    for kernel, results in by_kernel.items():
        (found,) = results.step_maps()
        assert found.origin is not None
        maps[kernel] = replace(found, origin=replace(found.origin, platform="p", environment="e"))
    alone = prune(space_of(slot), maps[3])
    assert not alone.removals
    assert alone.left_whole[0].why.startswith("the slot may also hold conv_h28_w28_cin16_cout32_k1_s1_fp32, which has")
    both = prune(space_of(slot), list(maps.values()))
    assert both.choices()["c"]["out_channels"] == [5, 8, 10, 15, 16, 20, 24, 25, 30, 32]
    moved = prune(space_of(slot), maps[3], transfer=True)
    assert moved.choices()["c"]["out_channels"] == [8, 16, 24, 32]


@given(
    width=st.integers(1, 40),
    values=st.sets(st.integers(1, 64), min_size=1, max_size=20),
    own=st.integers(1, 64),
    tolerance=st.floats(0, 0.5),
)
@settings(deadline=None, max_examples=60)
def test_a_larger_value_stays_for_every_removed_one(width: int, values: set[int], own: int, tolerance: float) -> None:
    """A layer's own size and the largest size stay too."""
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

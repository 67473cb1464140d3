"""The loss is exact: it is compared with all networks of small spaces and with random networks of large ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import KeepPareto, PrunedSpace, frontier, prune, what_was_lost
from tests.pruned import staircase


def network_space(candidates: list[tuple[int, ...]], follows: bool, depth: tuple[int, ...] | None = None) -> Space:
    slots = tuple(
        Slot(
            f"conv{i}",
            nb.Layer(op="conv", height=7, in_channels=8, out_channels=max(values), kernel=3),
            {"out_channels": values},
            follows=follows and i > 0,
        )
        for i, values in enumerate(candidates)
    )
    return Space("small", (Stage("all", slots, depth),))


def every_network(space: Space) -> list[list[nb.Layer]]:
    (stage,) = space.stages
    found = []
    for depth in stage.depth or (len(stage.slots),):
        for values in itertools.product(*(slot.choices["out_channels"] for slot in stage.slots[:depth])):
            layers: list[nb.Layer] = []
            for slot, value in zip(stage.slots, values, strict=False):
                tied = {"in_channels": layers[-1].out_channels} if slot.follows else {}
                layers.append(slot.base.replace(out_channels=value, **tied))
            found.append(layers)
    return found


def by_brute_force(space: Space, latency: object, capacity: object, budget: float) -> float:
    totals = [(sum(map(latency, network)), sum(map(capacity, network))) for network in every_network(space)]
    return max((held for ms, held in totals if ms <= budget * (1 + 1e-9)), default=0)


SMALL = st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=4), min_size=1, max_size=3)


@given(SMALL, st.integers(1, 20), st.booleans(), st.booleans(), st.sampled_from(["channels", "ops"]))
@settings(deadline=None, max_examples=40)
def test_the_loss_equals_that_of_an_exhaustive_search(
    candidates: list[set[int]], width: int, follows: bool, shallow: bool, capacity: str
) -> None:
    depth = tuple(range(1, len(candidates) + 1)) if shallow else None
    space = network_space([tuple(sorted(values)) for values in candidates], follows, depth)
    found = staircase(width)
    pruned = prune(space, found, dimension="out_channels")

    def latency(layer: nb.Layer) -> float:
        return found.latency(layer.out_channels) * (layer.in_channels if follows else 1)

    counted = {"channels": lambda layer: layer.out_channels, "ops": lambda layer: layer.ops}[capacity]
    lost = what_was_lost(pruned, latency, capacity, budgets=7)
    assert lost.rounding == 0
    for row in lost.frame.itertuples():
        assert row.original == by_brute_force(space, latency, counted, row.budget_ms)
        assert row.pruned == by_brute_force(pruned.space, latency, counted, row.budget_ms)


@given(SMALL, st.integers(1, 20), st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_rounding_never_overstates_what_is_kept_and_stays_within_its_bound(
    candidates: list[set[int]], width: int, seed: int
) -> None:
    space = network_space([tuple(sorted(values)) for values in candidates], False)
    pruned = prune(space, staircase(width), dimension="out_channels")
    cost = np.random.default_rng(seed).uniform(0.5, 2, 41)

    def latency(layer: nb.Layer) -> float:
        return float(cost[layer.out_channels] * layer.out_channels)

    def counted(layer: nb.Layer) -> int:
        return layer.out_channels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontier, "_MOST_POINTS", 6)
        lost = what_was_lost(pruned, latency, budgets=7)
    for row in lost.frame.itertuples():
        budget, wider = row.budget_ms, row.budget_ms * (1 + lost.rounding)
        whole = [by_brute_force(space, latency, counted, ms) for ms in (budget, wider)]
        left = [by_brute_force(pruned.space, latency, counted, ms) for ms in (budget / (1 + lost.rounding), budget)]
        assert whole[0] <= row.original <= whole[1]
        assert left[0] <= row.pruned <= left[1]
        assert row.kept <= 1
    assert ("rounded" in repr(lost)) == (lost.rounding > 0)


@given(SMALL, st.integers(1, 20))
@settings(deadline=None, max_examples=40)
def test_nothing_is_lost_if_latency_depends_on_a_layer_s_own_channels_alone(
    candidates: list[set[int]], width: int
) -> None:
    found = staircase(width)
    pruned = prune(
        network_space([tuple(sorted(values)) for values in candidates], False), found, dimension="out_channels"
    )
    lost = what_was_lost(pruned, lambda layer: found.latency(layer.out_channels))
    assert lost.worst >= 1
    assert lost.pruned_fastest_ms == pytest.approx(lost.fastest_ms)


@given(SMALL, st.integers(1, 20))
@settings(deadline=None, max_examples=40)
def test_the_fastest_network_stays_if_the_smallest_widths_are_kept(candidates: list[set[int]], width: int) -> None:
    found = staircase(width)
    space = network_space([tuple(sorted(values)) for values in candidates], True)
    pruned = prune(space, found, dimension="out_channels", rules=KeepPareto(keep_smallest=True))
    lost = what_was_lost(pruned, lambda layer: found.latency(layer.out_channels) * layer.in_channels)
    assert lost.pruned_fastest_ms == pytest.approx(lost.fastest_ms)
    assert (lost.frame["pruned"] > 0).all()


@pytest.mark.parametrize("width", [pytest.param(8, marks=pytest.mark.setup), 64])  # the first takes long
def test_a_large_space_keeps_nearly_all_channels_if_the_smallest_widths_are_kept(width: int) -> None:
    def latency(layer: nb.Layer) -> float:
        reads = 1 if layer.op == "dwconv" else layer.in_channels
        return -(-layer.out_channels // width) * width * reads * (layer.kernel * layer.height / layer.stride) ** 2

    kept = {}
    for smallest in (False, True):
        rule = KeepPareto(keep_smallest=smallest)
        pruned = prune(
            nb.load_space("metapruning_mobilenet_v1"), staircase(width), dimension="out_channels", rules=rule
        )
        kept[smallest] = what_was_lost(pruned, latency).worst
    assert kept[False] == 0  # no network left is as fast as the smallest budget
    assert kept[True] >= 0.97


@pytest.mark.parametrize("width", [8, 64])
def test_no_random_network_of_a_large_space_beats_the_largest_one_left(width: int) -> None:
    space, found = nb.load_space("metapruning_mobilenet_v1"), staircase(width)
    pruned = prune(space, found, dimension="out_channels")

    def latency(layer: nb.Layer) -> float:
        return found.latency(layer.out_channels) * layer.height**2 * (layer.op == "conv")

    lost = what_was_lost(pruned, latency)
    assert lost.worst >= 0.999
    grid, left = lost.frame["budget_ms"].to_numpy(), lost.frame["pruned"].to_numpy()
    for seed in range(200):
        network = space.sample(seed).layers
        ms, channels = sum(map(latency, network)), sum(layer.out_channels for layer in network)
        above = np.searchsorted(grid, ms)  # the next budget up
        assert channels <= left[above] * (1 + 1e-3)


def test_a_space_that_lost_half_of_its_channels_keeps_half() -> None:
    space = network_space([tuple(range(1, 41))] * 2, False)
    half = network_space([tuple(range(1, 21))] * 2, False)
    lost = what_was_lost(PrunedSpace(space, half, (), ()), lambda layer: float(layer.out_channels))
    assert lost.worst == pytest.approx(0.5)
    assert "at least 50.00% of the channels are kept" in repr(lost)


def test_arguments_that_are_not_allowed_are_refused() -> None:
    pruned = prune(network_space([(1, 2)], False), staircase(8), dimension="out_channels")
    with pytest.raises(InvalidInputError, match="capacity: expected one of channels, ops, weights, got 'flops'"):
        what_was_lost(pruned, lambda layer: 1.0, "flops")
    with pytest.raises(InvalidInputError, match="latency: expected 0 ms or more, got nan ms for conv_h7"):
        what_was_lost(pruned, lambda layer: float("nan"))
    with pytest.raises(InvalidInputError, match="expected a LatencyTable or a function of a layer, got 3"):
        what_was_lost(pruned, 3)
    mnasnet = nb.load_space("mnasnet")
    with pytest.raises(InvalidInputError, match="slot .* also chooses operator, skip, layers"):
        what_was_lost(PrunedSpace(mnasnet, mnasnet, (), ()), lambda layer: 1.0)

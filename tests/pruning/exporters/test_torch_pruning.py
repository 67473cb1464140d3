"""The pruning ratios give exactly the chosen widths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from tests.pruned import chain, chains, space_of

SMALL = chain((32, (8, 16, 24, 32)), (64, (16, 32, 64)))


@given(st.integers(1, 4096).flatmap(lambda width: st.tuples(st.just(width), st.integers(1, width))))
@example((96, 1))
@example((96, 7))
def test_a_ratio_keeps_exactly_the_chosen_channels(width_and_kept: tuple[int, int]) -> None:
    """Torch-Pruning keeps ``int(C * (1 - ratio))`` channels; the plain share misses 95 of 96."""
    width, kept = width_and_kept
    ratio = chain((width, (kept,))).export("torch_pruning", channels={"conv1": kept})["pruning_ratio_dict"]["conv1"]
    assert int(width * (1 - ratio)) == kept
    assert 0 <= ratio < 1


@settings(max_examples=50, deadline=None)
@given(chains(), st.floats(0, 0.99))
def test_without_channels_the_next_larger_width_left_is_taken(pruned: PrunedSpace, share: float) -> None:
    found = pruned.export("torch_pruning", pruning_ratio=share)
    for slot, original in zip(pruned.space.slots, pruned.original.slots, strict=True):
        width, left = original.base.out_channels, slot.choices["out_channels"]
        kept = int(width * (1 - found["pruning_ratio_dict"][slot.name]))
        assert kept in left
        enough = [each for each in left if each >= width * (1 - share)]
        assert kept == min(enough, default=max(left))
        assert found["round_to"] is None or kept == width or kept % found["round_to"] == 0


def test_channels_choose_the_network_and_modules_name_its_layers() -> None:
    found = SMALL.export("torch_pruning", channels={"conv1": 24}, modules={"conv2": "features.3.conv"})
    kept = {"conv1": 24.5, "features.3.conv": 32.5}
    ratios = {name: 1 - k / c for (name, k), c in zip(kept.items(), (32, 64), strict=True)}
    assert found == {"pruning_ratio": 0.0, "pruning_ratio_dict": ratios, "round_to": 8}
    assert SMALL.export("torch_pruning", pruning_ratio=0)["pruning_ratio_dict"] == {"conv1": 0.0, "conv2": 0.0}


def test_round_to_ignores_the_layers_own_widths() -> None:
    assert chain((100, (8, 16, 100)), (64, (16, 64))).export("torch_pruning")["round_to"] == 8
    assert chain((100, (8, 17, 100))).export("torch_pruning")["round_to"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": {"conv1": 20}}, "channels: expected one of 8, 16, 24, 32 for 'conv1', got 20"),
        ({"channels": {"conv9": 8}}, r"channels: expected slots with a choice of widths \(conv1, conv2\), got 'conv9'"),
        ({"modules": {"conv9": "x"}}, "modules: expected slots .* got 'conv9'"),
        ({"pruning_ratio": 1}, "pruning_ratio: expected a share from 0 to under 1, got 1"),
        ({"pruning_ratio": "half"}, "pruning_ratio: .* got 'half'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        SMALL.export("torch_pruning", **options)


def test_a_width_above_the_layer_s_own_is_refused() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=32, kernel=3)
    space = space_of(Slot("conv1", base, {"out_channels": (16, 32, 64)}))
    with pytest.raises(InvalidInputError, match="slot 'conv1', out_channels: Torch-Pruning widens no layer, and 64"):
        PrunedSpace(space, space, (), ()).export("torch_pruning")


@pytest.mark.parametrize("step", [1, 8])
def test_torch_pruning_prunes_to_exactly_these_widths(step: int) -> None:
    reason = "pip install torch torch-pruning to test against Torch-Pruning"
    torch = pytest.importorskip("torch", reason=reason)
    tp = pytest.importorskip("torch_pruning", reason=reason)
    for k1, k2 in [(8, 96), (32, 40), (16, 8), (24, 56)] + ([(1, 7), (9, 4), (31, 95)] if step == 1 else []):
        pruned = chain((32, range(step, 33, step)), (96, range(step, 97, step)))
        data = pruned.export("torch_pruning", channels={"conv1": k1, "conv2": k2}, modules={"conv1": "0", "conv2": "3"})
        assert data["round_to"] == (None if step == 1 else 8)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3),
            torch.nn.BatchNorm2d(32),
            torch.nn.Conv2d(32, 32, 3, groups=32),
            torch.nn.Conv2d(32, 96, 1),
            torch.nn.Conv2d(96, 10, 1),
        )
        modules = dict(net.named_modules())
        data["pruning_ratio_dict"] = {modules[name]: ratio for name, ratio in data["pruning_ratio_dict"].items()}
        pruner = tp.pruner.MagnitudePruner(
            net, torch.zeros(1, 3, 8, 8), tp.importance.MagnitudeImportance(), ignored_layers=[net[4]], **data
        )
        pruner.step()
        assert [module.out_channels for i, module in enumerate(net) if i != 1] == [k1, k1, k2, 10]

"""ModelOpt's search space has exactly the widths left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from tests.pruned import chain, chains

NORMS = {"conv1": "1", "conv2": "4"}


@settings(max_examples=50, deadline=None)
@given(chains(own_width=True))
def test_ratios_give_exactly_the_widths_left(pruned: PrunedSpace) -> None:
    """ModelOpt rounds the product to the nearest multiple of the divisor."""
    norms = {slot.name: f"{slot.name}.bn" for slot in pruned.space.slots}
    rules = pruned.export("modelopt", norms=norms)["nn.BatchNorm2d"]
    assert [*rules] == ["*", *norms.values()]  # the last rule that matches a module wins
    for slot in pruned.space.slots:
        rule = rules[f"{slot.name}.bn"]
        found = {int(slot.base.out_channels * ratio + 0.5) for ratio in rule["features_ratio"]}
        assert found == set(slot.choices["out_channels"])
        assert rule["feature_divisor"] == 1


@given(st.integers(2, 16), st.integers(1, 8), st.integers(1, 8))
def test_all_multiples_of_one_number_become_one_divisor(divisor: int, first: int, second: int) -> None:
    widths = [divisor * first + 1, divisor * (second + 1)]
    found = chain(*((width, {*range(divisor, width, divisor), width}) for width in widths)).export("modelopt")
    rules = {kind: rule["*"] for kind, rule in found.items()}
    features = {"feature_divisor": divisor, "features_ratio": None}
    conv = {"channel_divisor": divisor, "channels_ratio": None, "kernel_size": []}
    assert rules == {"nn.Conv2d": conv, "nn.BatchNorm2d": features, "nn.Linear": features}


@pytest.mark.parametrize(
    ("layers", "options", "words"),
    [
        ([(32, (8, 24, 32))], {}, "slot 'conv1', out_channels: .* one divisor .* norms="),
        ([(32, (8, 16, 24, 32)), (64, (16, 32, 48, 64))], {}, "slot 'conv2', out_channels: .* one divisor"),
        ([(32, (32,))], {}, "slot 'conv1', out_channels: .* one divisor"),
        ([(32, (8, 16))], {"norms": {"conv1": "bn"}}, "slot 'conv1', .* own width, 32, which was removed"),
        ([(32, (8, 32)), (32, (8, 32))], {"norms": {"conv1": "bn"}}, "slot 'conv2', .* the name of its batch norm"),
        ([(32, (8, 32))], {"norms": {"conv1": "bn", "conv9": "bn"}}, "norms: expected slots .* got 'conv9'"),
    ],
)
def test_spaces_that_modelopt_cannot_take_are_refused(layers: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        chain(*layers).export("modelopt", **options)


@pytest.mark.parametrize("mode", ["fastnas", "autonas"])
@pytest.mark.parametrize(
    ("first", "second", "norms"),
    [
        ((9, 16, 32), (25, 40, 64), NORMS),
        ((8, 16, 32), (64,), NORMS),
        ((8, 16, 24, 32), (8, 16, 24, 32, 40, 48, 56, 64), None),
    ],
)
def test_modelopt_has_exactly_these_widths(
    mode: str, first: tuple[int, ...], second: tuple[int, ...], norms: dict[str, str] | None
) -> None:
    reason = "pip install torch nvidia-modelopt to test against ModelOpt"
    torch = pytest.importorskip("torch", reason=reason)
    nas = pytest.importorskip("modelopt.torch.nas", reason=reason)
    config = chain((32, first), (64, second)).export("modelopt", norms=norms)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3),
        torch.nn.BatchNorm2d(32),
        torch.nn.Conv2d(32, 32, 3, groups=32),
        torch.nn.Conv2d(32, 64, 1),
        torch.nn.BatchNorm2d(64),
        torch.nn.Conv2d(64, 10, 1),
    )
    found = nas.convert(net, mode=[(mode, config)])
    assert tuple(found[0].get_hparam("out_channels").choices) == first
    assert tuple(found[2].get_hparam("in_channels").choices) == first
    assert tuple(found[3].get_hparam("out_channels").choices) == second

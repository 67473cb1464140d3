"""BootstrapNAS makes exactly the widths left elastic."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from tests.pruned import chain, chains


def width_of(config: dict[str, dict[str, dict[str, dict[str, dict[str, list[list[object]]]]]]]) -> dict[str, object]:
    return dict(config["bootstrapNAS"]["training"]["elasticity"]["width"])


@settings(max_examples=50, deadline=None)
@given(chains(own_width=True))
def test_each_group_lists_its_widths_in_descending_order(pruned: PrunedSpace) -> None:
    found = width_of(pruned.export("nncf"))
    left = [slot.choices["out_channels"] for slot in pruned.space.slots]
    assert found["overwrite_groups_widths"] == [sorted(values, reverse=True) for values in left]
    assert found["overwrite_groups"] == [[slot.name] for slot in pruned.space.slots]


def test_groups_have_the_given_names_of_nncf_s_graph() -> None:
    pruned = chain((32, (16, 32)), (64, (64,)))
    found = width_of(pruned.export("nncf", nodes={"conv1": ["Net/NNCFConv2d[a]/conv2d_0", "b"], "conv2": "c"}))
    assert found["overwrite_groups"] == [["Net/NNCFConv2d[a]/conv2d_0", "b"], ["c"]]


def test_a_layer_without_its_own_width_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="slot 'conv2', out_channels: .* own width, 64, which was removed"):
        chain((32, (8, 32)), (64, (8, 16))).export("nncf")
    with pytest.raises(InvalidInputError, match="nodes: expected slots .* got 'conv9'"):
        chain((32, (8, 32))).export("nncf", nodes={"conv9": "x"})


def test_bootstrapnas_makes_exactly_these_widths_elastic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNCF_TORCH_LEGACY_TRACING", "1")  # NNCF 2.18 and 2.19 need it
    reason = "pip install torch 'nncf<3' to test against BootstrapNAS"
    torch = pytest.importorskip("torch", reason=reason)
    nas = pytest.importorskip("nncf.experimental.torch.nas.bootstrapNAS", reason=reason)
    from nncf import NNCFConfig
    from nncf.torch.model_creation import create_nncf_network

    nodes = {f"conv{i}": f"Sequential/NNCFConv2d[{i - 1}]/conv2d_0" for i in (1, 2)}
    config = chain((32, (9, 16, 32)), (64, (25, 40, 64))).export("nncf", nodes=nodes)
    config["bootstrapNAS"]["training"]["batchnorm_adaptation"] = {"num_bn_adaptation_samples": 0}
    config["input_info"] = {"sample_size": [1, 3, 8, 8]}
    layers = [torch.nn.Conv2d(3, 32, 3), torch.nn.Conv2d(32, 64, 1), torch.nn.Conv2d(64, 10, 1)]
    parsed = NNCFConfig.from_dict(config)
    net = create_nncf_network(torch.nn.Sequential(*layers), parsed)
    control = nas.EpochBasedTrainingAlgorithm.from_config(net, parsed).elasticity_ctrl
    found = control.multi_elasticity_handler.width_handler.get_search_space()
    assert found == {0: [32, 16, 9], 1: [64, 40, 25]}

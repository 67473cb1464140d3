"""The shipped spaces have the layers and sizes of their papers."""

from __future__ import annotations

import math

import pytest

from nnbehave.design.space import load_space, shipped_spaces


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_shipped_space_loads_and_names_its_source(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert space.source
    assert all(sweep.layers for sweep in space.sweeps())


def test_conv_cout_is_the_setting_of_figure_4() -> None:
    (sweep,) = load_space("conv_cout").sweeps()
    assert sweep.dimension == "out_channels"
    assert {(x.op, x.height, x.width, x.in_channels, x.kernel, x.stride) for x in sweep.layers} == {
        ("conv", 28, 28, 320, 3, 1)
    }


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("metapruning_mobilenet_v1", 30 * 59 * 39**2 * 34**2 * 31**8),  # range(int(0.1·C), C + 1, max(1, int(0.03·C)))
        ("metapruning_mobilenet_v1_code", 30 * 31**12),  # 31 scales of 13 layers; two of them give 8 of 32
        ("mnasnet", 432**5),  # the paper's own number
        ("proxyless", 6**6 * 7**15),  # the first block of each of six stages cannot be skipped
        ("ofa_mobilenet_v3", (9**2 + 9**3 + 9**4) ** 5),  # the paper: more than 10^19
        ("conv_cout", 256),
        ("fig4_conv_cout", 998),
        ("fig6_blocks", 10),
        ("fig7_activations", 8),
        ("fig8_kernel", 4 * 3),
        ("fig_b3_dwconv", 998),
        ("fig_b5_blocks_by_stage", 6**5),
        ("table4_precision", 7**17),
        ("support", 7**40),
    ],
)
def test_a_shipped_space_has_the_size_computed_by_hand(name: str, size: int) -> None:
    assert load_space(name).size == size


def test_sizes_agree_with_those_published() -> None:
    found = {name: math.log10(load_space(name).size) for name in ("metapruning_mobilenet_v1", "mnasnet")}
    assert found["metapruning_mobilenet_v1"] == pytest.approx(21.42, abs=0.005)
    assert found["mnasnet"] == pytest.approx(13, abs=0.2)
    slots = load_space("metapruning_mobilenet_v1").slots
    candidates = [len(slot.choices["out_channels"]) for slot in slots if slot.choices]
    assert len(candidates) == 14
    assert candidates[0] == 30  # the study counts 30^14 = 10^20.68, as if all layers had as many
    assert math.log10(load_space("ofa_mobilenet_v3").size) > 19  # "more than 10^19"


def test_table_1_has_about_ten_thousand_layers_and_every_dimension() -> None:
    space = load_space("table1")
    assert len(space.layers) == 9_895
    paper = set("maxpool avgpool globalavgpool dense add concat multiply shuffle".split())
    paper |= set("relu relu6 sigmoid hardswish swish".split())
    paper |= set("conv dwconv dilated_conv group_conv mixconv".split())
    paper |= set("mobilenet_v1 mobilenet_v2 mobilenet_v2_se shufflenet_v1 shufflenet_v2 dense_block".split())
    assert paper <= {layer.op for layer in space.layers}
    swept = {sweep.dimension for sweep in space.sweeps()}
    assert swept >= {"kernel", "stride", "height", "in_channels", "out_channels", "precision", "batch", "groups"}
    assert swept >= {"dilation", "expansion", "activation"}

"""Once-for-All: its supernet samples exactly the values left, and its latency model finds its keys in the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from tests.pruned import pruned_to, results_of, some_of
from tests.rows import row

OFA = nb.load_space("ofa_mobilenet_v3")
BLOCKS = [slot.name for slot in OFA.slots if slot.choices]
BLOCK = nb.Layer(op="mobilenet_v2", height=8, in_channels=8, kernel=3, expansion=3)


@st.composite
def pruned_ofa(draw: st.DrawFn) -> PrunedSpace:
    values: dict[str, list[Any]] = {"kernel": [3, 5, 7], "expansion": [3, 4, 6]}
    names = draw(st.sets(st.sampled_from(BLOCKS), max_size=5))
    return pruned_to(OFA, {(name, d): draw(some_of(given)) for name in sorted(names) for d, given in values.items()})


def test_an_unpruned_space_has_the_lists_of_the_trained_supernet() -> None:
    found = pruned_to(OFA, {}).export("ofa")
    lists = {"ks_list": [3, 5, 7], "expand_list": [3, 4, 6], "depth_list": [2, 3, 4]}
    constraints = {"kernel_size": [[3, 5, 7]] * 20, "expand_ratio": [[3, 4, 6]] * 20, "depth": [[2, 3, 4]] * 5}
    assert found == {**lists, "constraints": constraints}
    assert {type(ratio) for ratios in found["constraints"]["expand_ratio"] for ratio in ratios} == {int}


@settings(max_examples=30, deadline=None)
@given(pruned_ofa())
def test_constraints_are_the_values_left_of_each_block(pruned: PrunedSpace) -> None:
    found = pruned.export("ofa")
    choices = pruned.choices()
    assert found["constraints"]["kernel_size"] == [choices[name]["kernel"] for name in BLOCKS]
    assert found["constraints"]["expand_ratio"] == [choices[name]["expansion"] for name in BLOCKS]
    assert set(found["ks_list"]) == {value for name in BLOCKS for value in choices[name]["kernel"]}


def test_a_block_without_a_choice_has_its_own_value() -> None:
    slots = (Slot("a", BLOCK, {"kernel": (3, 5)}), Slot("b", BLOCK))
    found = pruned_to(Space("some", (Stage("s", slots, (1, 2)),)), {}).export("ofa")
    constraints = {"kernel_size": [[3, 5], [3]], "expand_ratio": [[3], [3]], "depth": [[1, 2]]}
    assert found == {"ks_list": [3, 5], "expand_list": [3], "depth_list": [1, 2], "constraints": constraints}


CONV = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([Stage("s", (Slot("a", BLOCK, {"kernel": (3,)}),))], "within stages with a choice of depth, and there are"),
        ([Stage("s", (Slot("a", CONV, {"kernel": (3,)}),), (1,))], "slot 'a', op: .* not conv"),
        (
            [Stage("s", (Slot("a", BLOCK, {"out_channels": (8, 9)}),), (1,))],
            "slot 'a', out_channels: .* chooses kernel",
        ),
        ([Stage("s", (Slot("a", BLOCK, {}, {"skip": (0, 1)}),), (1,))], "slot 'a', skip"),
        ([Stage("s", (Slot("a", BLOCK, optional=True),), (1,))], "slot 'a', optional"),
        ([Stage("s", (Slot("a", BLOCK, {"expansion": (3.0, 4.5)}),), (1,))], "slot 'a', expansion: .* not 4.5"),
        (
            [Stage("s", (Slot("a", BLOCK), Slot("b", BLOCK)), (1, 2)), Stage("t", (Slot("c", BLOCK),), (1,))],
            "stage 't', depth: .* the greatest depth, 2, and this one has 1",
        ),
        (
            [Stage("s", (Slot("a", BLOCK),), (1,)), Stage("t", (Slot("c", BLOCK, {"kernel": (3, 5)}),))],
            "slot 'c', kernel: .* only in stages with a choice of depth",
        ),
    ],
)
def test_spaces_of_another_form_are_refused(stages: list[Stage], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        pruned_to(Space("other", tuple(stages)), {}).export("ofa")


def test_the_supernet_samples_exactly_the_values_left() -> None:
    reason = "pip install torch torchvision ofa to test against Once-for-All"
    networks = pytest.importorskip("ofa.imagenet_classification.elastic_nn.networks", reason=reason)
    keep: dict[tuple[str, str], list[Any]] = {("stage1_1", "kernel"): [7], ("stage5_4", "kernel"): [3, 7]}
    keep |= {("stage2_1", "expansion"): [3, 6]}
    stages = tuple(replace(stage, depth=(2, 4) if stage.depth else None) for stage in OFA.stages)
    found = pruned_to(replace(OFA, stages=stages), keep).export("ofa")
    net = networks.OFAMobileNetV3(ks_list=[3, 5, 7], expand_ratio_list=[3, 4, 6], depth_list=[2, 3, 4])
    for kind, values in found["constraints"].items():
        net.set_constraint(values, kind)
    seen: dict[str, list[set[int]]] = {"ks": [set()] * 20, "e": [set()] * 20, "d": [set()] * 5}
    for _ in range(200):
        for name, values in net.sample_active_subnet().items():
            seen[name] = [old | {value} for old, value in zip(seen[name], values, strict=True)]
    expected = zip(("ks", "e", "d"), found["constraints"].values(), strict=True)
    assert seen == {name: [set(values) for values in lists] for name, lists in expected}


def test_the_encoder_takes_the_three_lists() -> None:
    encoders = pytest.importorskip(
        "ofa.nas.accuracy_predictor", reason="pip install torch torchvision ofa to test against Once-for-All"
    )
    found = pruned_to(OFA, {(name, "kernel"): [5, 7] for name in BLOCKS}).export("ofa")
    lists = {name: values for name, values in found.items() if name != "constraints"}
    encoder = encoders.MobileNetArchEncoder(**lists)
    drawn = {kernel for _ in range(20) for kernel in encoder.random_sample_arch()["ks"]}
    assert drawn == {5, 7}


# ---------------------------------------------------------------------- latency tables


def table_of(*layers: nb.Layer) -> nb.LatencyTable:
    return nb.LatencyTable.from_results(results_of(row(layer, 1.0) for layer in layers))


def test_every_layer_of_the_space_has_its_key(tmp_path: Path) -> None:
    """The keys are as in its code, for the first block of a stage and for one with a shortcut, SE and hard swish."""
    layers = OFA.unrolled().layers
    made = table_of(*layers).export("ofa", tmp_path / "224_lookup_table.yaml")
    assert yaml.safe_load((tmp_path / "224_lookup_table.yaml").read_text()) == made
    assert "Conv-input:224x224x3-output:112x112x16" in made
    first = "expanded_conv-input:112x112x16-output:56x56x24-expand:48-kernel:3-stride:2-idskip:0-se:0-hs:0"
    later = "expanded_conv-input:14x14x112-output:14x14x112-expand:672-kernel:5-stride:1-idskip:1-se:1-hs:1"
    fields = {"in_channels": 16, "out_channels": 24, "kernel": 3, "stride": 2, "activation": "relu", "expansion": 3}
    assert nb.Layer(op="mobilenet_v2", height=112, **fields) in layers
    assert made[first] == {"mean": 1.0, "std": 0.005, "count": 1}
    assert later in made
    assert len(made) == len(layers)


def test_the_layers_at_the_end_of_a_network_have_their_keys() -> None:
    """``Logits`` ends in the plain number of classes, as in its code."""
    layers = [
        nb.Layer(op="globalavgpool", height=7, in_channels=960),
        nb.Layer(op="conv", height=1, in_channels=960, out_channels=1280, kernel=1, activation="hardswish"),
        nb.Layer(op="dense", in_channels=1280, out_channels=1000),
    ]
    assert list(table_of(*layers).export("ofa")) == [
        "AvgPool2D-input:7x7x960-output:1x1x960",
        "Conv_2-input:1x1x960-output:1x1x1280",
        "Logits-input:1x1x1280-output:1000",
    ]


@pytest.mark.parametrize("changes", [{"precision": "int8"}, {"kernel": 5}, {"activation": "relu"}])
def test_two_layers_with_the_same_key_are_refused_with_their_names(changes: dict[str, object]) -> None:
    other = CONV.replace(**changes)
    with pytest.raises(InvalidInputError, match=f"calls {CONV.id} and {other.id} the same, Conv-input:8x8x8"):
        table_of(CONV, other).export("ofa")


@pytest.mark.parametrize("changes", [{"batch": 4}, {"activation": "swish"}, {"op": "dwconv"}])
def test_layers_that_its_networks_do_not_have_are_refused_with_their_names(changes: dict[str, object]) -> None:
    layer = CONV.replace(**changes)
    with pytest.raises(InvalidInputError, match=f"have no layer like {layer.id}"):
        table_of(layer).export("ofa")

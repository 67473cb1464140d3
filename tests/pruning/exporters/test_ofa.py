"""Once-for-All's supernet samples exactly what is left of each block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from tests.pruned import pruned_to, some_of

OFA = nb.load_space("ofa_mobilenet_v3")
BLOCKS = [slot.name for slot in OFA.slots if slot.choices]
BLOCK = nb.Layer(op="mobilenet_v2", height=8, in_channels=8, kernel=3, expansion=3)


@st.composite
def pruned_ofa(draw: st.DrawFn) -> PrunedSpace:
    values: dict[str, list[Any]] = {"kernel": [3, 5, 7], "expansion": [3, 4, 6]}
    names = draw(st.sets(st.sampled_from(BLOCKS), max_size=5))
    return pruned_to(OFA, {(name, d): draw(some_of(given)) for name in sorted(names) for d, given in values.items()})


def test_what_is_whole_has_the_lists_that_it_was_trained_with() -> None:
    found = pruned_to(OFA, {}).export("ofa")
    lists = {"ks_list": [3, 5, 7], "expand_list": [3, 4, 6], "depth_list": [2, 3, 4]}
    constraints = {"kernel_size": [[3, 5, 7]] * 20, "expand_ratio": [[3, 4, 6]] * 20, "depth": [[2, 3, 4]] * 5}
    assert found == {**lists, "constraints": constraints}
    assert {type(ratio) for ratios in found["constraints"]["expand_ratio"] for ratio in ratios} == {int}


@settings(max_examples=30, deadline=None)
@given(pruned_ofa())
def test_constraints_are_what_is_left_of_each_block(pruned: PrunedSpace) -> None:
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
def test_what_has_another_form_is_refused(stages: list[Stage], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        pruned_to(Space("other", tuple(stages)), {}).export("ofa")


def test_the_supernet_samples_exactly_what_is_left() -> None:
    reason = "pip install torch torchvision ofa to test against Once-for-All"
    networks = pytest.importorskip("ofa.imagenet_classification.elastic_nn.networks", reason=reason)
    keep: dict[tuple[str, str], list[Any]] = {("stage1_1", "kernel"): [7], ("stage5_4", "kernel"): [3, 7]}
    keep |= {("stage2_1", "expansion"): [3, 6]}
    pruned = pruned_to(OFA, keep)
    stages = [replace(stage, depth=(2, 4) if stage.depth else None) for stage in pruned.space.stages]
    found = replace(pruned, space=replace(pruned.space, stages=tuple(stages))).export("ofa")
    net = networks.OFAMobileNetV3(ks_list=[3, 5, 7], expand_ratio_list=[3, 4, 6], depth_list=[2, 3, 4])
    for kind, values in found["constraints"].items():
        net.set_constraint(values, kind)
    seen: dict[str, list[set[int]]] = {"ks": [set()] * 20, "e": [set()] * 20, "d": [set()] * 5}
    for _ in range(200):
        for name, values in net.sample_active_subnet().items():
            seen[name] = [old | {value} for old, value in zip(seen[name], values, strict=True)]
    expected = zip(("ks", "e", "d"), found["constraints"].values(), strict=True)
    assert seen == {name: [set(values) for values in lists] for name, lists in expected}


def test_its_encoder_takes_the_three_lists() -> None:
    encoders = pytest.importorskip(
        "ofa.nas.accuracy_predictor", reason="pip install torch torchvision ofa to test against Once-for-All"
    )
    found = pruned_to(OFA, {(name, "kernel"): [5, 7] for name in BLOCKS}).export("ofa")
    lists = {name: values for name, values in found.items() if name != "constraints"}
    encoder = encoders.MobileNetArchEncoder(**lists)
    drawn = {kernel for _ in range(20) for kernel in encoder.random_sample_arch()["ks"]}
    assert drawn == {5, 7}

"""The indices stand for exactly the channels left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from tests.pruned import chain, pruned_to, some_of

CODE = nb.load_space("metapruning_mobilenet_v1_code")
SCALES: list[float] = []  # computed as in its code
for i in range(31):
    SCALES += [(10 + i * 3) / 100]


def test_the_four_candidates_left_of_the_paper_have_their_indices() -> None:
    assert chain((32, (8, 16, 24, 32))).export("metapruning") == {"conv1": [5, 14, 22, 30]}


@given(st.data())
def test_indices_give_exactly_the_channels_left(data: st.DataObject) -> None:
    width = data.draw(st.integers(10, 2048))
    left = data.draw(some_of(sorted({int(width * scale) for scale in SCALES})))
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=width, kernel=3)
    pruned = pruned_to(Space("one", (Stage("s", (Slot("a", base, {"out_channels": tuple(left)}),)),)), {})
    indices = pruned.export("metapruning")["a"]
    assert [int(width * SCALES[index]) for index in indices] == left


def test_the_shipped_space_has_the_candidates_of_its_code() -> None:
    """Thirteen layers have a choice; the last keeps its width. Two indices give 8 of the first layer's 32 channels."""
    slots = [slot for slot in CODE.slots if slot.choices]
    assert [slot.base.out_channels for slot in slots] == [32, 64, 128, 128, 256, 256, *[512] * 6, 1024]
    for slot in slots:
        given = {int(slot.base.out_channels * scale) for scale in SCALES}
        assert slot.choices["out_channels"] == tuple(sorted(given))
    assert CODE.size == 30 * 31**12
    indices = pruned_to(CODE, {}).export("metapruning")
    assert indices["conv1"] == [i for i in range(31) if i != 6]
    assert all(indices[slot.name] == [*range(31)] for slot in slots[1:])


def test_channels_without_an_index_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="slot 'conv1', out_channels: .* no scale that makes 15 of 128"):
        chain((128, (12, 15))).export("metapruning")
    whole = pruned_to(nb.load_space("metapruning_mobilenet_v1"), {})
    with pytest.raises(InvalidInputError, match="slot 'conv2', .* 7 of 64 channels .*metapruning_mobilenet_v1_code"):
        whole.export("metapruning")

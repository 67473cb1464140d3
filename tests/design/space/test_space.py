"""Spaces are built in Python, counted, swept, written and read back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage, parse_space, space_from_document, space_to_document
from nnbehave.errors import InvalidInputError, SpaceError


@st.composite
def slots(draw: st.DrawFn, name: str) -> Slot:
    base = nb.Layer(op="conv", height=draw(st.integers(1, 30)), in_channels=8, out_channels=8, kernel=1)
    dimensions = draw(st.sets(st.sampled_from(["in_channels", "out_channels", "kernel", "stride"]), max_size=3))
    numbers = st.lists(st.integers(1, 200), min_size=1, max_size=6, unique=True).map(tuple)
    choices = {dimension: draw(numbers) for dimension in sorted(dimensions)}
    unmeasured = draw(st.dictionaries(st.sampled_from(["skip", "repeats"]), numbers, max_size=2))
    return Slot(name, base, choices, unmeasured, draw(st.booleans()))


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    stages = []
    for i in range(draw(st.integers(1, 3))):
        found = tuple(draw(slots(f"s{i}_{j}")) for j in range(draw(st.integers(1, 3))))
        depths = st.lists(st.integers(1, len(found)), min_size=1, unique=True).map(tuple)
        stages.append(Stage(f"stage{i}", found, draw(st.none() | depths)))
    return Space("drawn", tuple(stages), draw(st.sampled_from(["", "a paper"])))


@given(spaces())
def test_a_space_is_read_back_from_its_yaml(space: Space) -> None:
    assert parse_space(space.to_yaml()) == space


@given(spaces())
def test_a_space_is_rebuilt_from_its_plain_data(space: Space) -> None:
    document = json.loads(json.dumps(space_to_document(space)))
    assert space_from_document(document) == space


def test_a_mistake_in_plain_data_is_reported_with_its_place() -> None:
    with pytest.raises(SpaceError, match=r"^saved: slots\.0\.base: missing$"):
        space_from_document({"name": "x", "slots": [{"name": "a"}]}, "saved")
    with pytest.raises(SpaceError, match="^space: space: input should be a valid dictionary"):
        space_from_document([])


def test_numpy_values_become_python_values() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=1)
    slot = Slot("a", base, {"out_channels": tuple(np.arange(1, 4))}, {"skip": tuple(np.arange(2))})
    assert {type(value) for value in (*slot.choices["out_channels"], *slot.unmeasured["skip"])} == {int}


@given(spaces())
def test_sweeps_vary_one_dimension_and_fix_the_rest(space: Space) -> None:
    bases = {slot.name: slot.base for slot in space.slots}
    for sweep in space.sweeps():
        others = {layer.replace(**{sweep.dimension: 1}) for layer in sweep.layers}
        assert others == {bases[sweep.slot].replace(**{sweep.dimension: 1})}
        assert tuple(getattr(layer, sweep.dimension) for layer in sweep.layers) == sweep.values


@given(spaces())
def test_size_is_the_number_of_different_networks(space: Space) -> None:
    counts = []
    for stage in space.stages:
        networks = 0
        for depth in stage.depth or (len(stage.slots),):
            ways = 1
            for slot in stage.slots[:depth]:
                ways *= len(_product([*slot.choices.values(), *slot.unmeasured.values()])) + slot.optional
            networks += ways
        counts.append(networks)
    expected = 1
    for count in counts:
        expected *= count
    assert space.size == expected
    assert type(space.size) is int


def _product(choices: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(head, *tail) for head in choices[0] for tail in _product(choices[1:])] if choices else [()]


def test_the_size_of_a_stage_is_the_sum_over_its_depths() -> None:
    text = """
name: deep
stages:
  - name: one
    depth: [1, 2]
    slots:
      - {name: a, base: {op: dwconv, height: 7, in_channels: 8, kernel: 3}, choices: {kernel: [3, 5, 7]}}
      - {name: b, base: {op: dwconv, height: 7, in_channels: 8, kernel: 3}, choices: {kernel: [3, 5, 7]}}
"""
    assert parse_space(text).size == 3 + 3**2


def test_a_space_of_one_layer_checks_its_values() -> None:
    layer = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)
    assert Space.from_layer(layer, "kernel", [1, 3]).size == 2
    with pytest.raises(InvalidInputError):
        Space.from_layer(layer, "groups", [1, 2])
    with pytest.raises(InvalidInputError, match="must have 1 value or more, got none"):
        Space.from_layer(layer, "kernel", [])


def test_among_keeps_only_the_given_values() -> None:
    space = nb.load_space("quickstart")
    some = space.among(range(8, 65, 8))
    assert [sweep.values for sweep in some.sweeps()] == [(8, 16, 24, 32, 40, 48, 56, 64)]
    assert some.name == space.name
    with pytest.raises(InvalidInputError, match="slot 'conv' has choices of out_channels from 1 to 128, got none"):
        space.among([1000])


def test_two_slots_of_one_name_are_refused_in_python_too() -> None:
    slot = Slot("conv", nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3))
    with pytest.raises(InvalidInputError, match="space 'twice': .* two slots are called 'conv'"):
        Space("twice", (Stage("one", (slot,)), Stage("two", (slot,))))


def test_numpy_depths_become_python_integers() -> None:
    slot = Slot("conv", nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3))
    stage = Stage("one", (slot,), tuple(np.array([1])))
    assert stage.depth == (1,)
    assert type(stage.depth[0]) is int

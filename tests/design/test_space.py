from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.operators import OPERATORS
from nnbehave.design.space import (
    Slot,
    Space,
    Stage,
    load_space,
    parse_space,
    shipped_spaces,
    space_from_document,
    space_to_document,
)
from nnbehave.errors import InvalidInputError, SpaceError
from tests.strategies import sample

GOOD = """\
name: two
source: nowhere
slots:
  - name: first
    base: {op: conv, height: 14, in_channels: 8, out_channels: 8, kernel: 3}
    choices:
      out_channels: {low: 2, high: 10, step: 2}
      kernel: [1, 3]
  - name: second
    base: {op: dwconv, height: 14, in_channels: 8, kernel: 3}
    choices:
      in_channels: [8, 16, 24]
"""


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


def test_a_space_file_gives_its_slots_and_sweeps() -> None:
    space = parse_space(GOOD)
    assert (space.name, space.source, space.size) == ("two", "nowhere", 5 * 2 * 3)
    assert [(s.slot, s.dimension, s.values) for s in space.sweeps()] == [
        ("first", "out_channels", (2, 4, 6, 8, 10)),
        ("first", "kernel", (1, 3)),
        ("second", "in_channels", (8, 16, 24)),
    ]
    assert [layer.out_channels for layer in space.sweeps()[2].layers] == [8, 16, 24]


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


TIED = """\
name: tied
slots:
  - name: stem
    base: {op: conv, height: 8, in_channels: 3, out_channels: 12, kernel: 3}
    choices: {out_channels: [4, 8, 12]}
  - name: next
    each:
      - {op: [dwconv, maxpool], kernel: [3, 5]}
      - {op: avgpool, kernel: 7}
    base: {height: 8, in_channels: previous}
    optional: true
    unmeasured: {skip: [a, b]}
    choices: {stride: [1, 2, 4]}
"""


def test_each_takes_ranges_and_yaml_merges_may_be_nested() -> None:
    text = (
        "name: x\nslots:\n  - {name: s, each: {height: {low: 2, high: 6, step: 2}}, base: {op: relu, in_channels: 1}}"
    )
    assert [slot.base.height for slot in parse_space(text).slots] == [2, 4, 6]
    text = """
name: x
slots:
  - {name: a, base: &a {op: conv, height: 8, in_channels: 3, out_channels: 12, kernel: 3}}
  - {name: b, base: &b {<<: *a, kernel: 5}}
  - {name: c, base: {<<: *b, height: 9}}
"""
    assert [(slot.base.kernel, slot.base.height) for slot in parse_space(text).slots] == [(3, 8), (5, 8), (5, 9)]


def test_each_previous_optional_and_unmeasured_make_slots_and_count() -> None:
    space = parse_space(TIED)
    names = ["stem", "next_dwconv_k3", "next_dwconv_k5", "next_maxpool_k3", "next_maxpool_k5", "next_avgpool_k7"]
    assert [slot.name for slot in space.slots] == names
    assert [slot.follows for slot in space.slots] == [False] + [True] * 5
    assert {slot.base.in_channels for slot in space.slots[1:]} == {12}
    assert space.size == 3 * (3 * 2 + 1) ** 5
    assert {sweep.dimension for sweep in space.sweeps()} == {"out_channels", "stride"}
    assert parse_space(space.to_yaml()) == space


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("in_channels: 3", "in_channels: previous", 4, "slots.0.base.in_channels: 'previous': there is no slot before"),
        ("kernel: [3, 5]}", "kernel: [3, x]}", 7, "slots.1.each.kernel: input should be a valid integer, got 'x'"),
        ("choices: {stride", "choices: {in_channels: [1, 2], stride", 13, "no choice beside in_channels: previous"),
        ("{skip: [a, b]}", "{skip: []}", 12, "must be a list of different values, got []"),
        ("{skip: [a, b]}", "{skip: [a, a]}", 12, "must be a list of different values, got ['a', 'a']"),
        ("{skip: [a, b]}", "{skip: [[1], [2]]}", 12, "slots.1.unmeasured.skip.0"),
        ("{skip: [a, b]}", "{[a]: [1]}", 12, "unhashable"),
        ("kernel: [3, 5]}", "kernel: []}", 8, "must have 1 value or more, got an empty list"),
        ("optional: true", "optional: perhaps", 11, "valid boolean"),
        ("op: avgpool, kernel: 7", "op: maxpool, kernel: 3", 1, "two slots are called 'next_maxpool_k3'"),
    ],
)
def test_a_mistake_in_a_tied_slot_is_reported_with_its_line(old: str, new: str, line: int, says: str) -> None:
    assert old in TIED
    with pytest.raises(SpaceError) as caught:
        parse_space(TIED.replace(old, new, 1), "f")
    assert any(entry.startswith(f"f:{line}: ") and says in entry for entry in str(caught.value).splitlines())


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_every_operator_refuses_the_dimensions_that_it_lacks(op: str) -> None:
    operator = OPERATORS[op]
    base = sample(op).fields()
    has = (*operator.required, *operator.optional)
    for dimension in {"kernel", "stride", "groups", "dilation", "expansion", "nonsense"} - set(has):
        text = yaml.safe_dump({"name": "x", "slots": [{"name": "s", "base": base, "choices": {dimension: [2]}}]})
        with pytest.raises(SpaceError) as caught:
            parse_space(text, "f")
        (said,) = str(caught.value).splitlines()
        assert f"slots.0.choices.{dimension}: " in said
        assert f"operator {op!r} has no such dimension, only {', '.join(has)}" in said


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_every_operator_refuses_impossible_sizes(op: str) -> None:
    for field in OPERATORS[op].required:
        for wrong in (0, -1, 2.5, "many", None):
            base = {**sample(op).fields(), field: wrong}
            text = yaml.safe_dump({"name": "x", "slots": [{"name": "s", "base": base}]})
            with pytest.raises(SpaceError, match=rf"f:\d+: slots\.0\.base\.{field}: .*got"):
                parse_space(text, "f")


def test_the_base_of_a_slot_without_choices_is_measured() -> None:
    space = parse_space(TIED.replace("choices: {out_channels: [4, 8, 12]}", "choices: {}"))
    assert space.slots[0].base in space.layers


def test_a_space_is_written_to_a_path_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    parse_space(GOOD).to_yaml(path)
    assert load_space(path) == load_space(str(path)) == parse_space(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("op: conv", "op: conf", 5, "slots.0.base.op: unknown operator 'conf'; did you mean conv"),
        ("height: 14, in_channels: 8, out_channels", "height: -14, in_channels: 8, out_channels", 5, "got -14"),
        ("kernel: 3}\n    choices:\n      out", "kernel: three}\n    choices:\n      out", 5, "got 'three'"),
        ("high: 10", "high: ten", 7, "slots.0.choices.out_channels.high"),
        ("high: 10", "high: 1", 7, "'high' must be at least 'low' (2), got 1"),
        ("high: 10", "hihg: 10", 7, "slots.0.choices.out_channels.hihg: no such key, only low, high, step"),
        ("kernel: [1, 3]", "groups: [1, 3]", 8, "operator 'conv' has no such dimension"),
        ("kernel: [1, 3]", "kernel: [1, -3]", 8, "-3: input should be greater"),
        ("kernel: [1, 3]", "kernel: [1, 1]", 8, "must have different values, got [1, 1]"),
        ("kernel: [1, 3]", "kernel: []", 8, "must be a list of values or {low, high, step}, got []"),
        ("in_channels: [8, 16, 24]", "out_channels: [8, 16]", 12, "16: must equal in_channels"),
        ("name: second", "nam: second", 9, "slots.1.name: missing"),
        ("name: second", "name: first", 1, "two slots are called 'first'"),
        ("name: two", "name: 2", 1, "valid string"),
        ("name: two", "name: two\nname: three", 2, "'name' is there twice"),
        ("slots:", "slot:", 3, "slot: no such key"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_key(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(SpaceError) as caught:
        parse_space(GOOD.replace(old, new, 1), "file.yaml")
    assert any(entry.startswith(f"file.yaml:{line}: ") and says in entry for entry in str(caught.value).splitlines())


def test_all_mistakes_are_reported_at_once() -> None:
    text = GOOD.replace("op: conv", "op: conf").replace("kernel: [1, 3]", "kernl: [1]").replace("[8, 16, 24]", "8")
    with pytest.raises(SpaceError) as caught:
        parse_space(text, "f")
    assert [entry.split(":")[1] for entry in str(caught.value).splitlines()] == ["5", "12"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "name: &a [*a]",
        "[" * 5000,
        "- a\n- b",
        "just words",
        "name: x",
        "a: [1",
        "\tx: 1",
        "x: !!python/object:os.x",
    ],
)
def test_a_text_that_holds_no_space_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        parse_space(text)


def test_binary_missing_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(SpaceError, match="not text"):
        load_space(tmp_path / "binary.yaml")
    with pytest.raises(SpaceError, match="no space 'nowhere'.*quickstart"):
        load_space("nowhere")
    with pytest.raises(SpaceError, match="directory"):
        load_space(tmp_path)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_random_text_gives_no_error_but_a_space_error(text: str) -> None:
    with pytest.raises(SpaceError):
        parse_space(text)


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

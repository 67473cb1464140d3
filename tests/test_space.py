from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError, SpaceError
from nnbehave.space import Slot, Space, Stage, load_space, parse_space, shipped_spaces

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
    return Slot(name, base, {dimension: draw(numbers) for dimension in sorted(dimensions)})


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    stages = []
    for i in range(draw(st.integers(1, 3))):
        found = tuple(draw(slots(f"s{i}_{j}")) for j in range(draw(st.integers(1, 3))))
        depths = st.lists(st.integers(1, len(found)), min_size=1, unique=True).map(tuple)
        stages.append(Stage(f"stage{i}", found, draw(st.none() | depths)))
    return Space("drawn", tuple(stages), draw(st.sampled_from(["", "a paper"])))


@given(spaces())
def test_a_space_survives_yaml(space: Space) -> None:
    assert parse_space(space.to_yaml()) == space


@given(spaces())
def test_sweeps_vary_one_dimension_and_fix_the_rest(space: Space) -> None:
    bases = {slot.name: slot.base for slot in space.slots}
    for sweep in space.sweeps():
        others = {layer.replace(**{sweep.dimension: 1}) for layer in sweep.layers}
        assert others == {bases[sweep.slot].replace(**{sweep.dimension: 1})}
        assert tuple(getattr(layer, sweep.dimension) for layer in sweep.layers) == sweep.values


@given(spaces())
def test_size_counts_every_network_once(space: Space) -> None:
    counts = []
    for stage in space.stages:
        networks = 0
        for depth in stage.depth or (len(stage.slots),):
            ways = 1
            for slot in stage.slots[:depth]:
                ways *= len([*_product(list(slot.choices.values()))])
            networks += ways
        counts.append(networks)
    expected = 1
    for count in counts:
        expected *= count
    assert space.size == expected
    assert type(space.size) is int


def _product(choices: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(head, *tail) for head in choices[0] for tail in _product(choices[1:])] if choices else [()]


def test_a_space_reads_as_written() -> None:
    space = parse_space(GOOD)
    assert (space.name, space.source, space.size) == ("two", "nowhere", 5 * 2 * 3)
    assert [(s.slot, s.dimension, s.values) for s in space.sweeps()] == [
        ("first", "out_channels", (2, 4, 6, 8, 10)),
        ("first", "kernel", (1, 3)),
        ("second", "in_channels", (8, 16, 24)),
    ]
    assert [layer.out_channels for layer in space.sweeps()[2].layers] == [8, 16, 24]


def test_depth_sums_over_the_ways_to_be_deep() -> None:
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


def test_a_path_is_read_and_written(tmp_path: Path) -> None:
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
        ("high: 10", "high: 1", 7, "'high' is below 'low'"),
        ("high: 10", "hihg: 10", 7, "slots.0.choices.out_channels.hihg: no such key"),
        ("kernel: [1, 3]", "groups: [1, 3]", 8, "operator 'conv' has no such dimension"),
        ("kernel: [1, 3]", "kernel: [1, -3]", 8, "-3: input should be greater"),
        ("kernel: [1, 3]", "kernel: [1, 1]", 8, "twice"),
        ("kernel: [1, 3]", "kernel: []", 8, "expected a list of values"),
        ("in_channels: [8, 16, 24]", "out_channels: [8, 16]", 12, "16: must equal in_channels"),
        ("name: second", "nam: second", 9, "slots.1.name: missing"),
        ("name: second", "name: first", 1, "two slots are called 'first'"),
        ("name: two", "name: 2", 1, "valid string"),
        ("name: two", "name: two\nname: three", 2, "'name' is there twice"),
        ("slots:", "slot:", 3, "slot: no such key"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(SpaceError) as caught:
        parse_space(GOOD.replace(old, new, 1), "file.yaml")
    assert any(entry.startswith(f"file.yaml:{line}: ") and says in entry for entry in str(caught.value).splitlines())


def test_all_mistakes_are_told_at_once() -> None:
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
def test_what_is_no_space_is_refused(text: str) -> None:
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
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(SpaceError):
        parse_space(text)


def test_a_space_of_one_layer_checks_its_values() -> None:
    layer = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)
    assert Space.from_layer(layer, "kernel", [1, 3]).size == 2
    with pytest.raises(InvalidInputError):
        Space.from_layer(layer, "groups", [1, 2])
    with pytest.raises(InvalidInputError, match="no values"):
        Space.from_layer(layer, "kernel", [])

"""Space files are read, and every mistake in them is reported with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.design.operators import OPERATORS
from nnbehave.design.space import load_space, parse_space
from nnbehave.errors import SpaceError
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


def test_a_space_file_gives_its_slots_and_sweeps() -> None:
    space = parse_space(GOOD)
    assert (space.name, space.source, space.size) == ("two", "nowhere", 5 * 2 * 3)
    assert [(s.slot, s.dimension, s.values) for s in space.sweeps()] == [
        ("first", "out_channels", (2, 4, 6, 8, 10)),
        ("first", "kernel", (1, 3)),
        ("second", "in_channels", (8, 16, 24)),
    ]
    assert [layer.out_channels for layer in space.sweeps()[2].layers] == [8, 16, 24]


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

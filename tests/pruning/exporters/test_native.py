"""nnbehave's own format of pruned spaces is read back without loss, this version's files and earlier ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from nnbehave.records import Environment
from tests.pruned import chain, pruned_spaces

FILES = Path(__file__).parents[2] / "data" / "version_0_1"
SMALL = chain((32, (8, 16, 24, 32)))
BASE = {"op": "conv", "height": 8, "in_channels": 8, "out_channels": 32, "kernel": 3}


def space_with(values: list[int]) -> dict[str, object]:
    slot = {"name": "conv1", "base": BASE, "choices": {"out_channels": values}}
    return {"name": "chain", "stages": [{"name": "all", "slots": [slot]}]}


@settings(max_examples=50, deadline=None)
@given(pruned=pruned_spaces(), suffix=st.sampled_from(["json", "yaml"]))
def test_a_pruned_space_is_read_back_without_loss(
    pruned: PrunedSpace, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("native") / f"space.{suffix}"
    pruned.export(suffix, file)
    loaded = nb.load_pruned_space(file)
    assert loaded == pruned
    assert (loaded.size, loaded.reduction) == (pruned.size, pruned.reduction)


def test_the_document_says_where_the_findings_come_from() -> None:
    here = {"machine": {"cpu": "some"}, "versions": {"ai-edge-litert": "2.3.0"}}
    data = replace(SMALL, environments={"a1": Environment(**here)}).export("json")
    provenance = {"platforms": ["tflite"], "rules": ["KeepPareto"], "environments": {"a1": here}}
    assert data["provenance"] == {"nnbehave": nb.__version__, **provenance}
    assert data["removals"][0]["values"][0] == [1, "8 is as fast", "0.1 ms at 1"]


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_pruned_spaces_of_version_0_1_are_read(suffix: str) -> None:
    found = nb.load_pruned_space(FILES / f"pruned.{suffix}")
    assert found.choices() == {"conv": {"out_channels": [4, 8, 12, 16, 20]}}
    assert (found.original.size, found.size) == (20, 5)
    assert {row.rule for row in found.removals} == {"KeepPareto"}
    assert sorted(row.value for row in found.removals) == [n for n in range(1, 21) if n % 4]
    (environment,) = found.environments.values()
    assert environment.machine["cpu"] == "AMD EPYC"
    assert environment.versions == {"simulated": "1"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "nnbehave.pruned_space version 2; this nnbehave reads pruned spaces of version 1"),
        ({"format": "nnbehave.card"}, "nnbehave.card version 1"),
        ({"space": None}, "is not a saved pruned space"),
        ({"original": {"name": "x", "slots": [{"name": "a"}]}}, "original: slots.0.base: missing"),
        ({"space": {"name": "chain", "slots": [{"name": "conv2", "base": BASE}]}}, "the slots and the choices of"),
        ({"space": space_with([8, 33])}, "slot 'conv1', out_channels: 33 is not in the original space"),
        ({"removals": [{"slot": "conv1"}]}, "is not a saved pruned space: 'dimension'"),
        ({"left_whole": 3}, "is not a saved pruned space"),
    ],
)
def test_other_documents_are_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    file = tmp_path / "space.json"
    file.write_text(json.dumps(SMALL.export("json") | change))
    with pytest.raises(InvalidInputError, match=words):
        nb.load_pruned_space(file)


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.yaml", "a: [b"), ("a.json", "[]"), ("a.yaml", "")])
def test_files_that_are_no_json_or_yaml_document_are_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match="is not a saved pruned space"):
        nb.load_pruned_space(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="No such file"):
        nb.load_pruned_space(tmp_path / "none.json")

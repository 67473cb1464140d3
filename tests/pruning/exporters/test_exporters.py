"""The exporters by name, their refusals, and their files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace, prune
from nnbehave.pruning.exporters import EXPORTERS, TABLE_EXPORTERS, Exporter, get_exporter
from nnbehave.pruning.exporters.choices import parameters
from tests.pruned import chain, pruned_spaces, pruned_to, results_of
from tests.rows import row

SMALL = chain((32, (8, 16, 24, 32)), (64, (16, 32, 64)))


class Shouting(Exporter):
    name = "shouting"
    suffixes = (".txt",)

    def convert(self, pruned: PrunedSpace, *, times: int = 1) -> str:
        return f"{pruned.space.name.upper()}{'!' * times}"

    def text(self, data: str) -> str:
        return data


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a plug-in with the exporter ``shouting``."""
    entries = [EntryPoint("Shouting", f"{__name__}:Shouting", "nnbehave.exporters")]
    monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.name])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries if "exporters" in group else [])
    EXPORTERS.forget_plug_ins()
    yield
    EXPORTERS.forget_plug_ins()


@pytest.mark.usefixtures("shouting")
def test_the_exporter_of_a_plug_in_exports_and_writes(tmp_path: Path) -> None:
    assert SMALL.export("shouting", tmp_path / "out.txt", times=2) == "CHAIN!!"
    assert (tmp_path / "out.txt").read_text() == "CHAIN!!"


def test_an_unknown_format_is_refused_with_the_near_names() -> None:
    with pytest.raises(InvalidInputError, match="unknown format 'optunna'; did you mean optuna"):
        SMALL.export("optunna")
    with pytest.raises(InvalidInputError, match="unknown format 'xyz'; did you mean json or yaml or .* or modelopt"):
        SMALL.export("xyz")
    with pytest.raises(InvalidInputError, match="no exporter for 'tfmot': .* takes no channel counts"):
        SMALL.export("tfmot")


def test_each_kind_of_exporter_has_its_own_names() -> None:
    """Once-for-All has a format of pruned spaces and one of latency tables."""
    assert {"json", "optuna", "ofa"} < EXPORTERS.all().keys()
    assert TABLE_EXPORTERS.all().keys() == {"ofa", "nn_meter"}


def test_an_unknown_option_is_refused_with_its_name() -> None:
    with pytest.raises(InvalidInputError, match="optuna: got an unexpected keyword argument 'colour'"):
        SMALL.export("optuna", colour="red")


@pytest.mark.parametrize("name", EXPORTERS.all())
def test_a_file_with_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=rf"{name} is written as \..*, not 'space.docx'"):
        get_exporter(name).export(SMALL, tmp_path / "space.docx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["json", "csv", "parquet", "ray"])
def test_a_file_that_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    file = tmp_path / "nowhere" / f"space{get_exporter(name).suffixes[0]}"
    with pytest.raises(InvalidInputError, match="cannot write .*: there is no folder .*nowhere"):
        SMALL.export(name, file)


def test_json_files_hold_the_returned_data(tmp_path: Path) -> None:
    for name in ("json", "optuna", "nni", "torch_pruning", "nncf"):
        data = SMALL.export(name, tmp_path / "space.json")
        assert json.loads((tmp_path / "space.json").read_text()) == data


def test_numpy_values_become_plain_ones() -> None:
    values: dict[str, Any] = {"out_channels": tuple(np.arange(8, 33, 8))}
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=32, kernel=3)
    space = Space("numpy", (Stage("all", (Slot("conv", base, values, {"repeats": tuple(np.arange(3))}),)),))
    pruned = pruned_to(space, {("conv", "out_channels"): (8, 32)})
    assert {type(value) for values in parameters(pruned).values() for value in values} == {int}
    assert json.loads(json.dumps(pruned.export("json"))) == pruned.export("json")


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_parameters_are_all_choices_of_a_network(pruned: PrunedSpace) -> None:
    """The product of a slot's lists is its size, apart from the choice to leave it out."""
    found = parameters(pruned)
    for stage in pruned.space.stages:
        assert found.get(f"{stage.name}.depth") == (list(stage.depth) if stage.depth else None)
        for slot in stage.slots:
            own = [values for name, values in found.items() if name.startswith(f"{slot.name}.")]
            assert np.prod([len(values) for values in own if values != [False, True]]) + slot.optional == slot.size


def test_two_choices_with_the_same_name_are_refused() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)
    slots = (Slot("a", base, {"kernel": (1, 3)}, {"b.kernel": (1,)}), Slot("a.b", base, {"kernel": (1, 3)}))
    pruned = pruned_to(Space("twice", (Stage("all", slots),)), {})
    with pytest.raises(InvalidInputError, match="two choices are called 'a.b.kernel'"):
        pruned.export("ray")


# ---------------------------------------------------------------------- latency tables


def test_a_latency_table_is_written_as_json_or_yaml(tmp_path: Path) -> None:
    table = nb.LatencyTable.from_results(results_of([row(CONV, 1.0)]))
    data = table.export("nn_meter", tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text()) == data
    table.export("nn_meter", tmp_path / "t.yaml")
    assert yaml.safe_load((tmp_path / "t.yaml").read_text()) == data
    with pytest.raises(InvalidInputError, match="nn_meter is written as .json or .yaml, not 't.txt'"):
        table.export("nn_meter", tmp_path / "t.txt")
    with pytest.raises(InvalidInputError, match="unknown latency table format 'nni'; did you mean ofa or nn_meter"):
        table.export("nni")


# ---------------------------------------------------------------------- tools that choose only widths

ONLY_WIDTHS = ("metapruning", "torch_pruning", "nncf", "modelopt")
CONV = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)


@pytest.mark.parametrize("name", ONLY_WIDTHS)
@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage("s", (Slot("a", CONV, {"kernel": (1, 3)}),)), "slot 'a', kernel"),
        (Stage("s", (Slot("a", CONV, {"in_channels": (4, 8)}),)), "slot 'a', in_channels"),
        (Stage("s", (Slot("a", CONV, {"out_channels": (8,)}, {"skip": (0, 1)}),)), "slot 'a', skip"),
        (Stage("s", (Slot("a", CONV, {"out_channels": (8,)}, optional=True),)), "slot 'a', optional"),
        (Stage("s", (Slot("a", CONV, {"out_channels": (8,)}), Slot("b", CONV)), (1, 2)), "stage 's', depth"),
        (Stage("s", (Slot("a", CONV),)), "chooses output channels, and 'one' has no choice"),
    ],
)
def test_other_choices_are_refused_with_their_slot_and_dimension(name: str, stage: Stage, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        pruned_to(Space("one", (stage,)), {}).export(name)


@pytest.mark.parametrize("name", ONLY_WIDTHS)
def test_a_choice_with_only_the_layer_s_own_value_left_is_accepted(name: str) -> None:
    space = Space("one", (Stage("s", (Slot("a", CONV, {"kernel": (1, 3), "out_channels": (4, 8)}),)),))
    pruned_to(space, {("a", "kernel"): (3,)}).export(name)
    with pytest.raises(InvalidInputError, match="slot 'a', kernel"):
        pruned_to(space, {("a", "kernel"): (1,)}).export(name)


# ---------------------------------------------------------------------- shipped spaces


@pytest.mark.parametrize(
    ("space", "taken_by"),
    [
        ("table1", ""),  # NNI has no None, and the other tools choose only output channels
        ("ofa_mobilenet_v3", "nni ofa"),
        ("metapruning_mobilenet_v1", "nni torch_pruning"),  # the layers' own widths are not among its candidates
        ("metapruning_mobilenet_v1_code", "nni torch_pruning metapruning nncf"),
    ],
)
def test_shipped_spaces_are_exported_to_the_tools_that_can_take_them(space: str, taken_by: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    n = np.arange(1, 1025)
    found = nb.detect_steps(n, 0.05 + 0.1 * np.ceil(n / 8), np.full(n.size, 1e-5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no finding is about the choices of Once-for-All
        pruned = prune(nb.load_space(space), found, dimension="out_channels")
    exported = set()
    for name, exporter in EXPORTERS.all().items():
        with suppress(InvalidInputError):
            pruned.export(name, tmp_path / f"out{exporter.suffixes[0]}")
            exported.add(name)
    assert exported == {*taken_by.split(), "json", "yaml", "space", "csv", "parquet", "optuna", "ray"}

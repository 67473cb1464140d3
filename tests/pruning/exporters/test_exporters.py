"""Exporters by name, what they refuse, and files."""

from __future__ import annotations

import json
import time
import warnings
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace, prune
from nnbehave.pruning.exporters import EXPORTERS, Exporter, get_exporter, registered_exporters
from nnbehave.pruning.exporters._base import parameters
from tests.pruned import chain, pruned_spaces, pruned_to

SMALL = chain((32, (8, 16, 24, 32)), (64, (16, 32, 64)))


class Shouting(Exporter):
    name = "shouting"
    suffixes = (".txt",)

    def convert(self, pruned: PrunedSpace, *, times: int = 1) -> str:
        return f"{pruned.space.name.upper()}{'!' * times}"

    def text(self, data: str) -> str:
        return data


def entry_points(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    entries = [EntryPoint(name, f"{__name__}:{name}", "nnbehave.exporters") for name in names]
    monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.name])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)


def test_a_plug_in_exports_and_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry_points(monkeypatch, "Shouting")
    assert SMALL.export("shouting", tmp_path / "out.txt", times=2) == "CHAIN!!"
    assert (tmp_path / "out.txt").read_text() == "CHAIN!!"


def test_a_broken_plug_in_warns_and_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points(monkeypatch, "Path", "Missing", "Shouting")
    with pytest.warns(UserWarning, match=r"'(Path|Missing)'.* is left out: ") as caught:
        assert [*registered_exporters()] == [*EXPORTERS, "shouting"]
    assert len(caught) == 2


def test_an_unknown_format_is_refused_with_the_near_names() -> None:
    with pytest.raises(InvalidInputError, match="unknown format 'optunna'; did you mean optuna"):
        SMALL.export("optunna")
    with pytest.raises(InvalidInputError, match="unknown format 'xyz'; did you mean json or yaml or .* or modelopt"):
        SMALL.export("xyz")
    with pytest.raises(InvalidInputError, match="no exporter for 'tfmot': .* takes no channel counts"):
        SMALL.export("tfmot")


def test_an_unknown_option_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInputError, match="optuna: got an unexpected keyword argument 'colour'"):
        SMALL.export("optuna", colour="red")


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_file_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=rf"{name} is written as \..*, not 'space.docx'"):
        get_exporter(name).export(SMALL, tmp_path / "space.docx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["json", "csv", "parquet", "ray"])
def test_a_file_that_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    file = tmp_path / "nowhere" / f"space{EXPORTERS[name].suffixes[0]}"
    with pytest.raises(InvalidInputError, match="cannot write .*: there is no folder .*nowhere"):
        SMALL.export(name, file)


def test_what_is_returned_is_what_json_files_hold(tmp_path: Path) -> None:
    for name in ("json", "optuna", "nni", "torch_pruning", "nncf"):
        data = SMALL.export(name, tmp_path / "space.json")
        assert json.loads((tmp_path / "space.json").read_text()) == data


def test_values_from_numpy_become_plain() -> None:
    values: dict[str, Any] = {"out_channels": tuple(np.arange(8, 33, 8))}
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=32, kernel=3)
    space = Space("numpy", (Stage("all", (Slot("conv", base, values, {"repeats": tuple(np.arange(3))}),)),))
    pruned = pruned_to(space, {("conv", "out_channels"): (8, 32)})
    assert {type(value) for values in parameters(pruned).values() for value in values} == {int}
    assert json.loads(json.dumps(pruned.export("json"))) == pruned.export("json")


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_parameters_are_all_that_a_network_chooses(pruned: PrunedSpace) -> None:
    """Of slots without depth and choice of use, the product of all lists is the size."""
    found = parameters(pruned)
    for stage in pruned.space.stages:
        assert found.get(f"{stage.name}.depth") == (list(stage.depth) if stage.depth else None)
        for slot in stage.slots:
            own = [values for name, values in found.items() if name.startswith(f"{slot.name}.")]
            assert np.prod([len(values) for values in own if values != [False, True]]) + slot.optional == slot.size


def test_two_choices_of_one_name_are_refused() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)
    slots = (Slot("a", base, {"kernel": (1, 3)}, {"b.kernel": (1,)}), Slot("a.b", base, {"kernel": (1, 3)}))
    pruned = pruned_to(Space("twice", (Stage("all", slots),)), {})
    with pytest.raises(InvalidInputError, match="two choices are called 'a.b.kernel'"):
        pruned.export("ray")


# ---------------------------------------------------------------------- tools that choose widths alone

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
def test_other_choices_are_refused_by_slot_and_dimension(name: str, stage: Stage, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        pruned_to(Space("one", (stage,)), {}).export(name)


@pytest.mark.parametrize("name", ONLY_WIDTHS)
def test_a_choice_of_which_the_layer_s_own_value_is_left_is_none(name: str) -> None:
    space = Space("one", (Stage("s", (Slot("a", CONV, {"kernel": (1, 3), "out_channels": (4, 8)}),)),))
    pruned_to(space, {("a", "kernel"): (3,)}).export(name)
    with pytest.raises(InvalidInputError, match="slot 'a', kernel"):
        pruned_to(space, {("a", "kernel"): (1,)}).export(name)


# ---------------------------------------------------------------------- shipped spaces


@pytest.mark.parametrize(
    ("space", "taken_by"),
    [
        ("table1", ""),  # NNI has no None, and the others take output channels alone
        ("ofa_mobilenet_v3", "nni ofa"),
        ("metapruning_mobilenet_v1", "nni torch_pruning"),  # its steps pass the layers' own widths by
        ("metapruning_mobilenet_v1_code", "nni torch_pruning metapruning nncf"),
    ],
)
def test_shipped_spaces_are_exported_within_a_second(space: str, taken_by: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    n = np.arange(1, 1025)
    found = nb.detect_steps(n, 0.05 + 0.1 * np.ceil(n / 8), np.full(n.size, 1e-5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing speaks of Once-for-All's choices
        pruned = prune(nb.load_space(space), found, dimension="out_channels")
    exported = set()
    for name, exporter in EXPORTERS.items():
        start = time.process_time()
        with suppress(InvalidInputError):
            pruned.export(name, tmp_path / f"out{exporter.suffixes[0]}")
            exported.add(name)
        assert time.process_time() - start < 1, name
    assert exported == {*taken_by.split(), "json", "yaml", "space", "csv", "parquet", "optuna", "ray"}

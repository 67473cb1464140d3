"""Latency tables are read back from files without loss, this version's files and earlier ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.latency_table import Entry
from tests.pruned import results_of, swept
from tests.rows import lost, row

FILES = Path(__file__).parents[1] / "data" / "version_0_1"
LAYERS = [nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3) for n in (8, 9)]


@pytest.fixture(scope="module")
def table() -> nb.LatencyTable:
    """A table with entries, a step map, and a layer without a latency."""
    return nb.LatencyTable.from_results(swept(8, fail_at=16))


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_a_table_is_read_back_without_loss(table: nb.LatencyTable, tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs nnbehave[parquet]")
    assert table.maps
    assert table.missing
    table.save(tmp_path / f"table.{suffix}")
    assert nb.LatencyTable.load(tmp_path / f"table.{suffix}") == table


def test_a_table_without_maps_is_read_back_without_loss(tmp_path: Path) -> None:
    plain = nb.LatencyTable.from_results(results_of([row(LAYERS[0], 1.0), lost(row(LAYERS[1], 1.0))]))
    plain.save(tmp_path / "t.json")
    assert nb.LatencyTable.load(tmp_path / "t.json") == plain


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_tables_of_version_0_1_are_read(suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs nnbehave[parquet]")
    found = nb.LatencyTable.load(FILES / f"table.{suffix}")
    assert (found.platform, found.method) == ("simulated?fail_at=7&noise=0.001&width=4", "whole")
    assert (found.machine, found.versions) == ("AMD EPYC", {"simulated": "1"})
    first, refused = (nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3).id for n in (1, 7))
    assert len(found.entries) == 19
    assert found.entries[first] == Entry(0.0399844171875, 0.00012038960406815655)
    assert found.missing == {refused: "the simulated platform takes no out_channels of 7"}
    (step_map,) = found.maps
    assert (step_map.kind, step_map.width, step_map.high) == ("staircase", 4, 20)


def test_a_package_in_another_version_gives_a_warning(table: nb.LatencyTable, tmp_path: Path) -> None:
    replace(table, versions={"numpy": "0.1"}).save(tmp_path / "t.json")
    with pytest.warns(UserWarning, match=r"measured with numpy 0\.1, but numpy .* is installed: measure it again"):
        nb.LatencyTable.load(tmp_path / "t.json")


def test_a_file_with_another_suffix_is_refused(table: nb.LatencyTable, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"saved as .json or .parquet, not 't.txt'"):
        table.save(tmp_path / "t.txt")
    with pytest.raises(InvalidInputError, match="there is no folder"):
        table.save(tmp_path / "nowhere" / "t.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no latency table"),
        ("[]", "no latency table"),
        ("{}", "no latency table"),
        (
            json.dumps({"format": "nnbehave.latency_table", "version": 9, "entries": {}}),
            "version 9; this nnbehave reads",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        nb.LatencyTable.load(tmp_path / "t.json")
    with pytest.raises(InvalidInputError, match="no latency table"):
        nb.LatencyTable.load(tmp_path / "no.json")


@pytest.mark.parametrize(
    "change",
    [
        {"entries": {"conv": [float("nan"), 0.1]}},
        {"entries": {"conv": [0.0, 0.1]}},
        {"entries": {"conv": [-1.0, 0.1]}},
        {"entries": {"conv": ["a", 0.1]}},
        {"entries": {"conv": [1.0]}},
        {"entries": None},
        {"versions": ["numpy"]},
        {"missing": 3},
        {"maps": [{"kind": "flat"}]},
    ],
)
def test_a_damaged_file_is_refused(table: nb.LatencyTable, tmp_path: Path, change: dict[str, object]) -> None:
    table.save(tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text())
    (tmp_path / "t.json").write_text(json.dumps(data | change))
    with pytest.raises(InvalidInputError, match="is no latency table"):
        nb.LatencyTable.load(tmp_path / "t.json")

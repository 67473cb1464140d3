"""Tables have one row for every value of the original space, which says if it is left."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings

from nnbehave.errors import MissingExtraError
from nnbehave.pruning import PrunedSpace
from tests.pruned import chain, pruned_spaces

SMALL = chain((32, (8, 16, 24, 32)), (4, range(1, 5)))


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_there_is_one_row_for_every_original_value(pruned: PrunedSpace) -> None:
    rows = pruned.export("csv")
    kept: dict[str, dict[str, list[object]]] = {slot.name: {} for slot in pruned.space.slots if slot.choices}
    for row in rows:
        left = kept[row["slot"]].setdefault(row["dimension"], [])
        left += [row["value"]] if row["kept"] else []
    assert kept == pruned.choices()
    assert len(rows) == sum(len(values) for slot in pruned.original.slots for values in slot.choices.values())
    assert sum(not row["kept"] for row in rows) == len(pruned.removals)


def test_a_row_gives_the_reason(tmp_path: Path) -> None:
    SMALL.export("csv", tmp_path / "space.csv")
    with (tmp_path / "space.csv").open(newline="") as file:
        rows = {(row["slot"], row["value"]): row for row in csv.DictReader(file)}
    gone = ("out_channels", "KeepPareto", "tflite", "8 is as fast", "0.1 ms at 3")
    assert tuple(rows["conv1", "3"][name] for name in ("dimension", "rule", "platform", "why", "evidence")) == gone
    assert [rows["conv1", value]["kept"] for value in ("3", "8")] == ["False", "True"]
    assert rows["conv1", "8"]["why"] == ""
    assert rows["conv2", "3"]["why"] == "no finding is about this choice"


def test_parquet_has_the_same_rows_and_keeps_numbers(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    data = SMALL.export("parquet", tmp_path / "space.parquet")
    frame = pd.read_parquet(tmp_path / "space.parquet")
    pd.testing.assert_frame_equal(frame, pd.DataFrame(data), check_dtype=False)
    assert frame["value"].dtype == "int64"
    assert frame["kept"].dtype == bool


@settings(max_examples=50, deadline=None)
@given(pruned=pruned_spaces())
def test_parquet_writes_mixed_values_as_text(pruned: PrunedSpace, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'nnbehave[parquet]' to test Parquet files")
    file = tmp_path_factory.mktemp("parquet") / "space.parquet"
    data = pruned.export("parquet", file)
    assert list(map(str, pd.read_parquet(file)["value"])) == [str(row["value"]) for row in data]


def test_without_pyarrow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nnbehave\[parquet\]'"):
        SMALL.export("parquet", tmp_path / "space.parquet")

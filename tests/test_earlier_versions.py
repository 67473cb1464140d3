"""Files that version 0.1 wrote are read: those of tests/data/version_0_1.

They are of a sweep of twenty layers on the simulated platform. The platform's step is 4 channels wide and takes 40 µs;
it refuses 7 channels.
"""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.measurement.store import Store
from nnbehave.measurement.store.schema import VERSION

FILES = Path(__file__).parent / "data" / "version_0_1"
PLATFORM = "simulated?fail_at=7&noise=0.001&width=4"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store of schema 5, made of its statements."""
    path = tmp_path / "results.db"
    with sqlite3.connect(path) as raw:
        raw.executescript((FILES / "store.sql").read_text(encoding="utf-8"))
    return path


def check_results(results: nb.Results) -> None:
    """Check that results say what was planted."""
    frame = results.select(platform=PLATFORM, space="twenty").frame.set_index("out_channels")
    assert frame.index.tolist() == list(range(1, 21))
    assert frame.loc[7, "status"] == "unsupported"
    assert frame.loc[7, "reason"] == "the simulated platform takes no out_channels of 7"
    assert math.isnan(frame.loc[7, "latency_ms"])
    measured = frame.drop(7)
    assert set(measured["status"]) == {"ok"}
    planted = [0.04 * math.ceil(n / 4) for n in measured.index]
    assert measured["latency_ms"].tolist() == pytest.approx(planted, rel=0.01)
    assert measured["relative_latency"].notna().all()
    assert results.step_map(platform=PLATFORM, space="twenty").best_channels() == [4, 8, 12, 16, 20]


def test_a_store_is_read(store: Path) -> None:
    results = nb.load_results(store)
    check_results(results)
    exact = results.select(platform="simulated", space="exact").frame
    assert exact["method"].tolist() == ["estimated"] * 2
    assert exact["latency_ms"].tolist() == [0.06, 0.06]
    assert exact["cycles"].tolist() == [60_000.0, 60_000.0]


def test_a_store_gives_the_latencies_that_version_0_1_derived_from_it(store: Path) -> None:
    now, then = (nb.load_results(path) for path in (store, FILES / "results.csv"))
    columns = ["latency_ms", "latency_low_ms", "latency_high_ms", "std_error_ms", "relative_latency"]
    for column in columns:
        before, after = (each.select(platform=PLATFORM, space="twenty").frame[column].tolist() for each in (then, now))
        assert after == pytest.approx(before, rel=1e-9, nan_ok=True)


def test_samples_of_a_store_are_read(store: Path) -> None:
    samples = nb.load_samples(store)
    assert samples["raw_ms"].gt(0).all()
    assert samples["is_reference"].any()
    assert not samples["is_reference"].all()


def test_an_old_store_can_be_written_to_and_is_of_this_version_then(store: Path) -> None:
    Store(store).close()
    with sqlite3.connect(store) as raw:
        assert raw.execute("select value from meta where key = 'schema_version'").fetchone() == (str(VERSION),)
    check_results(nb.load_results(store))


@pytest.mark.process
def test_a_sweep_goes_on_with_an_old_store(store: Path) -> None:
    """The environment has changed since, so the layers are measured again beside the old ones."""
    base = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)
    results = nb.sweep(
        layer=base, dimension="out_channels", values=[4, 8], platforms=PLATFORM, store=store, progress=False
    )
    assert results.frame["latency_ms"].tolist() == pytest.approx([0.04, 0.08], rel=0.02)


def test_results_in_a_csv_file_are_read() -> None:
    check_results(nb.load_results(FILES / "results.csv"))


def test_a_step_map_is_read() -> None:
    found = nb.load_step_map(FILES / "step_map.json")
    assert (found.kind, found.width) == ("staircase", 4)
    assert found.best_channels() == [4, 8, 12, 16, 20]
    assert found.latency(17) == pytest.approx(0.2, rel=0.01)


def test_a_latency_table_is_read() -> None:
    table = nb.LatencyTable.load(FILES / "table.json")
    layer = nb.Layer(op="conv", height=7, in_channels=8, out_channels=9, kernel=3)
    assert len(table.entries) == 19
    assert table.latency(nb.Graph([layer])) == pytest.approx(0.12, rel=0.01)


def test_a_pruned_space_is_read() -> None:
    pruned = nb.load_pruned_space(FILES / "pruned.json")
    assert (pruned.size, pruned.reduction) == (5, 4)
    assert len(pruned.removed) == 15


def test_a_card_is_read() -> None:
    card = nb.load_card(FILES / "card.json")
    (conv,) = [each for each in card.statements if (each.finding, each.about) == (1, "conv")]
    assert conv.values["width"] == (4, 4, 4)

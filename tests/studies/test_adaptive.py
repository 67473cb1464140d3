"""Sweeps that measure only what shows the steps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError

pytestmark = pytest.mark.process


def conv(n: int = 8, **dimensions: int) -> nb.Layer:
    return nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=1, **dimensions)


def space_of(*slots: Slot) -> Space:
    return Space("some", (Stage("all", slots),))


def channels(high: int = 512) -> Slot:
    return Slot("conv", conv(), {"out_channels": tuple(range(1, high + 1))})


def test_few_values_show_the_same_steps_as_all(tmp_path: Path) -> None:
    results = nb.sweep(
        space_of(channels()),
        platforms=["simulated?width=24", "simulated?width=40"],
        sampling="adaptive",
        store=tmp_path / "r.db",
        progress=False,
    )
    for width in (24, 40):
        found = results.step_map(platform=f"simulated?width={width}")
        assert (found.kind, found.width) == ("staircase", width)
        assert found.best_channels() == sorted({*range(width, 513, width), 512})
        assert len(found.measured) <= 70
    assert results.frame["session"].nunique() == 2  # one a platform
    assert results.frame["join_factor"].notna().all()
    table = results.steps().set_index("platform").loc["simulated?width=24"]
    assert (table["measured"], table["candidates"]) == (len(results.step_map("simulated?width=24").measured), 512)
    assert table["keep"] == sorted({*range(24, 513, 24), 512})  # measured or not


def test_a_search_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after its second batch, it measures what is left; run again, nothing."""
    from nnbehave.measurement.engine import Run

    def sweep() -> nb.Results:
        return nb.sweep(
            space_of(channels(256)), platforms="simulated", sampling="adaptive", store=tmp_path / "r.db", progress=False
        )

    begin, batches = Run.begin, 0

    def stop_at_the_third(self: Run, subjects: Sequence[str], rounds: int) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KeyboardInterrupt
        begin(self, subjects, rounds)

    monkeypatch.setattr(Run, "begin", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        sweep()
    monkeypatch.setattr(Run, "begin", begin)
    before = nb.load_results(tmp_path / "r.db").frame
    results = sweep()
    assert len(before) < len(results.frame)
    assert results.step_map().width == 16
    sessions = results.frame["session"].unique()
    assert set(sweep().frame["session"]) == set(sessions)


def test_every_slot_is_searched_and_what_is_no_number_is_measured_whole(tmp_path: Path) -> None:
    slots = (
        channels(128),
        Slot("other", conv(), {"activation": (None, "relu"), "batch": (1, 2, 3, 4)}),
        Slot("fixed", conv(40)),
    )
    results = nb.sweep(
        space_of(*slots), platforms="simulated", sampling="adaptive", store=tmp_path / "r.db", progress=False
    )
    counts = results.frame.groupby(["slot", "dimension"], dropna=False).size()
    assert counts[("other", "activation")] == 2
    assert counts[("other", "batch")] == 4
    assert counts["conv"].sum() < 70
    assert "fixed" in results.frame["slot"].values


def test_values_that_cannot_be_run_are_left_out(tmp_path: Path) -> None:
    results = nb.sweep(
        space_of(channels(256)),
        platforms="simulated?fail_at=5",
        sampling="adaptive",
        store=tmp_path / "r.db",
        progress=False,
    )
    row = results.frame[results.frame["out_channels"] == 5]
    assert row["status"].tolist() == ["unsupported"]
    assert results.step_map().width == 16


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_a_platform_that_runs_nothing_ends_the_search(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slot = Slot("conv", conv(precision="bf16"), {"out_channels": tuple(range(1, 257))})
    with caplog.at_level(logging.WARNING, logger="nnbehave"):
        results = nb.sweep(space_of(slot), platforms="tflite", sampling="adaptive", progress=False)
    assert set(results.frame["status"]) == {"unsupported"}
    assert len(results.frame) < 100
    assert "too few n have a latency" in caplog.text


def test_a_budget_is_kept_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="nnbehave"):
        results = nb.sweep(space_of(channels()), platforms="simulated", sampling="adaptive", budget=30, progress=False)
    assert len(results.frame) == 30
    assert "conv, out_channels on simulated: stopped at 30 points, before" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"sampling": "random"}, "expected 'exhaustive' or 'adaptive', got 'random'"),
        ({"budget": 40}, "with sampling='adaptive', got 40"),
        ({"sampling": "adaptive", "budget": 0}, "from 8 up"),
        ({"sampling": "adaptive", "budget": True}, "from 8 up"),
        ({"sampling": "adaptive", "platforms": []}, "no platforms"),
    ],
)
def test_a_search_that_cannot_begin_says_why(arguments: dict, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        nb.sweep(space_of(channels()), **{"platforms": "simulated", "progress": False, **arguments})


@pytest.mark.parametrize(
    ("op", "dimension", "values", "width"),
    [
        ("conv", "in_channels", range(1, 129), 16),
        ("dwconv", "height", range(3, 131), 8),
        ("dwconv", "batch", range(1, 65), 4),
    ],
)
def test_steps_over_other_dimensions_are_found(op: str, dimension: str, values: range, width: int) -> None:
    fields = {"height": 14, "in_channels": 32, "kernel": 3} | ({"out_channels": 64} if op == "conv" else {})
    results = nb.sweep(
        layer=nb.Layer(op=op, **fields),
        dimension=dimension,
        values=values,
        platforms=f"simulated?dimension={dimension}&width={width}",
        sampling="adaptive",
        progress=False,
    )
    found = results.step_map()
    assert (found.kind, found.width) == ("staircase", width)
    assert len(found.measured) < len(values)


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_a_real_platform_is_searched() -> None:
    """What is found depends on the machine; what was measured and what the map says of it do not."""
    values = range(3, 41)
    results = nb.sweep(
        layer=nb.Layer(op="dwconv", height=14, in_channels=32, kernel=3),
        dimension="height",
        values=values,
        platforms="tflite",
        sampling="adaptive",
        budget=12,
        method="whole",
        interval=0.2,
        progress=False,
    )
    found = results.step_map()
    frame = results.frame.set_index("height")
    assert set(frame["status"]) <= {"ok", "noisy", "unstable"}
    assert len(frame) <= 12
    assert {values[0], values[-1]} <= set(frame.index)
    assert all(latency_ms == frame.loc[n, "latency_ms"] for n, latency_ms in found.measured)
    assert set(found.best_channels()) <= set(range(found.measured[0][0], found.measured[-1][0] + 1))
    assert found.best_channels()[-1] == found.measured[-1][0]

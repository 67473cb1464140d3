"""How the missing layers are dealt out to sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.measurement import engine as pipeline
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker


def test_more_layers_than_a_session_takes_are_dealt_out_and_joined(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnbehave.measurement.engine._LAYERS_PER_SHARD", 12)
    results = nb.sweep(space, platforms="simulated?width=4", store=tmp_path / "r.db", progress=False)
    assert results.frame["session"].nunique() > 1
    assert results.frame["join_factor"].notna().all()
    assert results.step_map().width == 4


def test_a_session_goes_on_in_the_runner_that_told_what_is_there(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Worker] = []
    start = LocalTarget.start

    def counted(self: LocalTarget, platform: Platform, number: int = 0) -> Worker:
        started.append(start(self, platform, number))
        return started[-1]

    monkeypatch.setattr(LocalTarget, "start", counted)
    many, few = ["simulated", "simulated?width=8"], Space.from_layer(space.sweeps()[0].layers[0], "kernel", [1])
    counts = []
    for one, platforms, method in [(space, many[:1], None), (space, many[:1], None), (few, many, "estimated")]:
        nb.sweep(one, platforms=platforms, method=method, store=tmp_path / "r.db", progress=False)
        counts.append(len(started))
        assert all(worker._process.poll() is not None for worker in started)
    # A session's three processes; one to find that nothing is missing; a platform whose turn comes later starts anew.
    assert counts == [3, 3 + 1, 3 + 1 + 3]


def test_shards_hold_what_a_runner_has_memory_for_and_every_layer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = nb.Layer(op="conv", height=7, in_channels=64, out_channels=64, kernel=3)
    curves = [[Graph([conv.replace(out_channels=n)]) for n in range(1, 40)]]
    curves += [
        [Graph([conv.replace(kernel=k)]) for k in (1, 3, 5, 7)],
        [Graph([conv.replace(out_channels=1000, batch=9)])],
    ]
    names = [[graph.id for graph in curve] for curve in curves]
    graphs = {graph.id: graph for curve in curves for graph in curve}
    plan = pipeline._Plan(get_platform("tflite"), "stacked", "here", graphs, names, set(), list(graphs))
    assert list(pipeline._shards(plan, 300)) == [list(graphs)]
    monkeypatch.setattr(pipeline, "_SHARD_BYTES", pipeline._held(plan, names[0]) // 3 + 1)
    shards = list(pipeline._shards(plan, 300))
    assert sorted(subject for shard in shards for subject in shard) == sorted(graphs)
    assert [shard[:2] for shard in shards[:2]] == [names[0][0::3][:2], names[0][1::3][:2]]  # each spans the curve
    for shard in shards:
        assert len(shard) == 1 or pipeline._held(plan, shard) <= pipeline._SHARD_BYTES * 1.1
    assert [curves[2][0].id] in shards  # too large by itself, and alone


def test_what_is_to_be_compared_is_of_one_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipeline, "_LAYERS_PER_SHARD", 5)
    nb.check_fusion(
        [("conv", "relu"), ("dwconv", "relu"), ("conv", "maxpool")],
        "simulated",
        tmp_path / "r.db",
        rounds=8,
        progress=False,
    )
    frame = nb.load_results(tmp_path / "r.db").frame
    assert len(frame) > 5
    assert frame["session"].nunique() == 1

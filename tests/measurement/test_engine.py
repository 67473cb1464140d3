"""The engine: how it deals layers out to sessions, what it reads and starts, and what one platform costs the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import WorkerError
from nnbehave.measurement.derive import Derivation
from nnbehave.measurement.plan import Plan
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.shards import memory_of, shards_of
from nnbehave.measurement.store import Store
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker
from tests.plug_ins import Broken, register


def plan_of(curves: list[list[Graph]], method: str = "stacked") -> Plan:
    """Return a plan for tflite in which every subject is missing."""
    names = [[graph.id for graph in curve] for curve in curves]
    graphs = {graph.id: graph for curve in curves for graph in curve}
    return Plan(get_platform("tflite"), method, "network", "here", graphs, names, set(), list(graphs))


def three_curves() -> list[list[Graph]]:
    """Return a curve of 39 points, one of 4, and a layer that takes more memory than all of them."""
    conv = nb.Layer(op="conv", height=7, in_channels=64, out_channels=64, kernel=3)
    return [
        [Graph([conv.replace(out_channels=n)]) for n in range(1, 40)],
        [Graph([conv.replace(kernel=k)]) for k in (1, 3, 5, 7)],
        [Graph([conv.replace(out_channels=1000, batch=9)])],
    ]


def test_curves_that_fit_are_one_shard() -> None:
    plan = plan_of(three_curves())
    assert list(shards_of(plan, 1 << 30)) == [list(plan.graphs)]


def test_every_layer_is_in_one_shard_and_no_shard_takes_more_memory_than_allowed() -> None:
    curves = three_curves()
    plan = plan_of(curves)
    most = memory_of(plan, plan.curves[0]) // 3 + 1
    shards = list(shards_of(plan, most))
    assert sorted(subject for shard in shards for subject in shard) == sorted(plan.graphs)
    for shard in shards:
        assert len(shard) == 1 or memory_of(plan, shard) <= 1.1 * most
    assert [curves[2][0].id] in shards  # too large for any shard, so it is alone


def test_a_curve_that_is_split_is_dealt_out_in_turns_so_that_every_shard_spans_it() -> None:
    plan = plan_of(three_curves())
    points = plan.curves[0]
    first, second, third, *_ = shards_of(plan, memory_of(plan, points) // 3 + 1)
    assert [first, second, third] == [points[0::3], points[1::3], points[2::3]]


def test_a_shard_holds_no_more_subjects_than_allowed() -> None:
    plan = plan_of(three_curves())
    shards = list(shards_of(plan, 1 << 30, most_subjects=12))
    assert max(map(len, shards)) <= 12
    assert sorted(subject for shard in shards for subject in shard) == sorted(plan.graphs)


@pytest.mark.process
def test_sessions_of_one_sweep_are_joined(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnbehave.measurement.engine.LAYERS_PER_SHARD", 12)
    results = nb.sweep(space, platforms="simulated?width=4", store=tmp_path / "r.db", progress=False)
    assert results.frame["session"].nunique() > 1
    assert results.frame["join_factor"].notna().all()
    assert results.step_map().width == 4


@pytest.mark.process
def test_layers_that_are_compared_with_one_another_are_measured_in_one_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nnbehave.measurement.engine.LAYERS_PER_SHARD", 5)
    pairs = [("conv", "relu"), ("dwconv", "relu"), ("conv", "maxpool")]
    nb.check_fusion(pairs, "simulated", tmp_path / "r.db", shapes=[(8, 16)], rounds=8, progress=False)
    frame = nb.load_results(tmp_path / "r.db").frame
    assert len(frame) > 5
    assert frame["session"].nunique() == 1


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Return the runners that this machine starts from now on."""
    workers: list[Worker] = []
    start = LocalTarget.start

    def counted(self: LocalTarget, platform: Platform, number: int = 0) -> Worker:
        workers.append(start(self, platform, number))
        return workers[-1]

    monkeypatch.setattr(LocalTarget, "start", counted)
    return workers


@pytest.mark.process
def test_the_runner_that_tells_the_environment_goes_on_to_measure(
    space: Space, tmp_path: Path, started: list[Worker]
) -> None:
    options: dict[str, Any] = {"store": tmp_path / "r.db", "progress": False}
    nb.sweep(space, platforms="simulated", **options)
    assert len(started) == 3  # a session takes three processes
    nb.sweep(space, platforms="simulated", **options)
    assert len(started) == 4  # one finds that nothing is missing
    kernels = Space.from_layer(space.sweeps()[0].layers[0], "kernel", [1])
    nb.sweep(kernels, platforms=["simulated", "simulated?width=8"], method="estimated", **options)
    assert len(started) == 6  # an exact session takes one
    assert all(worker._process.poll() is not None for worker in started)


@pytest.mark.process
def test_a_second_sweep_plans_without_samples(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing follows from outcomes and stopping rules; samples are read once, for the results."""
    reads: list[str] = []
    sessions, session, measurements = Store.sessions, Store.session, Derivation.measurements

    def all_of_them(self: Store, platforms: Any = None, with_samples: bool = True) -> Any:
        reads.append("samples" if with_samples else "headers")
        return sessions(self, platforms, with_samples)

    def one_of_them(self: Store, key: int) -> Any:
        reads.append("samples")
        return session(self, key)

    def derived(self: Derivation, wanted: Any) -> Any:
        reads.append("results")
        return measurements(self, wanted)

    first = nb.sweep(space, platforms="simulated", store=tmp_path / "r.db", progress=False)
    monkeypatch.setattr(Store, "sessions", all_of_them)
    monkeypatch.setattr(Store, "session", one_of_them)
    monkeypatch.setattr(Derivation, "measurements", derived)
    again = nb.sweep(space, platforms="simulated", store=tmp_path / "r.db", progress=False)
    assert reads[: reads.index("results")] == ["headers"]
    assert reads.count("samples") == 1
    assert again.frame.equals(first.frame)


@pytest.mark.process
def test_a_platform_whose_runner_does_not_start_costs_the_others_nothing(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    register(monkeypatch, Broken)
    results = nb.sweep(space, platforms=["broken", "simulated"], store=tmp_path / "r.db", progress=False)
    by_platform = results.frame.groupby("platform")["status"].agg(set).to_dict()
    assert by_platform == {"broken": {"failed"}, "simulated": {"ok"}}
    reasons = results.of_platforms("broken").frame["reason"]
    assert reasons.str.contains("no_such_module").all()
    assert "broken is left out: " in caplog.text
    assert results.step_map(platform="simulated").edges == (17,)


@pytest.mark.process
def test_a_sweep_whose_only_platform_does_not_start_raises(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, Broken)
    with pytest.raises(WorkerError, match="no_such_module"):
        nb.sweep(space, platforms="broken", progress=False)

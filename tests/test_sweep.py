"""The whole pipeline on the simulated platform: what is measured, kept, resumed and survived."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.store.store import Store
from nnbehave.measurement.targets import LocalTarget
from nnbehave.records import Measurements

pytestmark = pytest.mark.process

LOUD = "simulated?noise=2.0"  # never within two per cent, so a sweep takes all sixty rounds


def counts(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as raw:
        tables = ("sessions", "blocks", "loads", "outcomes")
        return {table: raw.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}


def test_a_sweep_finds_the_law_of_its_platform(space: Space, tmp_path: Path) -> None:
    results = nb.sweep(space, platforms="simulated?width=4", store=tmp_path / "r.db", progress=False)
    assert len(results) == 20
    assert (results.frame["status"] == "ok").all()
    truth = 0.04 * np.ceil(results.frame["out_channels"].astype(int) / 4)
    np.testing.assert_allclose(results.frame["latency_ms"], truth, rtol=0.03)
    assert results.step_map().best_channels(1, 20) == [4, 8, 12, 16, 20]
    assert set(results.frame["executed_precision"]) == {"fp32"}
    assert results.frame["relative_latency"].notna().all()


@pytest.mark.parametrize("store", [None, "file"])
def test_a_layer_a_dimension_and_values_are_a_space(base: nb.Layer, tmp_path: Path, store: str | None) -> None:
    path = store and tmp_path / "r.db"
    results = nb.sweep(
        layer=base, dimension="kernel", values=[1, 3], platforms=["simulated"], store=path, progress=False
    )
    assert list(results.frame["kernel"]) == [1, 3]
    assert set(results.frame["dimension"]) == {"kernel"}
    assert store is None or path.exists()


def test_measure_takes_layers_and_graphs(base: nb.Layer) -> None:
    results = nb.measure([base, nb.Graph([base] * 3)], platforms="simulated?noise=0.001", progress=False)
    alone, chain = results.frame["latency_ms"]
    assert alone == pytest.approx(0.04, rel=0.02)
    assert chain == pytest.approx(3 * 0.04, rel=0.02)
    assert results.frame["space"].isna().all()
    assert results.steps().empty


def test_a_second_run_measures_only_what_is_missing(base: nb.Layer, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    some = Space.from_layer(base, "out_channels", range(1, 21), name="grows")
    more = Space.from_layer(base, "out_channels", range(1, 31), name="grows")
    first = nb.sweep(some, platforms="simulated", store=path, progress=False)
    before = counts(path)
    again = nb.sweep(some, platforms="simulated", store=path, progress=False)
    assert counts(path) == before
    assert again.frame.equals(first.frame)
    nb.sweep(more, platforms="simulated", store=path, progress=False)
    after = counts(path)
    assert after["sessions"] == before["sessions"] + 1
    assert after["loads"] == before["loads"] + 10 + 9 + 6  # the new ones, nine anchors, the references, the call
    results = nb.load_results(path)
    (found,) = [curve for curve in results.curves() if len(curve.measurements) == 30]
    curve = Measurements(found.measurements).frame
    assert curve["join_factor"].notna().all()


def test_a_space_that_grows_again_and_again_stays_one_curve(base: nb.Layer, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    for high in (20, 40, 60, 80):
        space = Space.from_layer(base, "out_channels", range(1, high + 1), name="grows")
        results = nb.sweep(space, platforms="simulated", store=path, progress=False)
        assert results.frame["join_factor"].notna().all()
        assert len(results) == high
    assert results.step_map().width == 16


def test_halves_that_nothing_links_are_linked_by_measuring_again(base: nb.Layer, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    for values in (range(1, 13), range(13, 25), range(1, 25), range(1, 25)):
        space = Space.from_layer(base, "out_channels", values)
        results = nb.sweep(space, platforms="simulated?width=4", store=path, progress=False)
    assert results.frame["join_factor"].notna().all()
    assert len(results) == 24
    assert results.step_map().width == 4
    assert counts(path)["sessions"] == 3


def test_results_are_of_what_was_asked_for_alone(base: nb.Layer, tmp_path: Path) -> None:
    path, platform = tmp_path / "r.db", "simulated?width=4"
    spaces = [Space.from_layer(base, "out_channels", range(*ends)) for ends in ((1, 21), (15, 41))]
    spaces.append(Space.from_layer(base, "out_channels", range(1, 11), name="my@space"))
    found = [nb.sweep(space, platforms=platform, store=path, progress=False) for space in spaces]
    assert [len(results) for results in found] == [20, 26, 10]
    assert found[1].step_map().high == 40
    assert set(found[2].frame["space"]) == {"my@space"}
    alone = nb.measure([base], platforms=platform, store=path, progress=False)
    assert alone.frame["space"].isna().tolist() == [True]


def test_a_quick_run_does_not_stand_in_the_way_of_a_rigorous_one(space: Space, tmp_path: Path) -> None:
    path, noisy = tmp_path / "r.db", "simulated?noise=1.0"
    nb.sweep(space, platforms=noisy, store=path, interval=0.15, progress=False)
    for _ in range(3):
        results = nb.sweep(space, platforms=noisy, store=path, interval=0.05, progress=False)
        assert counts(path)["sessions"] == 2
    frame = results.frame[results.frame["status"] == "ok"]
    assert (frame["latency_high_ms"] - frame["latency_low_ms"] <= 0.1 * frame["latency_ms"]).all()


def test_what_a_platform_cannot_run_is_not_worth_keeping(space: Space, tmp_path: Path) -> None:
    results = nb.sweep(space, platforms="simulated?fail_at=8&width=4", store=tmp_path / "r.db", progress=False)
    (row,) = results.steps().to_dict("records")
    assert row["keep"] == [4, 7, 12, 16, 20]
    assert "1 without a latency left out" in row["note"]


def test_other_options_of_a_platform_are_measured_anew(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    nb.sweep(space, platforms=["simulated", "simulated?width=8"], store=path, progress=False)
    assert counts(path)["sessions"] == 2
    assert set(nb.load_results(path).frame["platform"]) == {"simulated", "simulated?width=8"}


def test_a_narrower_interval_measures_again_and_a_wider_one_does_not(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    noisy = "simulated?noise=0.3"
    nb.sweep(space, platforms=noisy, store=path, interval=0.2, progress=False)
    first = counts(path)["sessions"]
    nb.sweep(space, platforms=noisy, store=path, interval=0.3, progress=False)
    assert counts(path)["sessions"] == first
    results = nb.sweep(space, platforms=noisy, store=path, interval=0.1, progress=False)
    assert counts(path)["sessions"] == first + 1
    width = (results.frame["latency_high_ms"] - results.frame["latency_low_ms"]) / results.frame["latency_ms"]
    assert (width <= 0.2).all()


def test_what_stayed_noisy_is_measured_again_only_when_asked(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    results = nb.sweep(space, platforms=LOUD, store=path, progress=False)
    assert (results.frame["status"] == "noisy").sum() > 10
    nb.sweep(space, platforms=LOUD, store=path, progress=False)
    assert counts(path)["sessions"] == 1
    nb.sweep(space, platforms=LOUD, store=path, retry=True, progress=False)
    assert counts(path)["sessions"] == 2


@pytest.mark.parametrize(
    ("trouble", "status", "says"),
    [
        ("crash_at", "failed", "exit code 42"),
        ("hang_at", "timeout", "no answer"),
        ("fail_at", "unsupported", "takes no"),
    ],
)
def test_a_bad_layer_is_a_row_and_the_rest_is_measured(
    space: Space, tmp_path: Path, trouble: str, status: str, says: str
) -> None:
    platform = f"simulated?{trouble}=7"
    results = nb.sweep(space, platforms=platform, store=tmp_path / "r.db", time_limit_s=0.5, progress=False)
    frame = results.frame.set_index("out_channels")
    assert frame.loc[7, "status"] == status
    assert says in frame.loc[7, "reason"]
    assert np.isnan(frame.loc[7, "latency_ms"])
    assert (frame.drop(7)["status"] == "ok").all()
    assert results.steps()["kept"].notna().all()


def test_a_conversion_that_fails_is_a_row(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnbehave.design.graph import Graph
    from nnbehave.measurement.converters import ArtifactCache, get_converter

    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path / "cache"))
    victim = ArtifactCache()._folder(get_converter("layer_spec"), Graph([space.sweeps()[0].layers[6]]), 0)
    victim.parent.mkdir(parents=True)
    victim.write_text("a file in the way")
    results = nb.sweep(space, platforms="simulated", store=tmp_path / "r.db", progress=False)
    frame = results.frame.set_index("out_channels")
    assert frame.loc[7, "status"] == "failed"
    assert "conversion to layer_spec" in frame.loc[7, "reason"]
    assert (frame.drop(7)["status"] == "ok").all()


def test_a_cache_that_cannot_be_used_is_told(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(InvalidInputError, match="set NNBEHAVE_CACHE_DIR"):
        nb.sweep(space, platforms="simulated", progress=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "give a space, or layer="),
        ({"space": "quickstart", "dimension": "kernel"}, "not both"),
        ({"space": "quickstart", "platforms": []}, "no platforms"),
        ({"space": "quickstart", "interval": 0}, "interval"),
        ({"space": "quickstart", "interval": "x"}, "interval"),
        ({"space": "quickstart", "seed": 1.5}, "seed"),
        ({"space": "quickstart", "seed": 2**64}, "seed"),
        ({"space": "quickstart", "platforms": None}, "platforms: expected"),
        ({"space": "quickstart", "platforms": [1]}, "platforms: expected"),
        ({"layer": "conv", "dimension": "kernel", "values": [1]}, "layer= .a Layer."),
        (
            {"layer": nb.Layer(op="dwconv", height=7, in_channels=8, kernel=3), "dimension": "kernel", "values": 5},
            "values=",
        ),
        ({"space": "quickstart", "time_limit_s": -1}, "time_limit_s"),
        ({"space": "nowhere"}, "no space"),
        ({"space": "quickstart", "platforms": "tflit"}, "did you mean tflite"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_before_anything_is_written(
    arguments: dict[str, object], says: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        nb.sweep(**{"platforms": "simulated", "store": tmp_path / "r.db", "progress": False, **arguments})  # type: ignore[arg-type]
    assert not (tmp_path / "r.db").exists()


def run(path: Path, platform: str = LOUD, **options: object) -> subprocess.Popen[str]:
    """Start a sweep of twenty layers in a process of its own."""
    code = (
        "import sys, nnbehave as nb\n"
        "base = nb.Layer(op='conv', height=7, in_channels=8, out_channels=8, kernel=3)\n"
        "nb.sweep(layer=base, dimension='out_channels', values=range(1, 21), platforms=sys.argv[2], store=sys.argv[1],"
        " progress=False)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(path), platform], text=True, stderr=subprocess.PIPE)


def until(path: Path, blocks: int) -> None:
    for _ in range(2000):
        with suppress(sqlite3.OperationalError):  # until the tables are made
            if path.exists() and counts(path)["blocks"] >= blocks:
                return
        time.sleep(0.005)
    raise AssertionError("the sweep did not get that far")


@pytest.mark.runtime("tensorflow", "ai_edge_litert", "openvino")
@pytest.mark.parametrize("platform", ["tflite", pytest.param("openvino", marks=pytest.mark.setup)])  # it takes long
def test_a_stacked_layer_is_checked_alone(platform: str) -> None:
    for module in ("tensorflow", "ai_edge_litert" if platform == "tflite" else "openvino"):
        pytest.importorskip(module, reason="needs nnbehave[all]")
    conv = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)
    layers = [conv, conv.replace(precision="int8"), nb.Layer(op="relu", height=14, in_channels=32)]
    rows = nb.measure(layers, platform, method="stacked", interval=0.2, progress=False).frame
    assert list(rows["method"]) == ["stacked"] * 3
    assert list(rows["executed_precision"]) == ["fp32", "int8", "fp32"]
    assert (rows["output_error"] < [1e-5, 0.05, 1e-5]).all()


@pytest.mark.parametrize("blocks", [0, 50])
def test_a_killed_sweep_leaves_what_it_measured_and_is_gone_on_with(tmp_path: Path, blocks: int) -> None:
    path = tmp_path / "r.db"
    process = run(path)
    until(path, blocks)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()  # type: ignore[union-attr]
    with Store(path, must_exist=True) as store:
        kept = sum(len(session.samples) for session in store.sessions())
    assert kept >= blocks
    again = run(path)
    assert again.wait() == 0, again.stderr.read()  # type: ignore[union-attr]
    again.stderr.close()  # type: ignore[union-attr]
    assert len(nb.load_results(path)) == 20


def test_nothing_is_left_running_after_a_kill(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    path = tmp_path / "r.db"
    process = run(path, "simulated?hang_at=7")
    until(path, 0)
    deadline = time.monotonic() + 20
    children: list[object] = []
    while not children and time.monotonic() < deadline:
        children = [c for c in psutil.Process(process.pid).children() if "nnbehave.runner" in " ".join(c.cmdline())]
    process.kill()
    process.wait()
    process.stderr.close()  # type: ignore[union-attr]
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert gone
    assert not alive


@pytest.mark.setup  # it takes long
@pytest.mark.usefixtures("own_pool")
@pytest.mark.runtime("tensorflow", "ai_edge_litert", "openvino")
def test_nothing_is_left_running_after_a_sweep_on_real_runtimes(
    tmp_path: Path, base: nb.Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runtimes start processes of their own (OpenVINO's telemetry did, and they outlived everything)."""
    psutil = pytest.importorskip("psutil")
    for module in ("tensorflow", "ai_edge_litert", "openvino"):
        pytest.importorskip(module, reason="needs nnbehave[all]")

    monkeypatch.setenv("STARTED_BY", str(tmp_path))  # every process that this test starts inherits it

    def workers() -> set[int]:
        found = psutil.process_iter(["cmdline", "environ"])
        mine = [p for p in found if (p.info["environ"] or {}).get("STARTED_BY") == str(tmp_path)]
        return {p.pid for p in mine if "nnbehave." in " ".join(p.info["cmdline"] or [])}

    before = workers()
    with LocalTarget().start(get_platform("simulated")) as worker:
        assert worker.pid in workers()
    layer = base.replace(in_channels=3)
    results = nb.measure([layer], ["tflite", "openvino"], tmp_path / "r.db", interval=0.5, progress=False)
    assert results.frame["latency_ms"].notna().all()
    assert workers() <= before


def test_ctrl_c_ends_a_sweep_with_a_store_to_go_on_from(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    process = run(path)
    until(path, 200)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    error = process.stderr.read()  # type: ignore[union-attr]
    process.stderr.close()  # type: ignore[union-attr]
    assert "KeyboardInterrupt" in error
    assert nb.load_results(path).frame["reason"].str.contains("interrupted").any()


def test_two_sweeps_share_a_store(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    platforms = ["simulated", "simulated?width=8", "simulated"]
    processes = [run(path, platform) for platform in platforms]
    for process in processes:
        assert process.wait() == 0, process.stderr.read()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]
    frame = nb.load_results(path).frame
    assert frame.groupby("platform").size().to_dict() == {"simulated": 20, "simulated?width=8": 20}
    assert (frame["status"] == "ok").all()


def test_a_store_that_cannot_be_written_is_told_before_anything_is_measured(space: Space, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    Store(path).close()
    with pytest.raises(StoreError, match="readonly"):
        nb.sweep(space, platforms="simulated", store=f"sqlite:///file:{path}?mode=ro&uri=true", progress=False)


@pytest.mark.runtime("ai_edge_litert")
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity here")
def test_runners_are_pinned_to_cores_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    with LocalTarget().start(get_platform("tflite")) as worker:
        worker.request("hello", 60)
        assert os.sched_getaffinity(worker.pid) == {max(os.sched_getaffinity(0))}


def test_sweeps_that_take_wall_clock_wait_for_one_another() -> None:
    code = (
        "from nnbehave.measurement.targets import LocalTarget\n"
        "with LocalTarget().exclusive(print): print('in', flush=True); input()"
    )
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"

        def release(message: str) -> None:
            told.append(message)
            holder.stdin.write("\n")  # type: ignore[union-attr]
            holder.stdin.flush()  # type: ignore[union-attr]

        with LocalTarget().exclusive(release):
            assert holder.wait() == 0
    assert told == ["another sweep is measuring on this machine; waiting for it"]


@pytest.mark.process
def test_a_statistic_is_told_of_what_was_measured(tmp_path: Path) -> None:
    """The simulated platform takes its law times a log-normal factor, and half as long again once in fifty calls."""
    store, layer = tmp_path / "s.db", nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)
    simulated = "simulated?law=flat&step_us=1000&noise=0.05"  # so long that a span is one call
    told = {
        name: nb.measure([layer], simulated, store, method="whole", statistic=name, progress=False)
        for name in (None, "median", "mean", "p90")
    }
    ms = {name: results.frame["latency_ms"].item() for name, results in told.items()}
    assert ms["median"] == pytest.approx(1.0, rel=0.02)
    assert ms["mean"] == pytest.approx(1.011, rel=0.02)
    assert ms["p90"] == pytest.approx(1.07, rel=0.03)
    assert told[None].frame["session"].item() == told["p90"].frame["session"].item()  # it was not measured again
    assert nb.load_results(store, statistic="p90").frame["latency_ms"].item() == ms["p90"]
    assert set(told["mean"].frame["estimator"]) == {"mean of spans"}
    told["mean"].save(tmp_path / "r.csv")
    with pytest.raises(InvalidInputError, match=r"statistic: .*r\.csv has no spans, only a store has them"):
        nb.load_results(tmp_path / "r.csv", statistic="mean")
    with pytest.raises(InvalidInputError, match=r"statistic: expected"):
        nb.measure([layer], simulated, statistic="mode", progress=False)

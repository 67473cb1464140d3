"""The target ``ssh``: sweeps on an OpenSSH server that runs on this machine."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import ConnectionLost, MissingExtraError, NNBehaveError, TargetError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.tflite import TFLite
from nnbehave.measurement.session import start
from nnbehave.measurement.targets import get_target
from nnbehave.measurement.targets._ssh import client
from nnbehave.measurement.worker import Worker
from nnbehave.runner.lock import MeasuringLock

psutil = pytest.importorskip("psutil", reason="needs psutil: pip install 'nnbehave[dev]'")

from tests.measurement.targets.server import Server, needed  # noqa: E402
from tests.test_sweep import until  # noqa: E402

pytestmark = pytest.mark.process

LOUD = "simulated?noise=2.0"  # too noisy for an interval of 2 %, so a sweep takes many rounds

if lacking := needed():
    pytest.skip(lacking, allow_module_level=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PATH", running.path)
    return running


def sweep(space: Space, server: Server, platform: str = "simulated?noise=0.001", **options: Any) -> Any:
    return nb.sweep(space, platforms=platform, target=server.target, progress=False, **options)


def _line(process: Any) -> str:
    return " ".join(process.info["cmdline"] or []) if hasattr(process, "info") else " ".join(process.cmdline())


def there() -> set[int]:
    """Return the ids of the processes that sweeps run on hosts, and of their ``ssh`` clients."""
    marks = ("nnbehave.runner.guard", "nnbehave.runner.host")
    return {p.pid for p in psutil.process_iter(["cmdline"]) if any(mark in _line(p) for mark in marks)}


def until_true(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def gone(before: set[int]) -> None:
    """Check that all processes of a sweep have ended."""
    until_true(lambda: there() <= before)


def artifacts(server: Server) -> dict[str, float]:
    """Return the files of artifacts on the host with the times at which they were written."""
    return {str(file): file.stat().st_mtime for file in (server.cache / "nnbehave/artifacts").glob("*/*")}


def test_a_sweep_on_a_host_gives_the_same_results_and_leaves_nothing_running(server: Server, space: Space) -> None:
    before = there()
    frame = sweep(space, server).frame
    here = nb.sweep(space, platforms="simulated?noise=0.001", progress=False).frame
    assert set(frame["target"]) == {server.target}
    assert set(frame["status"]) == {"ok"}
    assert list(frame["latency_ms"]) == pytest.approx(list(here["latency_ms"]), rel=0.01)
    gone(before)


def test_a_second_sweep_pushes_nothing(server: Server, space: Space, caplog: pytest.LogCaptureFixture) -> None:
    sweep(space, server)
    first = artifacts(server)
    assert len(first) >= 20
    with caplog.at_level("INFO", logger="nnbehave"):
        sweep(space, server)
    assert artifacts(server) == first
    assert "pushed" not in caplog.text
    assert "pushing" not in caplog.text
    assert "clock_source" in caplog.text


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_a_real_runtime_is_measured_on_a_host(server: Server, base: nb.Layer) -> None:
    for module in ("tensorflow", "ai_edge_litert"):
        pytest.importorskip(module, reason="needs nnbehave[all]")
    results = nb.measure([base], "tflite", method="whole", interval=0.5, target=server.target, progress=False)
    (row,) = results.frame.to_dict("records")
    assert (row["target"], row["executed_precision"]) == (server.target, "fp32")
    assert row["latency_ms"] > 0
    assert row["output_error"] < 1e-5  # so the reference came with the artifact


def test_studies_measure_on_a_host(server: Server, tmp_path: Path, base: nb.Layer) -> None:
    def connections() -> int:
        return server.log.read_text(errors="replace").count("Accepted publickey")

    platform = "simulated?noise=0.001&width=8"
    one, more = (base.replace(out_channels=n) for n in (9, 17))
    before = connections()
    found = nb.compare(one, more, platform, pairs=8, processes=2, target=server.target, progress=False)
    assert found.low <= 2 / 3 <= found.high
    assert connections() > before
    before = connections()
    nb.diagnose(f"{platform}&dimension=in_channels", seconds=0.5, target=server.target, progress=False)
    assert connections() > before
    nb.make_card("simulated?law=roofline", tmp_path / "r.db", minutes=0.02, target=server.target, progress=False)
    assert set(nb.load_results(tmp_path / "r.db").frame["target"]) == {server.target}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sessions try lost connections again soon, and give up after a few seconds."""
    monkeypatch.setattr(start, "WAITS_S", (0.1, 0.2, 0.4, 0.8))


def in_the_middle(run: Callable[[], Any], store: Path, *happens: tuple[int, Callable[[], Any]]) -> Any:
    """Run a sweep, make each thing happen after so many samples, and return the result or the error of the sweep."""
    found: list[Any] = []

    def call() -> None:
        try:
            found.append(run())
        except NNBehaveError as error:
            found.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    for blocks, what in happens:
        until(store, blocks)
        what()
    thread.join(timeout=120)
    return found[0]


@pytest.mark.usefixtures("hasty")
def test_no_layer_is_lost_when_connections_are_cut(server: Server, space: Space, tmp_path: Path) -> None:
    """All connections are killed twice during a sweep."""
    before, path, cuts = there(), tmp_path / "r.db", []
    cut = lambda: cuts.append(server.cut())  # noqa: E731
    frame = in_the_middle(lambda: sweep(space, server, LOUD, store=path).frame, path, (60, cut), (200, cut))
    assert min(cuts) >= 2
    assert len(frame) == 20
    assert frame["latency_ms"].notna().all()
    assert not frame["status"].isin(["failed", "timeout", "unsupported"]).any()
    with sqlite3.connect(path) as raw:
        assert raw.execute("select count(*) from outcomes").fetchone() == (0,)
    gone(before)


@pytest.mark.usefixtures("hasty")
def test_no_layer_is_lost_when_an_ssh_client_is_killed(server: Server, space: Space, tmp_path: Path) -> None:
    before, path = there(), tmp_path / "r.db"

    def kill() -> None:
        deadline = time.monotonic() + 10
        clients: list[psutil.Process] = []
        while not clients and time.monotonic() < deadline:  # between two runners there is none
            children = psutil.Process().children()
            clients = [p for p in children if p.name() == "ssh" and "nnbehave.runner.guard" in _line(p)]
        assert len(clients) == 1
        clients[0].kill()

    frame = in_the_middle(lambda: sweep(space, server, LOUD, store=path).frame, path, (60, kill))
    assert frame["latency_ms"].notna().all()
    gone(before)


@pytest.mark.usefixtures("hasty")
def test_a_silent_connection_is_given_up_and_its_runner_is_ended(
    server: Server, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host does not notice that the network is gone. The next connection ends what runs there."""
    monkeypatch.setitem(client.OPTIONS, "ServerAliveInterval", "1")
    monkeypatch.setitem(client.OPTIONS, "ServerAliveCountMax", "1")
    before, path, silent = there(), tmp_path / "r.db", []

    def silence() -> None:
        for process in server.connections():
            process.suspend()
            silent.append(process)

    try:
        frame = in_the_middle(lambda: sweep(space, server, LOUD, store=path).frame, path, (60, silence))
        assert len(silent) >= 2
        assert frame["latency_ms"].notna().all()
        gone(before)
    finally:
        for process in silent:
            process.kill()


@pytest.mark.usefixtures("hasty")
def test_a_sweep_whose_host_is_gone_ends_and_can_go_on_later(server: Server, space: Space, tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    error = in_the_middle(lambda: sweep(space, server, LOUD, store=path), path, (200, server.stop))
    try:
        assert isinstance(error, ConnectionLost)
        assert "Board" in str(error)
        kept = len(nb.load_results(path))
        assert kept > 0
    finally:
        server.start()
    assert sweep(space, server, LOUD, store=path).frame["latency_ms"].notna().all()


def test_a_killed_sweep_leaves_nothing_on_the_host_even_if_a_layer_hangs(server: Server) -> None:
    before = there()
    code = (
        "import nnbehave as nb\n"
        "layer = nb.Layer(op='conv', height=7, in_channels=8, out_channels=7, kernel=3)\n"
        f"nb.measure([layer], 'simulated?hang_at=7', target={server.target!r}, progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    until_true(lambda: len(there() - before) >= 5)  # two clients, the helper, the runner, its guard
    process.kill()
    process.wait()
    gone(before)


def test_a_layer_that_kills_its_runner_on_a_host_fails_alone(server: Server, space: Space) -> None:
    frame = sweep(space, server, "simulated?crash_at=5").frame.set_index("out_channels")
    assert frame.loc[5, "status"] == "failed"
    assert "died (exit code 42)" in frame.loc[5, "reason"]
    assert (frame.drop(5)["status"] == "ok").all()


def test_exact_costs_can_be_counted_on_a_host(server: Server, space: Space) -> None:
    frame = sweep(space, server, "simulated", method="estimated").frame
    assert set(frame["method"]) == {"estimated"}
    assert list(frame["latency_ms"]) == pytest.approx([0.06 if n <= 16 else 0.1 for n in range(1, 21)])


def test_a_host_without_the_runtime_is_refused_before_anything_is_measured(
    server: Server, base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TFLite, "package", "no-such-runtime")
    path = tmp_path / "r.db"
    with pytest.raises(MissingExtraError, match="needs no-such-runtime, which .* on Board lacks: run .* -m pip"):
        nb.measure([base], "tflite", path, target=server.target, progress=False)
    assert not path.exists()


def test_a_python_without_numpy_is_refused(server: Server, base: nb.Layer, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    with pytest.raises(TargetError, match="bare/bin/python on Board has no NumPy"):
        nb.measure([base], "simulated", target=f"ssh://Board?python={bare}/bin/python", progress=False)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ssh://Board?python=/no/such/python", "Board has no /no/such/python: name one with"),
        ("ssh://Board?python=/bin/false", "/bin/false does not run on Board"),
        ("ssh://127.0.0.1:1", "127.0.0.1:1 cannot be reached: .*[Rr]efused"),
        ("ssh://no-such-host.invalid", "cannot be reached: .*[Rr]esolve"),
        ("ssh://nobody-of-that-name@Board", "cannot be reached: .*[Dd]enied.*must connect without asking"),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_host_that_cannot_be_reached_is_reported_soon(base: nb.Layer, address: str, says: str) -> None:
    began = time.monotonic()
    with pytest.raises(TargetError, match=says):
        nb.measure([base], "simulated", target=address, progress=False)
    assert time.monotonic() - began < 15


def test_another_host_key_is_refused(server: Server, base: nb.Layer) -> None:
    known = server.folder / "known"
    right = known.read_text()
    address, kind, _ = right.split()[:3]
    other = (server.folder / "user_key.pub").read_text().split()[1]
    known.write_text(f"{address} {kind} {other}\n")
    try:
        with pytest.raises(TargetError, match="Board cannot be reached: Host key verification failed"):
            nb.measure([base], "simulated", target=server.target, progress=False)
    finally:
        known.write_text(right)


def test_a_machine_without_ssh_is_reported(base: nb.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TargetError, match="install OpenSSH's client"):
        nb.measure([base], "simulated", target="ssh://Board", progress=False)


@pytest.mark.runtime("ai_edge_litert")
def test_runners_on_a_host_are_pinned_to_the_last_cores(server: Server) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    with get_target(server.target) as target, target.start(get_platform("tflite?threads=2")) as worker:
        assert worker.request("hello", 60)["cpus"] == sorted(os.sched_getaffinity(0))[-2:]


def test_sweeps_over_ssh_and_local_sweeps_wait_for_each_other(server: Server) -> None:
    told: list[str] = []
    here = MeasuringLock()
    with get_target(server.target) as target:
        until_true(here.take, 240)  # another sweep on this machine may hold it
        with target.exclusive(lambda message: (told.append(message), here.release())):  # type: ignore[func-returns-value]
            assert told == ["another sweep is measuring on Board; waiting for it"]
            assert not here.take()
        until_true(here.take)
    here.release()


def test_a_frequency_governor_that_makes_latencies_vary_gives_a_warning(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = Worker.request

    def powersave(self: Worker, cmd: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        answer = plain(self, cmd, timeout_s, **fields)
        return {**answer, "state": {**answer["state"], "governor": "powersave"}} if cmd == "begin" else answer

    monkeypatch.setattr(Worker, "request", powersave)
    with get_target(server.target):
        assert "governor of Board is 'powersave', not 'performance'" in caplog.text


def test_the_settings_of_the_host_s_clocks_are_stored(server: Server, base: nb.Layer, tmp_path: Path) -> None:
    nb.measure([base], "simulated", tmp_path / "r.db", target=server.target, progress=False)
    with sqlite3.connect(tmp_path / "r.db") as raw:
        (state,) = (json.loads(row[0]) for row in raw.execute("select state from sessions"))
    assert state.keys() == {"governor", "max_mhz", "clock_source", "clock_resolution_ns"}
    assert state["clock_resolution_ns"] > 0

"""The helper process on a host: artifacts, facts and the lock."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnbehave.measurement.worker import PythonWorker
from nnbehave.runner.host import artifact_key, trim
from nnbehave.runner.lock import MeasuringLock

pytestmark = pytest.mark.process

Start = Callable[[], PythonWorker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    workers = []

    def connected(token: str = "a-token") -> PythonWorker:
        workers.append(PythonWorker("nnbehave.runner.host", [token], {"TMPDIR": str(tmp_path)}))
        assert workers[-1].request("begin", 20, folder=str(tmp_path / "host"))["ok"]
        return workers[-1]

    yield connected
    for worker in workers:
        worker.close()


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "model").write_bytes(bytes(range(256)) * 10)
    (folder / "reference.npz").write_bytes(b"")
    (folder / "artifact.json").write_text("how it was made")
    return folder


def write(worker: PythonWorker, key: str, name: str, content: bytes) -> None:
    assert worker.request("write", 20, key=key, name=name, data=base64.b64encode(content).decode())["ok"]


def test_an_artifact_arrives_in_pieces_and_counts_when_it_is_complete(start: Start, artifact: Path) -> None:
    worker, key, content = start(), artifact_key(str(artifact)), (artifact / "model").read_bytes()
    asked = worker.request("has", 20, key=key)
    assert not asked["there"]
    write(worker, key, "model", content[:1000])
    write(worker, key, "model", content[1000:])
    write(worker, key, "reference.npz", b"")
    assert not os.path.exists(asked["path"])
    assert worker.request("keep", 20, key=key)["ok"]
    assert worker.request("has", 20, key=key)["there"]
    assert Path(asked["path"], "model").read_bytes() == content
    assert artifact_key(asked["path"]) == key


def test_an_incomplete_artifact_never_counts(start: Start, artifact: Path) -> None:
    key, content = artifact_key(str(artifact)), (artifact / "model").read_bytes()
    cut = start()
    write(cut, key, "model", content[:1000])
    cut.kill()
    worker = start()
    assert not worker.request("has", 20, key=key)["there"]
    write(worker, key, "model", content)
    write(worker, key, "reference.npz", b"")
    assert worker.request("keep", 20, key=key)["ok"]
    write(worker, "0" * 64, "model", content[:-1])
    refused = worker.request("keep", 20, key="0" * 64)
    assert (refused["ok"], "did not arrive as it was sent" in refused["error"]) == (False, True)
    assert not worker.request("has", 20, key="0" * 64)["there"]


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="needs /proc: where there is none, none are found")
def test_a_new_connection_ends_the_processes_of_the_last_one(start: Start) -> None:
    first, other = start(), PythonWorker("nnbehave.runner.host", ["another-token"])
    start()
    assert first._process.wait(timeout=5) < 0
    assert other.request("versions", 20, packages=["numpy", "no-such-runtime"])["versions"]["no-such-runtime"] is None
    other.close()


def test_one_process_at_a_time_holds_the_machine(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker, here = start(), MeasuringLock()
    assert here.take()
    assert here.take()  # taking it again changes nothing
    assert not worker.request("lock", 20)["held"]
    here.release()
    assert worker.request("lock", 20)["held"]
    assert not here.take()
    worker.close()
    assert here.take()
    here.release()


def test_the_least_recently_used_artifacts_are_deleted_first(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "older", "oldest", ".half", ".abandoned"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model").write_bytes(bytes(1000))
        when = time.time() - 1000 * (age + (name == ".abandoned"))
        os.utime(tmp_path / name, (when, when))
    trim(str(tmp_path), 2000)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "older", ".half"}

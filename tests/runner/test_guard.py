"""The guard of a runner on a host: it ends the runner when the input ends."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

import nnbehave
from nnbehave.errors import WorkerDied
from nnbehave.measurement.worker import PythonWorker

psutil = pytest.importorskip("psutil", reason="needs psutil: pip install 'nnbehave[dev]'")
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="hosts are POSIX systems; this is none"),
]

STUBBORN = """
import ctypes, subprocess
from nnbehave.runner.backends.simulated import SimulatedBackend
class Stubborn(SimulatedBackend):
    def load(self, path, precision):
        subprocess.Popen(["sleep", "600"])
        ctypes.PyDLL(None).sleep(600)  # holds Python's lock, so that no thread runs
"""


def start(folder: Path, backend: str) -> PythonWorker:
    path = os.pathsep.join([str(folder), str(Path(nnbehave.__file__).parent.parent)])
    return PythonWorker("nnbehave.runner.guard", ["a-token", "--backend", backend], {"PYTHONPATH": path})


def test_a_busy_runner_and_its_children_end_with_the_input(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    worker = start(tmp_path, "stubborn:Stubborn")
    assert worker.request("hello", 20)["ok"]
    worker.send("load", handle="a", path="", seed=0, precision="fp32")
    deadline = time.monotonic() + 10
    while len(family := psutil.Process(worker.pid).children(recursive=True)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(family) == 2  # the runner and its child
    time.sleep(0.5)  # long enough to be in the call that holds Python's lock
    worker._to.close()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert worker._process.wait(timeout=5) == 128 + signal.SIGKILL
    worker.close()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, 137), (signal.SIGSEGV, 139)])
def test_the_exit_code_tells_which_signal_killed_the_runner(tmp_path: Path, how: int, code: int) -> None:
    with start(tmp_path, "nnbehave.runner.backends.simulated:SimulatedBackend") as worker:
        worker.request("hello", 20)
        (runner,) = psutil.Process(worker.pid).children()
        runner.send_signal(how)
        assert worker._process.wait(timeout=5) == code


def test_a_runner_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        start(tmp_path, "no.such:Thing") as worker,
        pytest.raises(WorkerDied, match=r"exit code 1\): ModuleNotFoundError: No module named 'no'"),
    ):
        worker.request("hello", 20)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnbehave
from nnbehave.errors import WorkerDied, WorkerTimeout
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import PythonWorker, Worker
from nnbehave.runner.protocol import PROTOCOL_VERSION
from nnbehave.runner.tensors import decode_array, encode_array

pytestmark = pytest.mark.process


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps({"layers": [{"op": "conv", "out_channels": 17, "precision": "fp32"}]}))
    return str(path)


def start(name: str = "simulated") -> Worker:
    return LocalTarget().start(get_platform(name))


def test_a_conversation(spec: str) -> None:
    with start("simulated?noise=0") as worker:
        hello = worker.request("hello", 20)
        assert hello["protocol"] == PROTOCOL_VERSION
        assert hello["machine"]["cores"] == os.cpu_count()
        loaded = worker.request("load", 20, handle="a", path=spec, seed=0, precision="fp32")
        assert loaded["kernels"] == [["simulated", "fp32", True, ""]]
        assert loaded["fidelity"] is None
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        answer = worker.request("run", 20, handle="a", inputs=[encode_array(array)])
        np.testing.assert_array_equal(decode_array(answer["outputs"][0]), array)
        worker.send("time", handles=["a", "a"], span_ns=200_000, sample_ns=2_000_000)
        for _ in range(2):
            sample = worker.receive(20)
            assert sample["handle"] == "a"
            assert 3 <= len(sample["spans_ns"]) <= 10
            call_ns = 100_000  # 20 µs and 2 steps of 40 µs
            assert all(span == call_ns * sample["calls_per_span"] for span in sample["spans_ns"])
            assert sample["witnesses"] == {}  # this machine does not disturb a simulated clock
        worker.send("rotate", handles=["a", "a"], passes=2, evict_bytes=0)
        assert [worker.receive(20)["spans_ns"] for _ in range(2)] == [[100_000] * 2] * 2
        assert worker.request("warm_up", 20, handle="a", span_ns=200_000)["steady"]
        assert worker.request("unload", 20, handle="a")["ok"]


def test_a_bad_request_is_answered_and_the_worker_stays(spec: str) -> None:
    with start() as worker:
        for bad in ({"cmd": "dance"}, {"cmd": "load", "handle": "a"}, {"cmd": "time", "handles": ["never loaded"]}):
            answer = worker.request(bad.pop("cmd"), 20, **bad)
            assert (answer["ok"], answer["kind"]) == (False, "failed")
            assert answer["error"]
        assert worker.request("hello", 20)["ok"]


def test_a_worker_ends_with_its_input_even_while_it_hangs(spec: str) -> None:
    worker = start("simulated?hang_at=17")
    worker.request("load", 20, handle="a", path=spec, seed=0, precision="fp32")
    worker.send("time", handles=["a"], span_ns=1, sample_ns=1)
    worker._to.close()
    assert worker._process.wait(timeout=5) == 0
    worker.close()


def test_a_worker_that_does_not_answer_in_time_is_killed(spec: str) -> None:
    with start("simulated?hang_at=17") as worker:
        worker.request("load", 20, handle="a", path=spec, seed=0, precision="fp32")
        worker.send("time", handles=["a"], span_ns=1, sample_ns=1)
        with pytest.raises(WorkerTimeout, match=r"0\.2 s"):
            worker.receive(0.2)
        assert worker._process.poll() is not None


def test_the_error_of_a_dead_worker_has_its_last_output() -> None:
    broken = ["--backend", "no.such:Thing"]
    with PythonWorker("nnbehave.runner", broken) as worker, pytest.raises(WorkerDied, match="no"):
        worker.request("hello", 20)


def test_output_of_libraries_does_not_disturb_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text(
        "import os\n"
        "from nnbehave.runner.backends.simulated import SimulatedBackend\n"
        "class Chatty(SimulatedBackend):\n"
        "    def versions(self):\n"
        "        print('python noise', flush=True)\n"
        "        os.write(1, b'native noise')\n"
        "        return {}\n"
    )
    with PythonWorker("nnbehave.runner", ["--backend", "chatty:Chatty"], {"PYTHONPATH": _path(tmp_path)}) as worker:
        assert worker.request("hello", 20)["versions"] == {}


def _path(folder: Path) -> str:
    return os.pathsep.join([str(folder), str(Path(nnbehave.__file__).parent.parent)])


def test_the_runner_imports_nothing_else_of_nnbehave(tmp_path: Path, spec: str) -> None:
    """A copy of the runner in an empty package runs; without tensors it imports only the standard library."""
    package = tmp_path / "nnbehave"
    shutil.copytree(Path(nnbehave.__file__).parent / "runner", package / "runner")
    (package / "__init__.py").write_text("")
    code = (
        "import sys; from nnbehave.runner import __main__, protocol; import nnbehave.runner.backends.simulated\n"
        "others = {m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(m for m in others if not m.startswith('_')))"
    )
    clean = {**os.environ, "PYTHONPATH": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", code], env=clean, text=True, cwd=tmp_path)
    assert set(json.loads(said.replace("'", '"'))) <= {"nnbehave", "site", "sitecustomize", "editable"}
    backend = "nnbehave.runner.backends.simulated:SimulatedBackend"
    load = {"cmd": "load", "handle": "a", "path": spec, "seed": 0, "precision": "fp32"}
    talk = "\n".join(json.dumps(message) for message in ({"cmd": "hello"}, load))
    process = subprocess.Popen(
        [sys.executable, "-m", "nnbehave.runner", "--backend", backend],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean,
        cwd=tmp_path,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(talk + "\n")
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.stdin.close()
    process.wait(timeout=10)
    process.stdout.close()
    assert [answer["ok"] for answer in answers] == [True, True]


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int64"])
def test_arrays_survive_the_protocol(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype).transpose(0, 2, 1)
    np.testing.assert_array_equal(decode_array(json.loads(json.dumps(encode_array(array)))), array)

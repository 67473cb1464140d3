"""The runtimes' own benchmark tools: the median latency of an artifact with one thread on one core."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nnbehave.measurement.platforms import Platform

BIN = Path(sys.executable).parent


def peer_of(platform: Platform) -> Callable[[str, int, Path], float]:
    """Return the function that times a model file of a platform: (file, core, scratch folder) to ms."""
    return openvino_ms if platform.name == "openvino" else litert_ms


_LOOPS = {
    "tflite": """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model, num_threads=1)
interpreter.allocate_tensors()
call = interpreter.invoke
""",
    "openvino": """
import openvino
hints = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
call = openvino.Core().compile_model(model, "CPU", hints).create_infer_request().infer
""",
}
_LOOP = """
import json, sys, time
model = sys.argv[1]
{load}
times_ns = []
end = time.perf_counter() + 1
while time.perf_counter() < end:
    start = time.perf_counter_ns()
    call()
    times_ns.append(time.perf_counter_ns() - start)
print(json.dumps(times_ns[len(times_ns) // 10:]))
"""


def plain_loop_ms(platform: Platform, model: str, core: int) -> list[float]:
    """Return the times of the calls of a model in a loop as a user would write it, for a second, in ms."""
    program = _LOOP.format(load=_LOOPS[platform.name])
    command = ["taskset", "-c", str(core), sys.executable, "-c", program, model]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [time_ns / 1e6 for time_ns in json.loads(said.splitlines()[-1])]


def litert_ms(model: str, core: int, folder: Path) -> float:
    """Return the median of litert-benchmark in ms."""
    out = folder / "litert.json"
    command = [str(BIN / "litert-benchmark"), "--model", model, "--num_threads", "1", "--num_runs", "200"]
    pinned = ["taskset", "-c", str(core), *command, "--result_json", str(out)]
    subprocess.run(pinned, check=True, capture_output=True)
    found = json.loads(out.read_text(encoding="utf-8"))
    return float(_find(found, ("median_ms", "latency_median_ms", "p50_ms", "median")))


def _find(found: object, names: tuple[str, ...]) -> float:
    """Return the number under the first of the names that is there, at any depth. Raises KeyError if none is."""
    if isinstance(found, dict):
        for name in names:
            if isinstance(found.get(name), int | float):
                return float(found[name])
        for value in found.values():
            try:
                return _find(value, names)
            except KeyError:
                continue
    raise KeyError(names)


def openvino_ms(model: str, core: int, folder: Path) -> float:
    """Return the median of OpenVINO's benchmark_app in ms."""
    settings = {"CPU": {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32"}}
    config = folder / "config.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    command = [str(BIN / "benchmark_app"), "-m", model, "-d", "CPU", "-api", "sync", "-hint", "none", "-t", "1"]
    pinned = ["taskset", "-c", str(core), *command, "-load_config", str(config)]
    said = subprocess.run(pinned, check=True, capture_output=True, text=True).stdout
    match = re.search(r"Median:\s+([\d.]+) (ms|us)", said)
    assert match, said
    return float(match[1]) * {"ms": 1.0, "us": 1e-3}[match[2]]

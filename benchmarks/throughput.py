"""Layers a second, end to end and by phase, and what the same layers cost through one litert-benchmark each.

    python benchmarks/throughput.py [--layers 100]

A hundred convolutions (14×14, Cin 64, K 3, Cout 1 to 100) on ``tflite``, ``stacked`` and ``whole``, at ±2 % and at
±5 %, from nothing and with the artifacts cached. Then the single layers' artifacts through ``litert-benchmark``, the
command that comes with ai-edge-litert, one process a layer, at its own default of runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import sqlalchemy as sa

import nnbehave as nb


class PeakMemory(threading.Thread):
    """Watches the resident memory of this process and all below it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._end = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._end.wait(0.1):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue  # it has just ended
            self.peak_bytes = max(self.peak_bytes, total)

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self.peak_bytes


def phases(store: Path, began: float, ended: float) -> dict[str, float]:
    """Return the wall seconds of each phase, and the seconds inside timed inferences, as the store has them."""
    engine = sa.create_engine(f"sqlite:///{store}")
    with engine.connect() as connection:
        (session,) = connection.execute(sa.text("select started_at from sessions")).one()
        graph, convert, newest = connection.execute(
            sa.text("select sum(graph_s), sum(convert_s), count(*) from artifacts")
        ).one()
        (load,) = connection.execute(sa.text("select sum(load_s) from loads")).one()
        blocks = connection.execute(sa.text("select times_ns, taken_at from blocks order by id")).all()
    timed = sum(sum(json.loads(times)) for times, _ in blocks) / 1e9
    return {
        "convert_wall": session - began,
        "graph": graph,
        "convert": convert,
        "load": load,
        "measure_wall": ended - session,
        "timed": timed,
        "rounds": len(blocks) / newest,
    }


def run(name: str, layers: int, method: str, interval: float, cache: Path, folder: Path) -> None:
    os.environ["NNBEHAVE_CACHE_DIR"] = str(cache)
    store = folder / f"{name}.db"
    layer = nb.Layer(op="conv", height=14, in_channels=64, out_channels=64, kernel=3)
    memory = PeakMemory()
    memory.start()
    began = time.time()
    results = nb.sweep(
        layer=layer,
        dimension="out_channels",
        values=range(1, layers + 1),
        platforms="tflite",
        store=store,
        method=method,
        interval=interval,
        progress=False,
    )
    ended = time.time()
    peak = memory.stop()
    found = phases(store, began, ended)
    seconds = ended - began
    ok = int((results.frame["status"] == "ok").sum())
    half = (results.frame["latency_high_ms"] - results.frame["latency_low_ms"]) / results.frame["latency_ms"] / 2
    print(f"{name}: {layers / seconds:.1f} layers/s ({seconds:.1f} s), {ok} of {layers} within ±{interval:.0%}")
    print(f"  until converted {found['convert_wall']:.1f} s, then measuring {found['measure_wall']:.1f} s")
    start = found["convert_wall"] - (found["graph"] + found["convert"]) / (os.cpu_count() or 1)
    if start > 1:
        without = layers / (seconds - start)
        print(f"  of that, starting TensorFlow some {start:.1f} s; without it {without:.1f} layers/s")
    print(
        f"  a layer: graph {found['graph'] / layers * 1e3:.0f} ms, convert {found['convert'] / layers * 1e3:.0f} ms "
        f"(when it was made), load {found['load'] / layers * 1e3:.1f} ms, {found['rounds']:.1f} rounds, "
        f"timed {found['timed'] / layers * 1e3:.1f} ms"
    )
    print(
        f"  timed inference: {found['timed'] / seconds:.0%} of all wall time, "
        f"{found['timed'] / found['measure_wall']:.0%} of measuring; median half-width ±{np.median(half):.1%}; "
        f"peak memory {peak / 2**20:.0f} MiB"
    )


def peer(layers: int, cache: Path) -> None:
    """Time litert-benchmark, one process a layer, on the artifacts that are in the cache."""
    command = Path(sys.executable).with_name("litert-benchmark")
    models = sorted((cache / "tflite").glob("*/model.tflite"))[:layers]
    began = time.time()
    for model in models:
        subprocess.run([command, "--model", model, "--num_threads", "1"], check=True, capture_output=True)
    seconds = time.time() - began
    print(
        f"litert-benchmark, one process a layer, artifacts cached: {len(models) / seconds:.1f} layers/s "
        f"({seconds:.1f} s); one mean a layer, no interval"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=100)
    layers = parser.parse_args().layers
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for method in ("stacked", "whole"):
            for interval in (0.02, 0.05):
                cache = folder / f"{method}-{interval}"
                run(f"{method}, from nothing, ±{interval:.0%}", layers, method, interval, cache, folder)
                run(f"{method}, artifacts cached, ±{interval:.0%}", layers, method, interval, cache, folder)
        peer(layers, folder / "whole-0.02")


if __name__ == "__main__":
    main()

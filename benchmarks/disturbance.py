"""Does converting disturb measuring? Layers timed while a converter is busy on another core, and while it idles.

The reason for a sweep's turns: it converts a shard, then measures it, and its converting processes idle meanwhile.
Phases of both kinds alternate; printed is the median over pairs of phases of busy over idle, with its quartiles.

    python benchmarks/disturbance.py
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import threading
import time

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.errors import WorkerError
from nnbehave.measurement.converters import Artifact, ArtifactCache, convert_all, get_converter
from nnbehave.measurement.isolation import bound
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.statistics import sample_ms
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import PythonWorker, Worker

LAYERS = [
    Layer(op="conv", height=14, in_channels=64, out_channels=64, kernel=3),
    Layer(op="conv", height=28, in_channels=128, out_channels=128, kernel=1),
    Layer(op="conv", height=7, in_channels=256, out_channels=512, kernel=3),
    Layer(op="mobilenet_v2", height=28, in_channels=64, kernel=3),
    Layer(op="dwconv", height=56, in_channels=64, kernel=3),
    Layer(op="dwconv", height=112, in_channels=96, kernel=5),
    Layer(op="add", height=56, in_channels=64),
    Layer(op="add", height=112, in_channels=96),
    Layer(op="dense", in_channels=1280, out_channels=1000),
]


class Converter(threading.Thread):
    """Converts one layer after another while it may, by a process that leaves the runner's core alone."""

    def __init__(self, cache: ArtifactCache) -> None:
        super().__init__(daemon=True)
        self.may = threading.Event()
        self.done = 0
        self._cache = str(cache.root)
        self.worker = PythonWorker("nnbehave.measurement.converters")
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(self.worker.pid, cores[:-1] or cores)

    def run(self) -> None:
        for n in itertools.count(3):
            self.may.wait()
            graph = Graph([Layer(op="conv", height=28, in_channels=320, out_channels=3 + n % 998, kernel=3)])
            fields = {"converter": "tflite", "graph": graph.to_dict(), "seed": n, "cache": self._cache}
            try:
                self.worker.request("convert", 120, **fields)
            except WorkerError:  # it was ended
                return
            self.done += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    graphs = {layer.id: Graph([layer]) for layer in LAYERS}
    with tempfile.TemporaryDirectory() as scratch:
        cache = ArtifactCache(scratch)
        made = dict(convert_all([(get_converter("tflite"), graph) for graph in graphs.values()], 0, cache))
        converter = Converter(cache)
        converter.start()
        converter.may.set()
        time.sleep(8)  # TensorFlow's start
        times: dict[str, dict[bool, list[float]]] = {name: {True: [], False: []} for name in graphs}
        with LocalTarget().start(get_platform("tflite")) as runner:
            runner.request("hello", 60)
            for (_, graph), artifact in made.items():
                assert isinstance(artifact, Artifact)
                runner.request("load", 60, handle=graph.id, path=artifact.path, seed=0, precision="fp32")
            converter.done = 0
            for busy in [False, True] * pairs:
                (converter.may.set if busy else converter.may.clear)()
                time.sleep(0.7)  # what is under way comes to its end
                for name, ms in phase(runner, list(graphs)).items():
                    times[name][busy].append(ms)
        converter.worker.kill()
    print(f"{converter.done} layers converted in the busy phases; busy over idle, median (quartiles)")
    for name, graph in graphs.items():
        ratios = [busy / idle for busy, idle in zip(times[name][True], times[name][False], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        idle_us = statistics.median(times[name][False]) * 1e3
        print(f"  {bound(graph):8} {idle_us:7.1f} µs  {middle:.3f} ({low:.3f} to {high:.3f})  {name}")


def phase(runner: Worker, names: list[str]) -> dict[str, float]:
    """Return the median of three blocks of each layer, in ms."""
    blocks: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(3):
        runner.send("time", handles=names, span_ns=200_000, sample_ns=3_000_000)
        for _ in names:
            answer = runner.receive(60)
            blocks[answer["handle"]].append(sample_ms(answer["spans_ns"], answer["calls_per_span"]))
    return {name: statistics.median(each) for name, each in blocks.items()}


if __name__ == "__main__":
    main()

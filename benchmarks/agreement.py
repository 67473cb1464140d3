"""Do we agree with independent instruments? litert-benchmark and benchmark_app on the artifacts that we time.

    python benchmarks/agreement.py [--platform tflite openvino]

Twenty layers between 0.05 and 20 ms, one thread, on one core. Ours is the whole call as it is timed, before anything
is subtracted; the peer's run lies between ours.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from peers import peer_of

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import ArtifactCache, convert_all, get_converter
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker


def layers() -> list[nb.Layer]:
    """Twenty between some 0.05 and 20 ms."""
    shapes = [(14, 64, 64), (14, 128, 128), (28, 64, 64), (28, 128, 128), (56, 64, 64), (56, 128, 128), (56, 256, 256)]
    found = [nb.Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=3) for h, i, o in shapes]
    found += [nb.Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=1) for h, i, o in shapes[1:]]
    found += [nb.Layer(op="dwconv", height=h, in_channels=i, kernel=5) for h, i, _ in shapes[2:]]
    found += [nb.Layer(op="conv", height=112, in_channels=128, out_channels=64, kernel=3)]
    found += [nb.Layer(op="conv", height=112, in_channels=3, out_channels=64, kernel=7)]
    return found


def compare(name: str) -> None:
    platform = get_platform(name)
    peer = peer_of(platform)
    graphs = [Graph([layer]) for layer in layers()]
    jobs = [(get_converter(platform.converter_for(graph.precision)), graph) for graph in graphs]
    artifacts = {job[1].id: made for job, made in convert_all(jobs, 0, ArtifactCache())}
    differences = []
    with tempfile.TemporaryDirectory() as temporary, LocalTarget().start(platform) as worker:
        core = worker.request("hello", 60)["cpus"][0]
        for graph in graphs:
            path = artifacts[graph.id].path
            loaded = worker.request("load", 60, handle=graph.id, path=path, seed=0, precision="fp32")
            assert loaded["ok"], loaded
            ratios, ours_ms = [], []
            for _ in range(3):
                before = ours(worker, graph.id)
                theirs = peer(path, core, Path(temporary))
                ours_ms += [before, ours(worker, graph.id)]
                ratios.append(theirs / statistics.mean(ours_ms[-2:]))
            differences.append(statistics.median(ratios) - 1)
            print(f"  {graph.id:<50} {statistics.median(ours_ms):8.3f} ms, peer {differences[-1]:+.1%}", flush=True)
    print(
        f"{name}, the peer against us: median difference {np.median(differences):+.1%}, median size "
        f"{np.median(np.abs(differences)):.1%}, from {min(differences):+.1%} to {max(differences):+.1%}",
        flush=True,
    )


def ours(worker: Worker, handle: str) -> float:
    """Return the median span of twenty blocks, a call, in ms: the statistic that the peers report."""
    spans: list[float] = []
    for _ in range(20):
        answer = worker.request("time", 60, handles=[handle], span_ns=200_000, sample_ns=10_000_000)
        spans += [span / answer["calls_per_span"] / 1e6 for span in answer["spans_ns"]]
    return statistics.median(spans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", nargs="*", default=["tflite", "openvino"])
    for name in parser.parse_args().platform:
        compare(name)


if __name__ == "__main__":
    main()

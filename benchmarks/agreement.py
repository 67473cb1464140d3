"""Do we agree with independent instruments? litert-benchmark, benchmark_app and a plain loop, on what we time.

    python benchmarks/agreement.py [--platform tflite openvino] [--rounds 5]

First networks, then twenty layers between 0.05 and 20 ms; one thread, on one core. Ours is the whole call as it is
timed, before anything is subtracted; the others' runs lie between ours. Of networks each statistic is set beside the
same of a plain loop. Our own estimator keeps the faster two thirds of the spans of a sample, so it lies below a median
or a mean: the last lines say by how much.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from composition import own
from peers import peer_of, plain_loop_ms

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.networks import load_network
from nnbehave.measurement.converters import Artifact, ArtifactCache, convert_all, get_converter
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.statistics import Statistic, sample_ms
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


NETWORKS = ("mobilenet_v1", "squeezenet", "resnet18")
STATISTICS = ("mean", "median", "p25", "p90")


def networks() -> dict[str, Graph]:
    """Return networks that come along, and some of composition.py."""
    return {name: load_network(name) for name in NETWORKS} | {
        name: graph for name, graph in own().items() if name in ("vgg_32", "deep_and_thin", "mobilenet_v1_quarter_96")
    }


def compare_networks(name: str, rounds: int) -> None:
    """Print each statistic of a plain loop, and the peer's median, over ours of the same rounds."""
    platform = get_platform(name)
    peer, chosen = peer_of(platform), networks()
    artifacts = made(platform, chosen.values())
    off: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, LocalTarget().start(platform) as worker:
        core = worker.request("hello", 60)["cpus"][0]
        for network, graph in chosen.items():
            path = artifacts[graph.id].path
            worker.request("load", 60, handle=graph.id, path=path, seed=0, precision="fp32")
            ratios: dict[str, list[float]] = {}
            before = samples(worker, graph.id)
            for _ in range(rounds):
                loop, theirs = plain_loop_ms(platform, path, core), peer(path, core, Path(temporary))
                after = samples(worker, graph.id)
                spans = [ms for sample in (*before, *after) for ms in sample]
                estimate = statistics.median(map(faster_two_thirds, [*before, *after]))
                for each in STATISTICS:
                    ratios.setdefault(f"loop's {each}", []).append(Statistic(each).of(loop) / Statistic(each).of(spans))
                    ratios.setdefault(f"our {each} over our estimate", []).append(Statistic(each).of(spans) / estimate)
                ratios.setdefault("peer's median", []).append(theirs / Statistic("median").of(spans))
                before = after
            found = {what: statistics.median(each) - 1 for what, each in ratios.items()}
            told = ", ".join(f"{what} {value:+.1%}" for what, value in found.items())
            print(f"  {network:<24} {estimate:7.3f} ms: {told}", flush=True)
            for what, value in found.items():
                off.setdefault(what, []).append(value)
    for what, values in off.items():
        print(
            f"{name}, {what}: median {np.median(values):+.1%}, from {min(values):+.1%} to {max(values):+.1%}",
            flush=True,
        )


def made(platform: Platform, graphs: Iterable[Graph]) -> dict[str, Artifact]:
    """Return the artifact of each graph, by its id."""
    jobs = [(get_converter(platform.converter_for(graph.precision)), graph) for graph in graphs]
    return {job[1].id: result for job, result in convert_all(jobs, 0, ArtifactCache()) if isinstance(result, Artifact)}


def compare(name: str) -> None:
    platform = get_platform(name)
    peer = peer_of(platform)
    graphs = [Graph([layer]) for layer in layers()]
    artifacts = made(platform, graphs)
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
    """Return the median span of twenty samples, a call, in ms: the statistic that the peers report."""
    return statistics.median(ms for sample in samples(worker, handle) for ms in sample)


def samples(worker: Worker, handle: str) -> list[list[float]]:
    """Return twenty samples: of each span, the latency of a call in ms."""
    found = []
    for _ in range(20):
        answer = worker.request("time", 60, handles=[handle], span_ns=200_000, sample_ns=10_000_000)
        found.append([span / answer["calls_per_span"] / 1e6 for span in answer["spans_ns"]])
    return found


def faster_two_thirds(sample: list[float]) -> float:
    """Return what our estimator takes of a sample, in ms."""
    return sample_ms([round(ms * 1e6) for ms in sample], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", nargs="*", default=["tflite", "openvino"])
    parser.add_argument("--rounds", type=int, default=5, help="of each network")
    given = parser.parse_args()
    for name in given.platform:
        compare_networks(name, given.rounds)
        compare(name)


if __name__ == "__main__":
    main()

"""The seconds that each analyser takes over ten thousand measurements on four platforms.

    python benchmarks/findings.py

The measurements are of single layers, pairs and precisions. ``records`` is the conversion of a frame, such as one read
from a CSV file, to typed measurements; an analyser that is given a frame does that first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

import nnbehave as nb
from nnbehave.analysis.support import support_matrix
from nnbehave.design.operators import OPERATORS, get_operator
from nnbehave.design.operators.blocks import Block
from nnbehave.records import Execution, Fidelity, Interval, Latency, Measurement, Measurements, Status, Subject

COUNT = 10_000
PLATFORMS = ("a", "b", "c", "d")


def layers() -> Iterator[nb.Layer | nb.Graph]:
    """Yield layers of every kind that an analyser compares, each with what it is compared with."""
    operators = {name: get_operator(name) for name in sorted(OPERATORS)}
    blocks = [name for name, op in operators.items() if isinstance(op, Block) and "kernel" in op.required]
    for channels in range(16, 512, 16):
        for height in (7, 14, 28, 56):
            dwconv = nb.Layer(op="dwconv", height=height, in_channels=channels, kernel=3)
            for activation in (None, "relu", "relu6", "hardswish", "sigmoid", "swish"):
                yield dwconv.replace(activation=activation)
            for precision in ("fp16", "int8"):
                yield dwconv.replace(precision=precision)
            for kernel in (1, 5, 7):
                yield nb.Layer(op="conv", height=height, in_channels=32, out_channels=channels, kernel=kernel)
            relu, shuffle = (nb.Layer(op=op, height=height, in_channels=channels) for op in ("relu", "shuffle"))
            yield from (relu, nb.Graph([dwconv, relu]), nb.Graph([dwconv, shuffle]), nb.Graph([dwconv, shuffle, relu]))
            yield nb.Layer(op="add", height=height, in_channels=channels)
            if channels % 64 == 0:
                for op in blocks:
                    yield nb.Layer(op=op, height=height, in_channels=channels, kernel=3)


def measurements() -> Iterator[Measurement]:
    """Yield a measurement of each layer on each platform, at 1 % error."""
    rng = np.random.default_rng(0)
    graphs = [of if isinstance(of, nb.Graph) else nb.Graph([of]) for of in layers()]
    subjects = {graph: Subject.of(graph) for graph in graphs}
    for platform in PLATFORMS:
        for graph in graphs:
            first = graph.layers[0]
            ms = (graph.ops / 5e7 + first.mac_bytes / 1e7 + 0.005) * float(np.exp(0.01 * rng.standard_normal()))
            interval = Interval(0.98 * ms, 1.02 * ms)
            yield Measurement(
                subject=subjects[graph],
                platform=platform,
                target="local",
                method="whole",
                environment="e",
                session=1,
                status=Status.OK,
                latency=Latency(ms, interval, 0.01 * ms, ms, interval),
                execution=Execution(first.precision, "full", (), Fidelity(1e-7, 1.0, 1e-7)),
            )


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    once = list(measurements())
    given = Measurements([*once, *(replace(one, environment="f") for one in once)][:COUNT])
    frame = given.frame
    analysers = [nb.rank_activations, nb.compare_blocks, nb.detect_fusion, nb.compare_precisions, nb.fit_roofline]
    analysers += [nb.fit_scaling, nb.compare_platforms, support_matrix]
    total = seconds_of(lambda: Measurements.from_frame(frame).records)
    print(f"{'records':<20} {total:6.2f} s", flush=True)
    for analyse in analysers:
        total += (seconds := seconds_of(lambda analyse=analyse: analyse(given)))
        print(f"{analyse.__name__:<20} {seconds:6.2f} s", flush=True)
    print(f"{'all':<20} {total:6.2f} s over {len(given)} measurements")


if __name__ == "__main__":
    main()

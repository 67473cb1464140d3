"""How the measured peak compares with the runtimes' own tools on fifty convolutions, and with the machine's own peak.

    python benchmarks/roofline.py [--platform tflite openvino]          # some three minutes a platform

``litert-benchmark`` and ``benchmark_app`` time the same artifacts with one thread on one core. The rate they attain
is OPs over their median. The machine's own peaks are those of NumPy's matrix product and of a copy, the fastest of all
repetitions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from peers import peer_of

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import ArtifactCache, convert_all, get_converter
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.targets import LocalTarget
from nnbehave.studies.roofline import machine_peaks


def shapes() -> list[nb.Layer]:
    """Return fifty convolutions of 20 M to 600 M multiply-adds, other than those that the roofs are found with.

    They have no padding. OPs count the products with padding, but a runtime need not compute them: a 7×7 convolution of
    kernel 5 with padding attains 168 G multiply-adds/s on OpenVINO, of which 115 are computed.
    """
    rng = np.random.default_rng(0)
    found: dict[nb.Layer, None] = {}
    while len(found) < 50:
        height, kernel = int(rng.choice([7, 13, 20, 33, 56])), int(rng.choice([1, 3, 5]))
        channels = (int(c) for c in 8 * np.rint(2 ** rng.uniform(1, 6, 2)))
        shape = {"in_channels": next(channels), "out_channels": next(channels), "kernel": kernel, "padding": "valid"}
        layer = nb.Layer(op="conv", height=height, **shape)
        if 20e6 < layer.ops < 600e6:
            found[layer] = None
    return list(found)


def compare(name: str) -> None:
    platform, layers = get_platform(name), shapes()
    began = time.monotonic()
    (roof,) = nb.measure_roofline(name, progress=False).roofs.to_dict("records")
    seconds = time.monotonic() - began
    jobs = [(get_converter(platform.converter_for("fp32")), Graph([layer])) for layer in layers]
    artifacts = {job[1].id: made for job, made in convert_all(jobs, 0, ArtifactCache())}
    with LocalTarget().start(platform) as worker:
        core = worker.request("hello", 60)["cpus"][0]
    attained = []
    with tempfile.TemporaryDirectory() as folder:
        for layer in layers:
            ms = peer_of(platform)(str(artifacts[Graph([layer]).id].path), core, Path(folder))
            attained.append((layer.ops / ms / 1e6, layer))
    best, layer = max(attained, key=lambda each: each[0])
    machine = machine_peaks()
    print(
        f"{name}: peak {roof['peak_gops']:.1f} ({roof['peak_low']:.1f} to {roof['peak_high']:.1f}) G multiply-adds/s,"
    )
    print(f"  bandwidth {roof['bandwidth_gbs']:.1f} GB/s, ridge {roof['ridge']:.2f} OPs a byte; in {seconds:.0f} s")
    print(f"  the best of 50 by its own tool: {best:.1f}, of {layer}; the peak is {roof['peak_gops'] / best:.2f} of it")
    of_machine = roof["peak_gops"] / machine["peak_gops"], roof["bandwidth_gbs"] / machine["bandwidth_gbs"]
    print(f"  the machine's matrix product {machine['peak_gops']:.1f}, the peak is {of_machine[0]:.2f} of it")
    print(
        f"  the machine's copy {machine['bandwidth_gbs']:.1f} GB/s, the bandwidth is {of_machine[1]:.2f} of it",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", nargs="*", default=["tflite", "openvino"])
    for name in parser.parse_args().platform:
        compare(name)


if __name__ == "__main__":
    main()

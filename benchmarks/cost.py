"""What measuring costs: 200 layers with their artifacts cached, and what a layer of 0.2 ms takes to reach ±2 %.

    python benchmarks/cost.py [--platform tflite] [--layers 200]

Timed inference is the time inside timed calls, interrupted and discarded ones not counted. A layer's machine time is
that of its own timed calls, and its share of all that is not timed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import nnbehave as nb


def run(platform: str, method: str, layers: list[nb.Layer], store: Path) -> None:
    began = time.time()
    frame = nb.measure(layers, platforms=platform, method=method, store=store, progress=False).frame
    wall = time.time() - began
    with sqlite3.connect(store) as raw:
        blocks = raw.execute("select subject, times_ns, witnesses from blocks").fetchall()
        terms = raw.execute("select subject, part from terms").fetchall()
    spent: dict[str, float] = defaultdict(float)
    for part, times, witnesses in blocks:
        if "discarded" not in json.loads(witnesses):
            spent[part] += sum(json.loads(times)) / 1e9
    timed = sum(spent.values())
    users: dict[str, int] = defaultdict(int)
    for _, part in terms:
        users[part] += 1
    own: dict[str, float] = defaultdict(float)
    for subject, part in terms:
        own[subject] += spent[part] / users[part]
    near = frame[frame["latency_ms"].between(0.15, 0.25) & (frame["status"] == "ok")]
    machine = np.array([own[subject] for subject in near["subject"]]) + (wall - timed) / len(layers)
    counts = ", ".join(f"{count} {status}" for status, count in frame["status"].value_counts().items())
    print(f"{platform}, {method}: {len(layers)} layers in {wall:.1f} s, {timed / wall:.0%} of it timed; {counts}")
    if len(near):
        print(
            f"  {len(near)} layers of 0.15 to 0.25 ms within ±2 %: machine time of one {np.median(machine):.2f} s at "
            f"the median, {np.quantile(machine, 0.9):.2f} s for nine in ten",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--layers", type=int, default=200)
    arguments = parser.parse_args()
    layers = [
        nb.Layer(op="conv", height=28, in_channels=32, out_channels=n, kernel=3) for n in range(1, arguments.layers + 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for method in ("stacked", "whole"):
            nb.measure(layers, platforms=arguments.platform, method=method, interval=0.5, progress=False)  # converts
            run(arguments.platform, method, layers, Path(folder) / f"{method}.db")


if __name__ == "__main__":
    main()

"""Do the intervals hold? The same layers in several separate runs, in peace and beside CPU hogs.

    python benchmarks/coverage.py [--platform tflite] [--runs 10] [--layers 60] [--hog none other same] [--method M]

An interval of ``relative_latency`` holds if the median of all runs' values lies in it. The hogs are stress-ng's (from
Debian), for random seconds, on the other core or on the one that measures.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

import nnbehave as nb


def layers(count: int) -> list[nb.Layer]:
    """Convolutions, depthwise ones and additions between some 5 µs and 2 ms."""
    found = [
        nb.Layer(op="conv", height=height, in_channels=channels, out_channels=2 * channels, kernel=kernel)
        for height, kernel in ((7, 3), (14, 1), (14, 3), (28, 1), (28, 3))
        for channels in (24, 32, 48, 64, 80, 96, 128)
    ]
    found += [
        nb.Layer(op="dwconv", height=height, in_channels=channels, kernel=3)
        for height in (14, 28, 56)
        for channels in (32, 64, 96, 128, 192)
    ]
    found += [nb.Layer(op="add", height=56, in_channels=channels) for channels in range(16, 176, 16)]
    return found[:count]


@contextmanager
def hog(where: str) -> Iterator[None]:
    """Keep a core busy for random seconds, with random pauses."""
    cores = sorted(os.sched_getaffinity(0))
    core = {"none": None, "other": cores[0], "same": cores[-1]}[where]
    end = threading.Event()

    def work() -> None:
        rng = random.Random(0)
        while not end.is_set():
            seconds = rng.uniform(1, 6)
            command = ["stress-ng", "--cpu", "1", "--taskset", str(core), "--timeout", f"{seconds:.0f}s", "--quiet"]
            running = subprocess.Popen(command)
            while running.poll() is None and not end.wait(0.1):
                pass
            running.terminate()
            running.wait()
            end.wait(rng.uniform(1, 6))

    thread = threading.Thread(target=work)
    if core is not None:
        thread.start()
    try:
        yield
    finally:
        end.set()
        if core is not None:
            thread.join()


def report(platform: str, method: str | None, where: str, runs: int, wanted: list[nb.Layer]) -> None:
    frames = []
    began = time.time()
    with hog(where):
        for number in range(runs):
            frame = nb.measure(wanted, platforms=platform, method=method, progress=False).frame
            frames.append(frame.assign(run=number))
    frame = pd.concat(frames)
    measured = frame[frame["relative_latency"].notna()].copy()
    pooled = measured.groupby("subject")["relative_latency"].transform("median")
    measured["held"] = measured["relative_low"].le(pooled) & measured["relative_high"].ge(pooled)
    measured["error"] = (measured["relative_latency"] / pooled - 1).abs()
    half = (measured["relative_high"] - measured["relative_low"]) / measured["relative_latency"] / 2
    ok = measured[measured["status"] == "ok"]
    alone = measured["latency_ms"] / measured.groupby("subject")["latency_ms"].transform("median")
    drift = alone.groupby(measured["run"]).median()
    wrong = ok[~ok["held"] & (ok["error"] > 0.05)]
    counts = ", ".join(f"{count} {status}" for status, count in frame["status"].value_counts().items())
    seconds = (time.time() - began) / runs
    how = frame["method"].iloc[0]
    print(f"{platform}, {how}, hog: {where}; {runs} runs of {len(wanted)} layers, {seconds:.0f} s a run; {counts}")
    print(
        f"  intervals of relative_latency that hold the pooled median: {measured['held'].mean():.1%} of all, "
        f"{ok['held'].mean():.1%} of the ok ones; median half-width ±{half.median():.1%}"
    )
    print(
        f"  ok and wrong by over 5 %: {len(wrong)} of {len(ok)}; errors: median {measured['error'].median():.1%}, "
        f"95 % of them under {measured['error'].quantile(0.95):.1%}"
    )
    print(f"  absolute time drifted between runs by {drift.max() / drift.min() - 1:.1%} (median over layers)")
    print(
        f"  blocks discarded {frame['discarded_blocks'].sum():.0f}, used though disturbed "
        f"{frame['disturbed_blocks'].sum():.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--method", choices=["stacked", "whole"], help="by default the platform's first")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--layers", type=int, default=60)
    parser.add_argument("--hog", nargs="*", choices=["none", "other", "same"], default=["none", "other", "same"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NNBEHAVE_CACHE_DIR"] = folder
        wanted = layers(arguments.layers)
        nb.measure(
            wanted, platforms=arguments.platform, method=arguments.method, interval=0.5, progress=False
        )  # converts them
        for where in arguments.hog:
            if where != "none" and shutil.which("stress-ng") is None:
                print(f"hog: {where} left out; it needs stress-ng: apt-get install stress-ng")
                continue
            report(arguments.platform, arguments.method, where, arguments.runs, wanted)


if __name__ == "__main__":
    main()

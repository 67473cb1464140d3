"""A whole shipped space, from nothing: how long, how many layers a second, how much memory, and does it grow.

Prints what a sweep of thousands of layers costs on this machine. Memory is what all its processes take together, each
page counted once where it is shared (PSS; Linux), sampled every two seconds; growth is that of the parent and of the
largest worker from the first to the last quarter of the run.

    python benchmarks/whole_space.py table1 --platform tflite --interval 0.05
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

import nnbehave as nb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", default="quickstart")
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--interval", default="0.05")
    parser.add_argument("--method", default=None)
    parser.add_argument("--store", default=None, help="keep the store here; run again to resume")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = given.store or str(Path(scratch) / "results.db")
        command = [sys.executable, "-m", "nnbehave.cli", "sweep", given.space, "--platform", given.platform]
        command += ["--interval", given.interval, "--store", store, "--quiet"]
        command += ["--method", given.method] if given.method else []
        known = len(nb.load_results(store).frame) if Path(store).exists() else 0
        began = time.monotonic()
        process = subprocess.Popen(command, env={"NNBEHAVE_CACHE_DIR": str(Path(scratch) / "cache"), **os.environ})
        total, parent, worker = watch(process)
        seconds = time.monotonic() - began
        report(given.space, store, known, seconds, process.returncode)
        print(
            f"memory of all processes together: at most {max(total):.0f} MB, median {statistics.median(total):.0f} MB"
        )
        for name, sizes in (("parent", parent), ("largest worker", worker)):
            quarter = max(1, len(sizes) // 4)
            first, last = (statistics.median(part) for part in (sizes[:quarter], sizes[-quarter:]))
            print(f"{name}: at most {max(sizes):.0f} MB, first quarter {first:.0f} MB, last {last:.0f} MB")


def watch(process: subprocess.Popen[bytes]) -> tuple[list[float], list[float], list[float]]:
    """Return what all processes, the parent and the largest worker take in MB, over time."""
    total, parent, worker = [], [], []
    top = psutil.Process(process.pid)
    while process.poll() is None:
        own = size(top)
        workers = [size(child) for child in top.children(recursive=True)]
        total.append(own + sum(workers))
        parent.append(own)
        worker.append(max(workers, default=0.0))
        time.sleep(2)
    return total, parent, worker


def size(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:  # it has just ended
        return 0.0


def report(space: str, store: str, known: int, seconds: float, code: int) -> None:
    frame = nb.load_results(store).frame
    wanted = {layer.id for layer in nb.load_space(space).layers}
    rows = frame.drop_duplicates("subject")
    new = len(frame) - known
    print(f"{space}: {new} rows in {seconds / 60:.1f} min, {new / seconds:.1f} a second, exit code {code}")
    print("rows: " + ", ".join(f"{count} {status}" for status, count in Counter(rows["status"]).items()))
    print(f"layers without a row: {len(wanted - set(rows['subject']))} of {len(wanted)}")
    for reason, count in (
        rows[rows["status"].isin(["unsupported", "failed", "timeout"])]["reason"].value_counts().items()
    ):
        print(f"  {count}: {reason}")


if __name__ == "__main__":
    main()

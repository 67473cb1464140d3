"""What must be quick: importing nnbehave, finding steps, asking a step map.

    python benchmarks/light.py

Beside the import, that of pandas; beside ``detect_steps``, a plain least-squares fit of the width over 2 to 128.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from nnbehave import detect_steps


def median_ms(call: Callable[[], object], times: int = 15) -> float:
    call()
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spans.append(time.perf_counter() - start)
    return float(np.median(spans)) * 1e3


def import_ms(module: str) -> float:
    """Return what an import adds to starting Python."""
    bare = median_ms(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    return median_ms(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)) - bare


def plain_width(n: np.ndarray, y: np.ndarray) -> int:
    """Return the width whose straight staircase leaves the least squares."""
    left = []
    for width in range(2, 129):
        columns = np.stack([np.ones(len(n)), np.ceil(n / width)], axis=1)
        left.append(np.linalg.lstsq(columns, y)[1][0])
    return 2 + int(np.argmin(left))


def main() -> None:
    for module in ("nnbehave", "pandas"):
        print(f"import {module}: {import_ms(module):.0f} ms")
    n = np.arange(1, 1001)
    rng = np.random.default_rng(0)
    laws = {
        "staircase of 8": 0.05 + 0.02 * np.ceil(n / 8),
        "staircase of 32": 0.05 + 0.08 * np.ceil(n / 32),
        "line": 0.05 + 0.0025 * n,
        "flat": np.full(1000, 0.3),
    }
    for name, law in laws.items():
        y = law * np.exp(0.01 * rng.standard_normal(len(n)))
        found = detect_steps(n, y)
        ours, plain = median_ms(lambda y=y: detect_steps(n, y)), median_ms(lambda y=y: plain_width(n, y))
        print(
            f"{name}, 1,000 points, 1 % noise: detect_steps {ours:.0f} ms: {found.kind} {found.width or ''}; "
            f"plain least squares {plain:.0f} ms: always a width, here {plain_width(n, y)}"
        )
    spans = []
    for _ in range(100):
        law = list(laws.values())[rng.integers(len(laws))]
        y = law * np.exp(rng.choice([0.003, 0.01, 0.03]) * rng.standard_normal(len(n)))
        start = time.perf_counter()
        detect_steps(n, y)
        spans.append((time.perf_counter() - start) * 1e3)
    middle, slow, slowest = np.percentile(spans, [50, 90, 100])
    print(f"100 such curves at 0.3 to 3 % noise: median {middle:.0f}, nine in ten {slow:.0f}, slowest {slowest:.0f} ms")
    steps = detect_steps(n, laws["staircase of 32"])
    for name, call in {
        "round_up": lambda: steps.round_up(500),
        "latency": lambda: steps.latency(500),
        "best_channels(1, 1000)": lambda: steps.best_channels(1, 1000),
    }.items():
        print(f"StepMap.{name}: {median_ms(call, 1000) * 1e3:.1f} µs")


if __name__ == "__main__":
    main()

"""Time of ``import nnbehave``, and of ``import pandas`` to compare it with.

python benchmarks/light.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np


def median_ms(call: Callable[[], object], times: int = 15) -> float:
    """Return the median time of a call in ms, after one call that does not count."""
    call()
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spans.append(time.perf_counter() - start)
    return float(np.median(spans)) * 1e3


def import_ms(module: str) -> float:
    """Return the time in ms that an import adds to the start of Python."""
    bare = median_ms(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    return median_ms(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)) - bare


def main() -> None:
    for module in ("nnbehave", "pandas"):
        print(f"import {module}: {import_ms(module):.0f} ms")


if __name__ == "__main__":
    main()

"""Times pruning and exporting; the goal for each is one second, with findings of every kind.

    python benchmarks/pruning.py        # a minute, most of it the sweep of table1

The findings come from the platform ``simulated``, which takes time by a law, so all 10,000 layers of the paper's Table
1 have a latency. The time of pruning depends on the number of findings, not on their content. If a tool cannot take a
space, the reason is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters import EXPORTERS
from nnbehave.pruning.findings import collect

PLATFORM = "simulated?law=staircase&width=16&noise=0.003"
TIMES = 5
Value = TypeVar("Value")


def main() -> None:
    for name in ("table1", "ofa_mobilenet_v3", "metapruning_mobilenet_v1"):
        space = nb.load_space(name)
        findings = collect(nb.sweep(space, platforms=PLATFORM, method="estimated")).findings
        pruned, seconds = timed(lambda space=space, findings=findings: nb.prune(space, findings))
        print(f"\n{pruned}\n  {len(findings)} findings; pruning took {seconds:.3f} s")
        with TemporaryDirectory() as folder:
            for format, exporter in EXPORTERS.all().items():
                file = Path(folder) / f"space{exporter.suffixes[0]}"
                try:
                    _, seconds = timed(lambda pruned=pruned, format=format, file=file: pruned.export(format, file))
                    print(f"  {format:<14} {seconds:.3f} s, {file.stat().st_size / 1024:,.0f} KiB")
                except InvalidInputError as error:
                    print(f"  {format:<14} refused: {error}")


def timed(do: Callable[[], Value]) -> tuple[Value, float]:
    """Return the value of a function, and the median of its times in seconds."""
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        found = do()
        seconds.append(time.perf_counter() - start)
    return found, float(np.median(seconds))


if __name__ == "__main__":
    main()

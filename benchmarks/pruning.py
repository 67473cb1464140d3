"""How long pruning and exporting take: the goal is a second for either, with every finding there can be.

    python benchmarks/pruning.py        # a minute, which is the sweep of table1

The findings are of the platform ``simulated``, which takes time by a law, so that all 10,000 layers of the paper's
Table 1 have a latency; how long pruning takes depends on how many there are, not on what they say. A tool that cannot
take in what a space has is listed with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nnbehave as nb
from nnbehave import analysis as analysers
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters import EXPORTERS

PLATFORM = "simulated?law=staircase&width=16&noise=0.003"
ANALYSERS = ("rank_activations", "detect_fusion", "compare_blocks", "compare_precisions", "fit_scaling")
TIMES = 5


def main() -> None:
    for name in ("table1", "ofa_mobilenet_v3", "metapruning_mobilenet_v1"):
        space = nb.load_space(name)
        findings = found_in(nb.sweep(space, platforms=PLATFORM, method="estimated"))
        pruned, seconds = timed(lambda space=space, findings=findings: nb.prune(space, findings))
        print(f"\n{pruned}\n  {len(findings)} findings; pruning took {seconds:.3f} s")
        with TemporaryDirectory() as folder:
            for format, exporter in EXPORTERS.items():
                file = Path(folder) / f"space{exporter.suffixes[0]}"
                try:
                    _, seconds = timed(lambda pruned=pruned, format=format, file=file: pruned.export(format, file))
                    print(f"  {format:<14} {seconds:.3f} s, {file.stat().st_size / 1024:,.0f} KiB")
                except InvalidInputError as error:
                    print(f"  {format:<14} refused: {error}")


def found_in(results: nb.Results) -> list[object]:
    """Return every finding that there is in results."""
    found: list[object] = list(results.step_maps())
    for analyse in ANALYSERS:
        try:
            found.append(getattr(analysers, analyse)(results))
        except InvalidInputError as error:
            print(f"  {analyse}: {error}")
    return found


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and the median of the seconds that it takes."""
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        found = do()
        seconds.append(time.perf_counter() - start)
    return found, float(np.median(seconds))


if __name__ == "__main__":
    main()

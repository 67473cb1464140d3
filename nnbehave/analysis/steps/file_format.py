"""The file format of step maps, and the upgrade of its older versions. Standard library only.

Version 3 added ``origin``. Version 2 brought the law in pieces and the evidence for each edge. In version 1 the law
was a level for each step, and one slope inside all steps.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

NAME = "nnbehave.step_map"
VERSION = 3
READABLE = (1, 2, 3)


def upgraded(data: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the fields of a step map of an older version as those of the current one.

    Raises
    ------
    KeyError, IndexError, TypeError, ValueError, ZeroDivisionError
        The fields are not those of that version.
    """
    if version == 1:
        data = _from_version_1(data)
    return {"origin": None, **data} if version < VERSION else data


def _from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of version 2: the same law, each step with the error that its points show.

    Version 1 says nothing of the evidence for an edge, so each counts as inferred from the pattern.
    """
    slope, measured, levels, edges = data["slope"], data["measured"], data["levels"], data["edges"]
    begins = [measured[0][0], *edges] if levels else []
    off: list[list[float]] = [[] for _ in begins]  # the residuals, by step
    for n, latency in measured if begins else []:
        step = bisect_right(edges, n)
        off[step].append(latency - levels[step] - slope * (n - begins[step]))
    count = max(1, sum(map(len, off)) - len(begins))
    spread = (sum(value**2 for step in off for value in step) / count) ** 0.5
    pieces = [
        (begin, (level, slope) if slope else (level,), spread / max(1, len(step)) ** 0.5)
        for begin, level, step in zip(begins, levels, off, strict=True)
    ]
    kept = {key: value for key, value in data.items() if key != "slope"}
    return kept | {
        "outer_width": None,
        "width_interval": None,
        "step_share": None,
        "edge_evidence": ["inferred"] * len(edges),
        "smallest_jump": None,
        "pieces": pieces,
    }

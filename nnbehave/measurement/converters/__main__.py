"""A worker process that converts: TensorFlow lives here, never where latency is measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import ArtifactCache, get_converter
from nnbehave.runner.protocol import serve


def convert(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer ``{"cmd": "convert", "converter", "graph", "seed", "cache"}`` with the artifact.

    ``largest_bytes`` is what the process took of memory at its largest, 0 where the system does not tell.
    """
    cache = ArtifactCache(request["cache"])
    graph = Graph.from_dict(request["graph"])
    artifact = cache.make(get_converter(request["converter"]), graph, request["seed"])
    yield {**asdict(artifact), "largest_bytes": _largest_bytes()}


def _largest_bytes() -> int:
    try:  # getrusage would begin with what the parent had at its largest
        status = Path("/proc/self/status").read_text()
    except OSError:  # not on Linux
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    # TensorFlow imports all of Keras for those who might use it, 1.6 of the 3.8 s that it takes; no converter does.
    sys.modules.setdefault("keras", None)  # type: ignore[arg-type]
    serve({"convert": convert})

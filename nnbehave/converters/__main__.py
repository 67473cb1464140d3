"""A worker process that converts: TensorFlow lives here, never where latency is measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nnbehave.converters import CONVERTERS, ArtifactCache
from nnbehave.graph import Graph
from nnbehave.runner.protocol import serve


def convert(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer ``{"cmd": "convert", "converter", "graph", "seed", "cache"}`` with the artifact.

    ``largest_bytes`` is what the process took of memory at its largest, 0 where the system does not tell.
    """
    cache = ArtifactCache(request["cache"])
    graph = Graph.from_dict(request["graph"])
    artifact = cache.make(CONVERTERS[request["converter"]], graph, request["seed"])
    yield {**asdict(artifact), "largest_bytes": _largest_bytes()}


def _largest_bytes() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    serve({"convert": convert})

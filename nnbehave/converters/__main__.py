"""A worker process that converts: TensorFlow lives here, never where latency is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nnbehave.converters import CONVERTERS, ArtifactCache
from nnbehave.graph import Graph
from nnbehave.runner.protocol import serve


def convert(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer ``{"cmd": "convert", "converter", "graph", "seed", "cache"}`` with the artifact."""
    cache = ArtifactCache(request["cache"])
    graph = Graph.from_dict(request["graph"])
    yield asdict(cache.make(CONVERTERS[request["converter"]], graph, request["seed"]))


if __name__ == "__main__":
    serve({"convert": convert})

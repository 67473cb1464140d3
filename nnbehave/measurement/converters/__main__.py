"""The worker process that converts graphs. TensorFlow is loaded here, never in a process that measures latency."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters import ArtifactCache, get_converter
from nnbehave.runner.protocol import Message, serve


def convert(request: Message) -> Iterator[Message]:
    """Answer ``{"cmd": "convert", "converter", "graph", "seed", "cache"}``.

    The answer has the fields of :class:`.Artifact` and ``largest_bytes``, the largest memory of this process so far.
    """
    cache = ArtifactCache(request["cache"])
    graph = Graph.from_dict(request["graph"])
    artifact = cache.make(get_converter(request["converter"]), graph, request["seed"])
    yield {**asdict(artifact), "largest_bytes": _largest_bytes()}


def _largest_bytes() -> int:
    """Return the largest memory of this process so far, or 0 if the system does not tell.

    ``getrusage`` does not serve: it starts at the largest memory of the parent process.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not on Linux
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    # TensorFlow imports all of Keras, which takes 1.6 of its 3.8 s. No converter uses Keras.
    sys.modules.setdefault("keras", None)  # type: ignore[arg-type]
    serve({"convert": convert})

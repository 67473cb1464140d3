"""Graph → its own description, for platforms that need no more (``simulated``)."""

from __future__ import annotations

import json
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed


class LayerSpecConverter(Converter):
    """The graph's layers as JSON, every field of each, its OPs and bytes; needs no TensorFlow."""

    name = "layer_spec"
    file = "graph.json"
    revision = 2

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        phases: dict[str, float] = {}
        with timed(phases, "convert"):
            layers = [layer.model_dump() | {"ops": layer.ops, "mac_bytes": layer.mac_bytes} for layer in graph.layers]
            text = json.dumps({"arrangement": graph.arrangement, "layers": layers})
            (folder / self.file).write_text(text, encoding="utf-8")
        return phases

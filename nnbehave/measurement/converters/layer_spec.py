"""Conversion of a graph to a JSON description of its layers, for platforms that load no model (``simulated``)."""

from __future__ import annotations

import json
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.measurement.converters._base import Converter, timed


class LayerSpecConverter(Converter):
    """Writes every field of every layer as JSON, with its OPs and bytes. It needs no TensorFlow."""

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

"""A space file of nnbehave itself."""

from __future__ import annotations

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter


class SpaceExporter(Exporter):
    """What is left, as the YAML of a space: :func:`nnbehave.load_space` reads it, without what was removed and why."""

    name = "space"
    suffixes = (".yaml", ".yml")

    def convert(self, pruned: PrunedSpace) -> str:
        return pruned.space.to_yaml()

    def text(self, data: str) -> str:
        return data

"""A space file of nnbehave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.pruning.exporters.base import Exporter

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


class SpaceExporter(Exporter):
    """The space after pruning as YAML, which :func:`nnbehave.load_space` reads; it does not list the removals."""

    name = "space"
    suffixes = (".yaml", ".yml")

    def convert(self, pruned: PrunedSpace) -> str:
        return pruned.space.to_yaml()

    def text(self, data: str) -> str:
        return data

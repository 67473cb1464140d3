"""NNI: the search_space.json of its experiments."""

from __future__ import annotations

from typing import Any

from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, parameters


class NNIExporter(Exporter):
    """One ``choice`` a parameter: ``quniform`` would give floats, and multiples of its step alone."""

    name = "nni"

    def convert(self, pruned: PrunedSpace) -> dict[str, dict[str, Any]]:
        choices = parameters(pruned)
        for name, values in choices.items():
            slot, _, dimension = name.rpartition(".")
            if strange := [value for value in values if not isinstance(value, int | float | str)]:
                why = f"chooses among numbers and words, and {strange[0]!r} is neither"
                raise InvalidInputError(f"slot {slot!r}, {dimension}: NNI {why}")
        return {name: {"_type": "choice", "_value": values} for name, values in choices.items()}

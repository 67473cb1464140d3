"""NNI: the ``search_space.json`` of its experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import parameters
from nnbehave.records import Scalar

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


class NNIExporter(Exporter):
    """One ``choice`` for each parameter. ``quniform`` would give floats, and only multiples of its step."""

    name = "nni"

    def convert(self, pruned: PrunedSpace) -> dict[str, dict[str, str | list[Scalar]]]:
        choices = parameters(pruned)
        for name, values in choices.items():
            slot, _, dimension = name.rpartition(".")
            if strange := [value for value in values if not isinstance(value, int | float | str)]:
                why = f"chooses among numbers and words, and {strange[0]!r} is neither"
                raise InvalidInputError(f"slot {slot!r}, {dimension}: NNI {why}")
        return {name: {"_type": "choice", "_value": values} for name, values in choices.items()}

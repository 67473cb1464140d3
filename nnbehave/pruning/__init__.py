"""Pruning: makes a search space smaller by findings, and prices its networks.

:func:`prune` removes values by rules (:mod:`.rules`) and returns a :class:`PrunedSpace`. :func:`what_was_lost` computes
which networks the smaller space has lost. A :class:`LatencyTable` gives the latency of any network of a space.
Exporters (:mod:`.exporters`) write a pruned space or a table in the formats of other tools.
"""

from nnbehave.pruning.latency_table import LatencyTable, UnknownLayerError
from nnbehave.pruning.load import load_pruned_space
from nnbehave.pruning.loss import Loss, what_was_lost
from nnbehave.pruning.prune import prune
from nnbehave.pruning.pruned_space import LeftWhole, PrunedSpace, Removed
from nnbehave.pruning.rules import (
    RULES,
    BindKernels,
    DropActivations,
    DropDominatedBlocks,
    DropOperators,
    DropPrecisions,
    KeepPareto,
    Rule,
)

__all__ = [
    "RULES",
    "BindKernels",
    "DropActivations",
    "DropDominatedBlocks",
    "DropOperators",
    "DropPrecisions",
    "KeepPareto",
    "LatencyTable",
    "LeftWhole",
    "Loss",
    "PrunedSpace",
    "Removed",
    "Rule",
    "UnknownLayerError",
    "load_pruned_space",
    "prune",
    "what_was_lost",
]

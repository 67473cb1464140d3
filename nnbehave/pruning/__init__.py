"""Findings → a smaller search space, what that loses, and the latency table that prices its networks."""

from nnbehave.pruning._prune import prune
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters import load_pruned_space
from nnbehave.pruning.loss import Loss, what_was_lost
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
from nnbehave.pruning.table import LatencyTable, UnknownLayerError

__all__ = [
    "RULES",
    "BindKernels",
    "DropActivations",
    "DropDominatedBlocks",
    "DropOperators",
    "DropPrecisions",
    "KeepPareto",
    "LatencyTable",
    "Loss",
    "PrunedSpace",
    "Rule",
    "UnknownLayerError",
    "load_pruned_space",
    "prune",
    "what_was_lost",
]

"""Findings → a smaller search space, what that loses, and the latency table that prices its networks."""

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.prune import prune
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
    "PrunedSpace",
    "Rule",
    "prune",
]

"""Rules: each removes values from a choice for one reason, and gives the evidence.

A rule gets one choice (a slot and one of its dimensions) and the findings of its kinds from one platform. It returns
None if the findings are not about the choice, otherwise the values to remove and why. A rule removes nothing on an
uncertain finding, and nothing that only one environment or one method shows.
"""

from nnbehave.pruning.rules.base import AnyRule, Judgement, Removal, Rule
from nnbehave.pruning.rules.bind_kernels import BindKernels
from nnbehave.pruning.rules.drop_activations import DropActivations
from nnbehave.pruning.rules.drop_operators import DropDominatedBlocks, DropOperators
from nnbehave.pruning.rules.drop_precisions import DropPrecisions
from nnbehave.pruning.rules.keep_pareto import SIZES, KeepPareto

RULES: tuple[AnyRule, ...] = (
    KeepPareto(),
    DropActivations(),
    DropOperators(),
    DropDominatedBlocks(),
    DropPrecisions(),
    BindKernels(),
)

__all__ = [
    "RULES",
    "SIZES",
    "AnyRule",
    "BindKernels",
    "DropActivations",
    "DropDominatedBlocks",
    "DropOperators",
    "DropPrecisions",
    "Judgement",
    "KeepPareto",
    "Removal",
    "Rule",
]

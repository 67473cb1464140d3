"""What findings say of the choices of a slot: each rule removes values for one reason, with its evidence.

A rule looks at one choice at a time, a slot and one of its dimensions, and at the findings of its kind from one
platform. It answers None where they say nothing of that choice, else which values go and why. What a finding cannot
tell removes nothing, and what is true in one environment or by one method alone neither.
"""

from nnbehave.pruning.rules._base import Judgement, Removal, Rule
from nnbehave.pruning.rules.bind_kernels import BindKernels
from nnbehave.pruning.rules.drop_activations import DropActivations
from nnbehave.pruning.rules.drop_operators import DropDominatedBlocks, DropOperators
from nnbehave.pruning.rules.drop_precisions import DropPrecisions
from nnbehave.pruning.rules.keep_pareto import SIZES, KeepPareto

RULES: tuple[Rule, ...] = (
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

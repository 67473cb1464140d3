"""DataFrames in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysers._frames import LAYER
from nnbehave.analysers.accuracy import Accuracy, judge_accuracy
from nnbehave.analysers.activations import Activations, rank_activations
from nnbehave.analysers.active import find_steps
from nnbehave.analysers.batches import Batches, compare_batches
from nnbehave.analysers.blocks import Blocks, compare_blocks
from nnbehave.analysers.card import Card, Statement, compare_cards, load_card
from nnbehave.analysers.findings import fill_card
from nnbehave.analysers.fusion import Fusion, detect_fusion
from nnbehave.analysers.platform_comparison import PlatformComparison, compare_platforms
from nnbehave.analysers.precision import Precisions, compare_precisions
from nnbehave.analysers.roofline import Roofline, fit_roofline
from nnbehave.analysers.scaling import Scaling, fit_scaling
from nnbehave.analysers.step_map import Lost, Origin, StepMap, load_step_map
from nnbehave.analysers.steps import detect_steps
from nnbehave.analysers.support import support_matrix

__all__ = [
    "LAYER",
    "Accuracy",
    "Activations",
    "Batches",
    "Blocks",
    "Card",
    "Fusion",
    "Lost",
    "Origin",
    "PlatformComparison",
    "Precisions",
    "Roofline",
    "Scaling",
    "Statement",
    "StepMap",
    "compare_batches",
    "compare_blocks",
    "compare_cards",
    "compare_platforms",
    "compare_precisions",
    "detect_fusion",
    "detect_steps",
    "fill_card",
    "find_steps",
    "fit_roofline",
    "fit_scaling",
    "judge_accuracy",
    "load_card",
    "load_step_map",
    "rank_activations",
    "support_matrix",
]

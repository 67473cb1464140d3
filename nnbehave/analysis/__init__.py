"""DataFrames in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysis._frames import LAYER
from nnbehave.analysis.accuracy import Accuracy, judge_accuracy
from nnbehave.analysis.activations import Activations, rank_activations
from nnbehave.analysis.batches import Batches, compare_batches
from nnbehave.analysis.blocks import Blocks, compare_blocks
from nnbehave.analysis.card import Card, Statement, compare_cards, load_card
from nnbehave.analysis.card_findings import fill_card
from nnbehave.analysis.fusion import Fusion, detect_fusion
from nnbehave.analysis.platform_comparison import PlatformComparison, compare_platforms
from nnbehave.analysis.precision import Precisions, compare_precisions
from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.analysis.steps.detection import detect_steps
from nnbehave.analysis.steps.search import find_steps
from nnbehave.analysis.steps.step_map import Lost, Origin, StepMap, load_step_map
from nnbehave.analysis.support import support_matrix

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

"""DataFrames in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysers.activations import Activations, rank_activations
from nnbehave.analysers.active import find_steps
from nnbehave.analysers.blocks import Blocks, compare_blocks
from nnbehave.analysers.fusion import Fusion, detect_fusion
from nnbehave.analysers.precision import Precisions, compare_precisions
from nnbehave.analysers.roofline import Roofline, fit_roofline
from nnbehave.analysers.scaling import Scaling, fit_scaling
from nnbehave.analysers.step_map import StepMap, load_step_map
from nnbehave.analysers.steps import detect_steps
from nnbehave.analysers.support import support_matrix

__all__ = [
    "Activations",
    "Blocks",
    "Fusion",
    "Precisions",
    "Roofline",
    "Scaling",
    "StepMap",
    "compare_blocks",
    "compare_precisions",
    "detect_fusion",
    "detect_steps",
    "find_steps",
    "fit_roofline",
    "fit_scaling",
    "load_step_map",
    "rank_activations",
    "support_matrix",
]

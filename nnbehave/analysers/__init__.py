"""DataFrames in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysers.active import find_steps
from nnbehave.analysers.blocks import Blocks, compare_blocks
from nnbehave.analysers.fusion import Fusion, detect_fusion
from nnbehave.analysers.precision import Precisions, compare_precisions
from nnbehave.analysers.step_map import StepMap, load_step_map
from nnbehave.analysers.steps import detect_steps
from nnbehave.analysers.support import support_matrix

__all__ = [
    "Blocks",
    "Fusion",
    "Precisions",
    "StepMap",
    "compare_blocks",
    "compare_precisions",
    "detect_fusion",
    "detect_steps",
    "find_steps",
    "load_step_map",
    "support_matrix",
]

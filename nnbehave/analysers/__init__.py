"""DataFrames in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysers.active import find_steps
from nnbehave.analysers.step_map import StepMap, load_step_map
from nnbehave.analysers.steps import detect_steps
from nnbehave.analysers.support import support_matrix

__all__ = ["StepMap", "detect_steps", "find_steps", "load_step_map", "support_matrix"]

"""DataFrames and arrays in, findings out. Nothing here imports TensorFlow, a runtime, a platform or a target."""

from nnbehave.analysers.step_map import StepMap, load_step_map
from nnbehave.analysers.steps import detect_steps

__all__ = ["StepMap", "detect_steps", "load_step_map"]

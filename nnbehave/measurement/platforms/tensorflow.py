"""TensorFlow itself, on the CPU."""

from nnbehave.measurement.platforms._base import Platform


class TensorFlow(Platform):
    """``tensorflow``: a traced function, as Grappler optimises it and oneDNN or Eigen run it.

    A call from Python costs tens of µs, so that small layers are seen better in a stack.
    """

    name = "tensorflow"
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32",)
    converter = "frozen_graph"
    backend = "nnbehave.runner.backends.tensorflow:TensorFlowBackend"
    package = "tensorflow"
    extra = "tensorflow"

"""The platform ``tensorflow``: TensorFlow on the CPU."""

from nnbehave.measurement.platforms._base import Platform


class TensorFlow(Platform):
    """``tensorflow``: a traced function that Grappler optimises, run by the kernels of oneDNN or Eigen.

    A call from Python costs tens of µs, so small layers are measured better by the method ``stacked``.

    TensorFlow uses oneDNN by default on some x86 processors only. Without oneDNN it cannot run convolutions with groups
    that have a bias, and such layers are ``unsupported``.
    """

    name = "tensorflow"
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32",)
    converter = "frozen_graph"
    backend = "nnbehave.runner.backends.tensorflow:TensorFlowBackend"
    package = "tensorflow"
    extra = "tensorflow"

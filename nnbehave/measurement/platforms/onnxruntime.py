"""ONNX Runtime on the CPU."""

from nnbehave.measurement.platforms._base import Platform


class OnnxRuntime(Platform):
    """``onnxruntime``: its own CPU kernels, with all of its graph optimisations.

    Its profiler gives whole µs, and times an empty node at 2: too coarse for small layers, so it is no method here and
    only tells which kernels run. ReLU, ReLU6, sigmoid and hard sigmoid vanish into the convolution before them,
    hard-swish and swish do not.
    """

    name = "onnxruntime"
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32",)
    converter = "onnx"
    backend = "nnbehave.runner.backends.onnxruntime:OnnxRuntimeBackend"
    package = "onnxruntime"
    extra = "onnxruntime"

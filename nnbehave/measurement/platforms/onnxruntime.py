"""The platform ``onnxruntime``: ONNX Runtime on the CPU."""

from nnbehave.measurement.platforms._base import Platform


class OnnxRuntime(Platform):
    """``onnxruntime``: ONNX Runtime's own CPU kernels, with all of its graph optimisations.

    ONNX Runtime's profiler gives whole µs, and 2 µs for an empty node. That is too coarse for small layers, so
    ``profiled`` is not one of the methods, and the profile is only used to find which kernels run. ReLU, ReLU6, sigmoid
    and hard sigmoid are fused into the convolution before them; hard-swish and swish are not.
    """

    name = "onnxruntime"
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32",)
    converter = "onnx"
    backend = "nnbehave.runner.backends.onnxruntime:OnnxRuntimeBackend"
    package = "onnxruntime"
    extra = "onnxruntime"

"""OpenVINO on the CPU."""

from nnbehave.layer import PRECISIONS
from nnbehave.platforms._base import Platform


class OpenVINO(Platform):
    """``openvino``: its precision hint is the layer's, since it takes bf16 by itself where the processor has it.

    Integer layers are the same quantised ``.tflite`` as TensorFlow Lite's, which OpenVINO reads and runs by its int8
    kernels: what was quantised is the same on both, and there is no second quantiser to trust.
    """

    name = "openvino"
    options = {"threads": 1}
    methods = ("stacked", "whole", "profiled")
    precisions = PRECISIONS
    converter = "openvino"
    converters = dict.fromkeys(("dynamic_int8", "int8", "uint8", "int16x8"), "tflite")
    backend = "nnbehave.runner.backends.openvino:OpenVINOBackend"
    package = "openvino"
    extra = "openvino"

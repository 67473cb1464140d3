"""OpenVINO on the CPU."""

from nnbehave.design.precisions import PRECISIONS
from nnbehave.measurement.platforms._base import Platform


class OpenVINO(Platform):
    """``openvino``: its precision hint is the layer's, since it takes bf16 by itself where the processor has it.

    Integer layers are the same quantised ``.tflite`` as TensorFlow Lite's, which OpenVINO reads and runs by its int8
    kernels: what was quantised is the same on both, and integers go in and come out. NNCF 3.4, tried on ten layers,
    leaves floats at both ends, and lone element-wise layers in fp32. Convolutions and dense layers are as quick either
    way (28×28, 128 to 128 channels, K 3: 279 and 277 µs, fp32 924); depthwise ones are not, which OpenVINO runs in fp32
    from a ``.tflite`` and in int8 from NNCF: 152 and 37 µs alone, 578 and 542 for a MobileNetV2 block around one.
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

"""The platform ``openvino``: OpenVINO on the CPU.

The precision hint is set when a model is loaded: see :mod:`nnbehave.runner.backends.openvino`.
"""

from nnbehave.design.precisions import PRECISIONS
from nnbehave.measurement.platforms._base import Platform


class OpenVINO(Platform):
    """``openvino``: OpenVINO on the CPU, with the precision of the layer as its precision hint.

    Without a hint OpenVINO computes in bf16 where the processor has it.

    Integer layers are the same quantised ``.tflite`` files that TensorFlow Lite gets, with integer inputs and outputs.
    OpenVINO reads them and runs them by its int8 kernels. The alternative is NNCF, OpenVINO's own quantiser. NNCF 3.4
    was tried on ten layers: it leaves the inputs and outputs in floats, and single element-wise layers in fp32.
    Convolutions and dense layers take the same time either way (28×28, 128 to 128 channels, K 3: 279 µs from a
    ``.tflite``, 277 µs from NNCF, 924 µs in fp32). Depthwise convolutions do not: OpenVINO runs them in fp32 from a
    ``.tflite`` and in int8 from NNCF (152 and 37 µs alone, 578 and 542 µs in a MobileNetV2 block).
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

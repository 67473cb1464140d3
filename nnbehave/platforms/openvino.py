"""OpenVINO on the CPU."""

from nnbehave.platforms._base import Platform


class OpenVINO(Platform):
    """``openvino``; its precision hint is f32, since it takes bf16 by itself where the processor has it."""

    name = "openvino"
    options = {"threads": 1}
    methods = ("stacked", "whole", "profiled")
    converter = "openvino"
    backend = "nnbehave.runner.backends.openvino:OpenVINOBackend"
    package = "openvino"
    extra = "openvino"

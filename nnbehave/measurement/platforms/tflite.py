"""TensorFlow Lite through LiteRT, its maintained runtime, on the CPU."""

from nnbehave.measurement.platforms._base import Platform


class TFLite(Platform):
    """``tflite`` gives the graph to XNNPACK, as LiteRT does; ``tflite:builtin`` runs LiteRT's own kernels."""

    name = "tflite"
    variants = {"": {"xnnpack": True}, "builtin": {"xnnpack": False}}
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32", "fp16", "dynamic_int8", "int8", "uint8", "int16x8")
    converter = "tflite"
    backend = "nnbehave.runner.backends.litert:LiteRTBackend"
    package = "ai-edge-litert"
    extra = "litert"

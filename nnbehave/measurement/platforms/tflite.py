"""The platform ``tflite``: TensorFlow Lite on the CPU, through LiteRT, its maintained runtime."""

from nnbehave.measurement.platforms._base import Platform


class TFLite(Platform):
    """``tflite`` runs graphs by XNNPACK, LiteRT's default; ``tflite:builtin`` runs them by LiteRT's own kernels."""

    name = "tflite"
    variants = {"": {"xnnpack": True}, "builtin": {"xnnpack": False}}
    options = {"threads": 1}
    methods = ("stacked", "whole")
    precisions = ("fp32", "fp16", "dynamic_int8", "int8", "uint8", "int16x8")
    converter = "tflite"
    backend = "nnbehave.runner.backends.litert:LiteRTBackend"
    package = "ai-edge-litert"
    extra = "litert"

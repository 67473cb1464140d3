"""TensorFlow Lite's old runtime (``tflite-runtime``) on the CPU: LiteRT's Python interface, under its former name."""

from nnbehave.runner.backends.litert import LiteRTBackend


class TFLiteRuntimeBackend(LiteRTBackend):
    """Options: those of LiteRT's."""

    package = "tflite-runtime"
    module = "tflite_runtime.interpreter"

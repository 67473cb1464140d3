"""The backend for TensorFlow Lite's old runtime (``tflite-runtime``). Its interface is LiteRT's, in another module."""

from nnbehave.runner.backends.litert import LiteRTBackend


class TFLiteRuntimeBackend(LiteRTBackend):
    """Options: those of :class:`.LiteRTBackend`."""

    package = "tflite-runtime"
    module = "tflite_runtime.interpreter"

"""TensorFlow Lite's old runtime, as boards and applications still ship it, on the CPU."""

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment
from nnbehave.measurement.platforms.tflite import TFLite

_VERSION = "2.14.0"  # of October 2023, the last


class TFLiteRuntime(Platform):
    """``tflite-runtime``: with XNNPACK, as ``tflite``; ``tflite-runtime:builtin`` runs its own kernels.

    It wants NumPy 1, which TensorFlow here does not, and so gets a Python of its own (3.9 to 3.11). Its XNNPACK takes
    floats only: what is quantised runs on its own kernels, and is told as a fallback. Of what today's converter writes
    it refuses a little, such as dense layers of dynamic-range int8.
    """

    name = "tflite-runtime"
    variants = TFLite.variants
    options = TFLite.options
    methods = TFLite.methods
    precisions = TFLite.precisions
    converter = "tflite"
    backend = "nnbehave.runner.backends.tflite_runtime:TFLiteRuntimeBackend"
    package = "tflite-runtime"

    @classmethod
    def preparation(cls) -> Preparation:
        download = Download(f"tflite-runtime {_VERSION} and NumPy 1, from PyPI", "Apache-2.0, BSD-3-Clause", 120)
        return python_environment(cls.name, [download], (9, 11), [f"tflite-runtime=={_VERSION}", "numpy<2"])

    @classmethod
    def version(cls) -> str:
        super().version()
        return _VERSION

    def interpreter(self) -> str:
        return environment_python(self.preparation())

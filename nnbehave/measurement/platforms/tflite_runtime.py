"""The platform ``tflite-runtime``: TensorFlow Lite's old runtime, which boards and applications still ship."""

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment
from nnbehave.measurement.platforms.tflite import TFLite

_VERSION = "2.14.0"  # the last release, of October 2023


class TFLiteRuntime(Platform):
    """``tflite-runtime`` runs graphs by XNNPACK, ``tflite-runtime:builtin`` by TensorFlow Lite's own kernels.

    The runtime needs NumPy 1, while TensorFlow here needs NumPy 2, so the runtime gets a Python of its own (3.9 to
    3.11). Its XNNPACK takes floats only: quantised operators run on the runtime's own kernels, and rows say so. It
    refuses a few models that today's converter writes, such as dense layers of dynamic-range int8.
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

"""The platform ``edgetpu``: Google's Edge TPU, through its compiler and its delegate for TensorFlow Lite."""

from __future__ import annotations

import ctypes

from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms._base import Platform


class EdgeTPU(Platform):
    """``edgetpu``: int8 models that ``edgetpu_compiler`` compiles on this machine and the device runs.

    The user installs Google's ``edgetpu_compiler`` and ``libedgetpu.so.1``. A latency is that of a whole call, with the
    transfers to and from the device. Each row names the operators that the compiler leaves to the CPU. This platform
    has not been tried on a device.
    """

    name = "edgetpu"
    options = {"threads": 1}
    methods = ("whole",)
    precisions = ("int8",)
    substitutes = {"fp32": "int8"}
    converter = "edgetpu"
    backend = "nnbehave.runner.backends.edgetpu:EdgeTPUBackend"
    package = "ai-edge-litert"
    extra = "litert"

    @classmethod
    def version(cls) -> str:
        """Return the version of the compiler."""
        from nnbehave.measurement.converters.edgetpu import compiler_version, edgetpu_compiler  # they import NumPy
        from nnbehave.runner.backends.edgetpu import LIBRARY

        super().version()
        found = compiler_version(edgetpu_compiler())
        try:
            ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise MissingExtraError(
                f"platform 'edgetpu' needs {LIBRARY}, from Coral's packages (libedgetpu1-std): {error}"
            ) from None
        return found

"""Google's Edge TPU, by its own compiler and its delegate for TensorFlow Lite."""

from __future__ import annotations

import ctypes

from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms._base import Platform


class EdgeTPU(Platform):
    """``edgetpu``: int8, compiled by ``edgetpu_compiler`` on this machine, run where the device is.

    ``edgetpu_compiler`` and ``libedgetpu.so.1`` are Google's, and the user's to install. The latency is of a call, with
    the transfers to and from the device. What the compiler leaves to the CPU is told by row. Not tried on a device.
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
        from nnbehave.measurement.converters.edgetpu import compiler_version, edgetpu_compiler  # these load NumPy
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

"""The backend for the Edge TPU, through its delegate for LiteRT. It has not been tried on a device."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

from nnbehave.runner.backends.litert import LiteRTBackend, LiteRTModel
from nnbehave.runner.kernels import Kernel

LIBRARY = "libedgetpu.so.1"
_MAPPED = "Mapped to Edge TPU"


def placed(log: str) -> list[Kernel]:
    """Return the kernels of a model, on the TPU or on the CPU, from the compiler's log, which counts each operator."""
    table = log.partition("Operator")[2]
    rows = re.findall(r"(?m)^([A-Z]\w+)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", table)
    return [
        Kernel(f"tpu:{name}", "int8") if status == _MAPPED else Kernel(f"cpu:{name}", "", False, status)
        for name, count, status in rows
        for _ in range(int(count))
    ]


class EdgeTPUBackend(LiteRTBackend):
    """Options: ``threads``, for the operators that are left to the CPU."""

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._delegate()  # raises before anything is measured if there is no device

    def load(self, path: str, precision: str) -> LiteRTModel:
        model = LiteRTModel(self._runtime, path, self._threads, True, [self._delegate()])
        model.kernels = placed(Path(path).with_suffix(".log").read_text(encoding="utf-8"))
        return model

    def _delegate(self) -> Any:
        """Return the delegate. Raises RuntimeError if there is none, or no device."""
        try:
            ctypes.CDLL(LIBRARY)  # load_delegate gives a misleading message if the library is missing
            return self._runtime.load_delegate(LIBRARY)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{LIBRARY} does not load, or finds no Edge TPU: {error}") from None

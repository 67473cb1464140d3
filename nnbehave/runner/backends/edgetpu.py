"""The Edge TPU, by its delegate for LiteRT. Not tried on a device."""

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
    """Return the operators that the compiler's log lists, each as often as it counts it: on the TPU, or on the CPU."""
    table = log.partition("Operator")[2]
    rows = re.findall(r"(?m)^([A-Z]\w+)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", table)
    return [
        Kernel(f"tpu:{name}", "int8") if status == _MAPPED else Kernel(f"cpu:{name}", "", False, status)
        for name, count, status in rows
        for _ in range(int(count))
    ]


class EdgeTPUBackend(LiteRTBackend):
    """Options: ``threads``, of what is left to the CPU."""

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._delegate()  # whether there is a device shows before anything is measured

    def load(self, path: str, precision: str) -> LiteRTModel:
        model = LiteRTModel(self._runtime, path, self._threads, True, [self._delegate()])
        model.kernels = placed(Path(path).with_suffix(".log").read_text(encoding="utf-8"))
        return model

    def _delegate(self) -> Any:
        try:
            ctypes.CDLL(LIBRARY)  # LiteRT's own failure here ends in words about something else
            return self._runtime.load_delegate(LIBRARY)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{LIBRARY} does not load, or finds no Edge TPU: {error}") from None

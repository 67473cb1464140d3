"""What a runtime says of the kernels that run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Kernel(NamedTuple):
    """A kernel of a loaded model.

    Attributes
    ----------
    name : str
        As the runtime calls it.
    precision : str
        What it computes in, as the runtime tells: OpenVINO in the kernel's name, by the type of what the kernel reads;
        LiteRT by the types of its tensors. Empty where it only moves or converts data, or the runtime does not tell.
    placed : bool
        Whether it runs where the platform means it to.
    reason : str
        Why it does not, where the runtime tells.
    """

    name: str
    precision: str = ""
    placed: bool = True
    reason: str = ""


def executed_precision(kernels: Iterable[Kernel]) -> str:
    """Return what kernels compute in, such as ``fp32`` or ``fp32+int8``."""
    return "+".join(sorted({kernel.precision for kernel in kernels if kernel.precision})) or "unknown"


def placement(kernels: Iterable[Kernel]) -> str:
    """Return how many run where they are meant to: ``full``, ``partial`` or, where none does, ``fallback``."""
    placed = {kernel.placed for kernel in kernels}
    return "full" if False not in placed else "partial" if True in placed else "fallback"

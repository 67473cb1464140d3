"""What a runtime tells about the kernels that it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Kernel(NamedTuple):
    """A kernel of a loaded model.

    Attributes
    ----------
    name : str
        The runtime's name of the kernel.
    precision : str
        The precision in which it computes, as the runtime tells: OpenVINO by the kernel's name, which has the type of
        its input; LiteRT by the types of its tensors. Empty if the kernel only moves or converts data, or if the
        runtime does not tell.
    placed : bool
        True if it runs where the platform is meant to run it: on the accelerator, or by the delegate.
    reason : str
        Why it does not run there, if the runtime tells.
    """

    name: str
    precision: str = ""
    placed: bool = True
    reason: str = ""


def executed_precision(kernels: Iterable[Kernel]) -> str:
    """Return the precisions in which kernels compute: ``fp32``, ``fp32+int8``, or ``unknown``."""
    return "+".join(sorted({kernel.precision for kernel in kernels if kernel.precision})) or "unknown"


def placement(kernels: Iterable[Kernel]) -> str:
    """Return how many kernels run where they are meant to: ``full`` (all), ``partial`` or ``fallback`` (none)."""
    placed = {kernel.placed for kernel in kernels}
    return "full" if False not in placed else "partial" if True in placed else "fallback"

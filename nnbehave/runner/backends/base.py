"""What the runner asks of a runtime. A plug-in's backend has the same attributes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


class Model:
    """A loaded artifact, ready to run.

    Attributes
    ----------
    executed_precision : str
        Of the kernels that run, as the runtime tells it, such as ``"fp32"``; ``"unknown"`` where it does not.
    kernels : list[Any] of str
        Names of the kernels that run, as the runtime calls them.
    placement : {"full", "partial", "fallback"}
        How much of the graph runs where the platform means it to.
    invoke : callable
        Runs one inference on inputs that are in place; this is what is timed.
    """

    executed_precision: str
    kernels: list[Any]
    placement: str
    invoke: Callable[[], object]

    def run(self, inputs: list[Any]) -> list[Any]:
        """Run one inference on arrays and return copies of the outputs."""
        raise NotImplementedError

    def profile(self, block_ns: int) -> tuple[int, int]:
        """Run calls for about ``block_ns``; return how many, and the time that the runtime gives the kernels in ns.

        Kernels that only change layout at the edges of the graph are left out.
        """
        raise NotImplementedError


class Backend:
    """A runtime with its options, given as keyword arguments to the constructor."""

    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def versions(self) -> dict[str, Any]:
        """Return the packages that matter to a latency, and their versions."""
        raise NotImplementedError

    def load(self, path: str, seed: int) -> Model:
        """Load an artifact and put random inputs drawn from ``seed`` in place."""
        raise NotImplementedError


def random_input(shape: tuple[int, ...], dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Return an input of standard normal values."""
    return rng.standard_normal(shape, dtype=np.float32).astype(dtype)

"""What the runner asks of a runtime. A plug-in's backend has the same attributes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Dict, List, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from nnbehave.runner.machine import machine, state
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import NOT_QUANTISED, Quantisation, quantise, random_inputs


class Cost(NamedTuple):
    """What an emulator counts or a compiler estimates of one inference: exact, the same every time.

    Attributes
    ----------
    latency_ns : float
        Infinite or NaN is refused; 0 only where all is folded away.
    counts : dict of str to float
        What it rests on: ``cycles``, ``instructions``, or others.
    left_out : list of str
        Operators of the graph that the latency leaves out, as the compiler calls them.
    """

    latency_ns: float
    counts: Dict[str, float] = {}
    left_out: List[str] = []


class Model:
    """A loaded artifact, ready to run.

    Attributes
    ----------
    kernels : list of Kernel
        Those that run, as the runtime tells.
    invoke : callable
        Runs one inference on inputs that are in place; this is what is timed. None where nothing is run here.
    measure : callable
        Where inferences are run elsewhere, and timed there: as :meth:`profile`, but of the whole calls. Else None.
    input_shapes, input_dtypes : list
        Of each input.
    """

    kernels: list[Any]
    invoke: Any = None
    measure: Any = None
    input_shapes: list[Any] = []
    input_dtypes: list[Any] = []

    def run(self, inputs: list[Any]) -> list[Any]:
        """Put arrays in place as inputs, run one inference and return copies of the outputs."""
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

    def machine_facts(self) -> dict[str, Any]:
        """Return what machine the latencies are of."""
        return machine()

    def machine_state(self) -> dict[str, Any]:
        """Return what its clocks are set to."""
        return state()

    def load(self, path: str, precision: str) -> Model:
        """Load an artifact that was made for ``precision``; :class:`Unsupported` where the runtime refuses it."""
        raise NotImplementedError

    def estimate(self, models: List[Model]) -> Iterator[Union[Cost, Unsupported]]:
        """Yield what each model costs, in order, as soon as that is known; for ``emulated`` and ``estimated``."""
        raise NotImplementedError


def quantised_inputs(
    shapes: Sequence[Sequence[int]], dtypes: Sequence[npt.DTypeLike], seed: int, known: list[Quantisation] | None
) -> list[npt.NDArray[Any]]:
    """Return random inputs of a model.

    Parameters
    ----------
    shapes, dtypes : sequence
        One entry for each input.
    seed : int
        The inputs are drawn from it.
    known : list of Quantisation or None
        How the model quantises its inputs. If that is not known, an integer input covers -3 to 3, most of what standard
        normal values are.
    """
    drawn = random_inputs(shapes, seed)
    quantisations = known or [_wide(np.dtype(dtype)) for dtype in dtypes]
    return [quantise(x, how, dtype) for x, how, dtype in zip(drawn, quantisations, dtypes)]


def _wide(dtype: np.dtype[Any]) -> Quantisation:
    """Return a quantisation by which all integers of a type cover -3 to 3."""
    if dtype.kind not in "iu":
        return NOT_QUANTISED
    limits = np.iinfo(dtype)
    return Quantisation(6.0 / (limits.max - limits.min), limits.max // 2 + 1 if dtype.kind == "u" else 0)

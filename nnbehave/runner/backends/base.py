"""The base classes of backends and of their models. The runner uses a runtime through a backend.

A plug-in subclasses :class:`Backend` and :class:`Model`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Dict, List, NamedTuple, Optional, Union

from nnbehave.runner.kernels import Kernel
from nnbehave.runner.machine import Facts, machine, state
from nnbehave.runner.protocol import Unsupported


class Cost(NamedTuple):
    """The cost of one inference, which an emulator counts or a compiler estimates. It is exact: always the same.

    Attributes
    ----------
    latency_ns : float
        It must be finite. It is 0 only if the compiler folds the whole graph away.
    counts : dict of str to float
        The counts behind the latency: ``cycles``, ``instructions`` or others.
    left_out : list of str
        The compiler's names of the operators whose cost is not in the latency.
    """

    latency_ns: float
    counts: Dict[str, float] = {}
    left_out: List[str] = []


class Model:
    """An artifact that a backend has loaded.

    Attributes
    ----------
    kernels : list of Kernel
        The kernels that run, as the runtime tells.
    invoke : callable or None
        Runs one inference on the inputs that are in place. This is the call that is timed. None if nothing runs in this
        process.
    measure : callable or None
        Runs and times inferences on a device: like :meth:`profile`, but for whole calls. None if there is no device.
    input_shapes, input_dtypes : list
        One entry for each input.
    """

    kernels: List[Kernel]
    invoke: Any = None
    measure: Optional[Callable[[int], tuple[int, int]]] = None
    input_shapes: List[Any] = []
    input_dtypes: List[Any] = []

    def run(self, inputs: list[Any]) -> list[Any]:
        """Put arrays in place as inputs, run one inference and return copies of the outputs."""
        raise NotImplementedError

    def profile(self, sample_ns: int) -> tuple[int, int]:
        """Run inferences for about ``sample_ns`` and time their kernels by the runtime's own clock.

        Returns
        -------
        calls : int
            Number of inferences.
        total_ns : int
            Time of the kernels in all of them, in ns. Kernels that only change the layout at the ends of the graph are
            left out.
        """
        raise NotImplementedError


class Backend:
    """A runtime with its options, which are the keyword arguments of the constructor.

    Attributes
    ----------
    clock : callable
        Returns the time in ns. A backend with another clock than the default is not disturbed by this machine.
    """

    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def versions(self) -> Dict[str, str]:
        """Return the packages on which latencies depend, and their versions."""
        raise NotImplementedError

    def machine_facts(self) -> Facts:
        """Return facts about the machine or the device that runs the models (:func:`.machine.machine`)."""
        return machine()

    def machine_state(self) -> Facts:
        """Return the settings of its clocks (:func:`.machine.state`)."""
        return state()

    def load(self, path: str, precision: str) -> Model:
        """Load an artifact.

        Parameters
        ----------
        path : str
            Path of the artifact's main file.
        precision : str
            The precision for which it was converted.

        Raises
        ------
        Unsupported
            The runtime refuses the artifact. The message says why.
        """
        raise NotImplementedError

    def estimate(self, models: List[Any]) -> Iterator[Union[Cost, Unsupported]]:
        """Yield the cost of each model in order, as soon as it is known.

        The methods ``emulated`` and ``estimated`` use it. A model without a cost yields an :class:`Unsupported` with
        the reason.
        """
        raise NotImplementedError

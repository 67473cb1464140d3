"""What every converter says of itself."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from nnbehave.design.graph import Graph
from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import MissingExtraError
from nnbehave.runner.reference import Quantisation, nudged, random_inputs, save_reference


class Converter(ABC):
    """Turns a graph into the file that a platform loads.

    Attributes
    ----------
    name : str
    file : str
        Name of the artifact's main file.
    revision : int
        Raised whenever the same graph and packages would give another artifact than before.
    packages : dict of str to str
        Distribution to the extra of nnbehave that brings it; their versions are the converter's version.
    precisions : tuple of str
        Those that it can be asked for.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    revision: ClassVar[int] = 1
    packages: ClassVar[dict[str, str]] = {}
    precisions: ClassVar[tuple[str, ...]] = PRECISIONS

    def version(self) -> str:
        """Return what the artifact depends on besides the graph and the seed.

        Raises
        ------
        MissingExtraError
            A package that conversion needs is not installed.
        """
        parts = [f"{self.name} {self.revision}"]
        for package, extra in self.packages.items():
            try:
                parts.append(f"{package} {version(package)}")
            except PackageNotFoundError:
                raise MissingExtraError(
                    f"converting to {self.name} needs {package}: pip install 'nnbehave[{extra}]'"
                ) from None
        return ", ".join(parts)

    @abstractmethod
    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        """Write the artifact into ``folder`` and return the seconds of each phase (``graph``, ``convert``).

        Raises
        ------
        Unsupported
            The graph cannot be had in this format at this precision.
        """


def keep_reference(
    function: Any,
    graph: Graph,
    seed: int,
    folder: Path,
    inputs: Sequence[Quantisation],
    outputs: Sequence[Quantisation],
) -> None:
    """Run a TensorFlow function and keep what a runtime's output is to be compared with.

    A graph of several outputs has none, since runtimes order them as they like.
    """
    import tensorflow as tf

    if len(graph.outputs) == 1:
        given = random_inputs(graph.input_shapes, seed)
        (output,), (moved,) = (function(*map(tf.constant, each)) for each in (given, nudged(given)))
        save_reference(folder, output.numpy(), moved.numpy(), inputs, outputs)


@contextmanager
def timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    """Add the seconds of the ``with`` block to ``phases[phase]``."""
    start = time.perf_counter()
    yield
    phases[phase] = phases.get(phase, 0.0) + time.perf_counter() - start

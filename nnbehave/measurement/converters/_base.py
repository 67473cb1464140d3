"""The base class of converters."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from nnbehave.design.graph import Graph
from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import MissingExtraError


class Converter(ABC):
    """Turns a graph into an artifact, the file that a platform loads.

    Attributes
    ----------
    name : str
        What platforms call the converter.
    file : str
        Name of the artifact's main file.
    revision : int
        Must be raised by every change after which the same graph and packages give a different artifact.
    packages : dict of str to str
        Maps each distribution that conversion needs to the extra of nnbehave that installs it. Their versions are part
        of the converter's version.
    precisions : tuple of str
        The precisions that the converter can convert to.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    revision: ClassVar[int] = 1
    packages: ClassVar[dict[str, str]] = {}
    precisions: ClassVar[tuple[str, ...]] = PRECISIONS

    def version(self) -> str:
        """Return all that an artifact depends on besides the graph and the seed: revision and package versions.

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
        """Write the artifact of a graph.

        Parameters
        ----------
        graph : Graph
        seed : int
            Weights and inputs are drawn from it.
        folder : path
            An empty folder. Every file in it afterwards is part of the artifact.

        Returns
        -------
        dict of str to float
            The duration of each phase in seconds: ``graph`` (building it) and ``convert``.

        Raises
        ------
        Unsupported
            The format cannot hold this graph at this precision.
        """


@contextmanager
def timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    """Add the duration of the ``with`` body, in seconds, to ``phases[phase]``."""
    start = time.perf_counter()
    yield
    phases[phase] = phases.get(phase, 0.0) + time.perf_counter() - start

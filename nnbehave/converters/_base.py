"""What every converter says of itself."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from nnbehave.errors import MissingExtraError
from nnbehave.graph import Graph


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
    """

    name: ClassVar[str]
    file: ClassVar[str]
    revision: ClassVar[int] = 1
    packages: ClassVar[dict[str, str]] = {}

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
        """Write the artifact into ``folder`` and return the seconds of each phase (``graph``, ``convert``)."""


@contextmanager
def timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    """Add the seconds of the ``with`` block to ``phases[phase]``."""
    start = time.perf_counter()
    yield
    phases[phase] = phases.get(phase, 0.0) + time.perf_counter() - start

"""What every target does."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.worker import Worker

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Target(ABC):
    """Where runners execute. Use it in a ``with``: leaving it ends what it keeps open there.

    Attributes
    ----------
    name : str
        As :func:`nnbehave.measurement.targets.get_target` takes it, and as results name it.
    place : str
        What messages call it.
    """

    name: str
    place: str

    def __enter__(self) -> Target:
        """Reach it. Raises TargetError where that fails."""
        return self

    def __exit__(self, *raised: Any) -> None:  # noqa: B027 (most keep nothing open)
        """Let go of it."""

    @abstractmethod
    def adapt(self, platform: Platform) -> Platform:
        """Return a platform as it is on this target.

        Raises
        ------
        MissingExtraError
            Its runtime is not installed there; the message says what, and where.
        InvalidInputError
            It cannot be had there at all.
        """

    @abstractmethod
    def start(self, platform: Platform, number: int = 0) -> Worker:
        """Start a runner for ``platform``, the ``number``-th of a session, pinned where the system allows.

        Raises
        ------
        ConnectionLost
            The target cannot be reached now; try again later.
        """

    @abstractmethod
    def take(self) -> bool:
        """Take the target's machine to measure on where nobody else has it; return whether it is held now."""

    @abstractmethod
    def release(self) -> None:
        """Leave the machine to others."""

    def wait_for(self, waiting: Callable[[str], None]) -> None:
        """Take the machine, however long another sweep has it; ``waiting`` is told once that one does."""
        told = False
        while not self.take():
            if not told:
                waiting(f"another sweep is measuring on {self.place}; waiting for it")
                told = True
            time.sleep(0.2)

    @contextmanager
    def exclusive(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the machine for measuring: two sweeps that measure at once would measure each other.

        Parameters
        ----------
        waiting : callable
            Called once, with a message, where another sweep holds it.
        """
        self.wait_for(waiting)
        try:
            yield
        finally:
            self.release()


def runner_arguments(platform: Platform, number: int) -> list[str]:
    """Return the arguments of the runner for ``platform``, the ``number``-th of a session."""
    options = platform.backend_options()
    if "seed" in options:  # a platform that simulates gets a new machine with each process, as real ones do
        options["seed"] += number
    cores = platform.threads if platform.wall_clock else 0
    return ["--backend", platform.backend, "--options", json.dumps(options), "--cores", str(cores)]


def runner_environment(platform: Platform) -> dict[str, str]:
    """Return the variables that libraries take their number of threads from."""
    return dict.fromkeys(_THREAD_VARIABLES, str(platform.threads))


def needs(platform: Platform, place: str, python: str) -> MissingExtraError:
    """Return what to raise where a platform's package is not installed for a Python elsewhere."""
    return MissingExtraError(
        f"platform {platform.name!r} needs {platform.package}, which {place} has not: "
        f"there, {python} -m pip install {platform.package}"
    )

"""The base class of targets, and what several of them need to start a runner."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import ClassVar

from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.worker import Worker

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_POLL_S = 0.2  # between two tries to take a machine that another sweep holds


class Target(ABC):
    """A place where runners execute. Use it in a ``with`` statement, which closes its connections.

    Attributes
    ----------
    scheme : str
        The part before the first colon of the texts that name such targets. It chooses the class.
    form : str
        The form of those texts, for messages.
    name : str
        The canonical text that names this target, in results and for :func:`.targets.get_target`.
    place : str
        What messages call the target.
    """

    scheme: ClassVar[str]
    form: ClassVar[str]
    name: str
    place: str

    @classmethod
    @abstractmethod
    def from_text(cls, text: str) -> Target:
        """Return the target that a text with this class's scheme names.

        Raises
        ------
        InvalidInputError
            The text does not have the form.
        """

    def __enter__(self) -> Target:
        """Connect to the target.

        Raises
        ------
        TargetError
            It cannot be reached, or nothing can be measured there.
        """
        return self

    def __exit__(  # noqa: B027 (most targets have nothing to close)
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Close the connections."""

    @abstractmethod
    def adapt(self, platform: Platform) -> Platform:
        """Return a platform as it is on this target.

        Raises
        ------
        MissingExtraError
            Its runtime is not installed on the target. The message says what to install, and where.
        InvalidInputError
            The platform cannot run on such a target.
        """

    @abstractmethod
    def start(self, platform: Platform, number: int = 0) -> Worker:
        """Start a runner, pinned to cores where the system allows.

        Parameters
        ----------
        platform : Platform
            As :meth:`adapt` returned it.
        number : int
            How many runners of this session were started before this one.

        Raises
        ------
        ConnectionLost
            The target cannot be reached now. The caller may try again later.
        """

    @abstractmethod
    def take(self) -> bool:
        """Try to take the target's machine for measuring. Return True if this process holds it now."""

    @abstractmethod
    def release(self) -> None:
        """Leave the machine to other sweeps."""

    def wait_for(self, waiting: Callable[[str], None]) -> None:
        """Take the machine, and wait for as long as another sweep holds it.

        Parameters
        ----------
        waiting : callable
            Called once with a message if another sweep holds the machine.
        """
        told = False
        while not self.take():
            if not told:
                waiting(f"another sweep is measuring on {self.place}; waiting for it")
                told = True
            time.sleep(_POLL_S)

    @contextmanager
    def exclusive(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the machine in a ``with`` statement, because two sweeps at once would slow each other down.

        Parameters
        ----------
        waiting : callable
            Called once with a message if another sweep holds the machine.
        """
        self.wait_for(waiting)
        try:
            yield
        finally:
            self.release()


def runner_arguments(platform: Platform, number: int) -> list[str]:
    """Return the command-line arguments of the ``number``-th runner of a session, counted from 0."""
    options = platform.backend_options()
    if isinstance(seed := options.get("seed"), int):  # each runner of a simulated platform simulates another machine
        options["seed"] = seed + number
    cores = platform.threads if platform.wall_clock else 0
    return ["--backend", platform.backend, "--options", json.dumps(options), "--cores", str(cores)]


def runner_environment(platform: Platform) -> dict[str, str]:
    """Return the environment variables that tell libraries how many threads to use."""
    return dict.fromkeys(_THREAD_VARIABLES, str(platform.threads))


def check_portable(platform: Platform) -> None:
    """Raise InvalidInputError for a platform whose setup makes more than its package, so that it only runs here."""
    if platform.preparation() is not None and not platform.package:
        raise InvalidInputError(
            f"platform {platform.name!r} needs what 'nnbehave setup' makes on this machine: "
            "it only runs on target local"
        )


def missing_package(platform: Platform, python: str, place: str) -> MissingExtraError:
    """Return the error that the package of a platform is not installed for a Python at a place."""
    return MissingExtraError(
        f"platform {platform.name!r} needs {platform.package}, which {python} on {place} lacks: "
        f"run '{python} -m pip install {platform.package}' there"
    )

"""Targets on this machine: the runner is a worker process, in this Python or in another one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.targets._base import (
    Target,
    check_portable,
    missing_package,
    runner_arguments,
    runner_environment,
)
from nnbehave.measurement.targets.archive import runner_archive
from nnbehave.measurement.worker import PythonWorker, Worker
from nnbehave.runner.lock import MeasuringLock

_LIMIT_S = 60.0  # for another Python to list its packages


class LocalTarget(Target):
    """Starts runners on this machine, each in the Python that its platform needs."""

    scheme = "local"
    form = "local"
    name = "local"
    place = "this machine"

    def __init__(self) -> None:
        self._lock = MeasuringLock()

    @classmethod
    def from_text(cls, text: str) -> Target:
        if text != cls.scheme:
            raise InvalidInputError(f"target {text!r} is not of the form {cls.form}")
        return cls()

    def adapt(self, platform: Platform) -> Platform:
        platform.version()  # raises if the runtime is not installed
        return platform

    def start(self, platform: Platform, number: int = 0) -> Worker:
        arguments, environment = runner_arguments(platform, number), runner_environment(platform)
        python = platform.interpreter()
        if python == sys.executable:
            return PythonWorker("nnbehave.runner", arguments, environment)
        return PythonWorker("nnbehave.runner", arguments, environment, python, runner_archive())

    def take(self) -> bool:
        return self._lock.take()

    def release(self) -> None:
        self._lock.release()


class PythonTarget(LocalTarget):
    """Starts runners in another Python on this machine, which has its own packages: another version of a runtime.

    Parameters
    ----------
    python : str
        A path, or a command on PATH.

    Raises
    ------
    InvalidInputError
        There is no such program.
    """

    scheme = "python"
    form = "python:/path/to/python"

    def __init__(self, python: str) -> None:
        super().__init__()
        found = shutil.which(os.path.expanduser(python)) if python else None
        if found is None:
            raise InvalidInputError(f"target 'python:{python}': {python or 'nothing'} is not a program on this machine")
        self._python = os.path.abspath(found)
        self.name = f"python:{self._python}"

    @classmethod
    def from_text(cls, text: str) -> Target:
        return cls(text.partition(":")[2])

    def adapt(self, platform: Platform) -> Platform:
        """Return the platform unchanged. That Python must have NumPy and the platform's runtime."""
        check_portable(platform)
        packages = list(filter(None, ["numpy", platform.package]))
        versions = _versions(self._python, packages)
        if versions["numpy"] is None:
            raise MissingExtraError(f"{self._python} has no NumPy: {self._python} -m pip install numpy")
        if platform.package and versions[platform.package] is None:
            raise missing_package(platform, self._python, self.place)
        return platform

    def start(self, platform: Platform, number: int = 0) -> Worker:
        arguments, environment = runner_arguments(platform, number), runner_environment(platform)
        return PythonWorker("nnbehave.runner", arguments, environment, self._python, runner_archive())


_ASK_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
def ask(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
print(json.dumps({package: ask(package) for package in sys.argv[1:]}))
"""


def _versions(python: str, packages: list[str]) -> dict[str, str | None]:
    """Return the version of each package in another Python; None if it is not installed."""
    command = [python, "-c", _ASK_VERSIONS, *packages]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL, cwd="/"
        )
        versions: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        raise InvalidInputError(f"target 'python:{python}': that is not a Python of version 3.8 or newer") from None
    return versions

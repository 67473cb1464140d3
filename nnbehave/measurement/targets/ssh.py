"""The target of a host over SSH. The runner and the artifacts are pushed there by the system's ``ssh``.

Each process on the host has a connection of its own, so that a connection that breaks ends one process only. All
artifacts go through the connection of one helper process, :mod:`nnbehave.runner.host`. On the host, files go into the
folder ``nnbehave`` of the user's cache directory, under names that are hashes of their content, so that only missing
ones are sent. Nothing else on the host is changed. A runner ends with its connection (:mod:`nnbehave.runner.guard`).
"""

from __future__ import annotations

import logging
import secrets
import shlex
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from nnbehave.errors import ConnectionLost, TargetError, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.targets._base import (
    Target,
    check_portable,
    missing_package,
    runner_arguments,
    runner_environment,
)
from nnbehave.measurement.targets._ssh.address import FORM, parse_address
from nnbehave.measurement.targets._ssh.artifacts import ArtifactPusher
from nnbehave.measurement.targets._ssh.client import LIMIT_S, RemoteWorker, greet, ssh_command
from nnbehave.measurement.targets.archive import runner_archive
from nnbehave.measurement.worker import QUIET, Worker
from nnbehave.runner.protocol import Message

_LOG = logging.getLogger("nnbehave")
_OLDEST_PYTHON = [3, 8]


class SSHTarget(Target):
    """Starts runners on another host. It must be entered before it is used.

    Parameters
    ----------
    address : str
        ``ssh://[user@]host[:port][?python=/path]``: a host of the user's SSH configuration, to which ``ssh`` connects
        without asking anything, and the Python there (default ``python3``).

    Raises
    ------
    InvalidInputError
        The address does not have this form.
    """

    scheme = "ssh"
    form = FORM

    def __init__(self, address: str) -> None:
        self._address = parse_address(address)
        self.place, self.name = self._address.place, self._address.name
        self._token = f"nnbehave-{secrets.token_hex(8)}"  # in the command lines of our processes on the host
        self._archive = ""  # path of the runner's archive on the host
        self._helper: Worker | None = None
        self._artifacts = ArtifactPusher(self.place, self._ask)
        self._taken = False

    @classmethod
    def from_text(cls, text: str) -> Target:
        return cls(text)

    def __enter__(self) -> SSHTarget:
        """Connect, push the runner if need be, and warn of settings that make latencies vary.

        Raises
        ------
        TargetError
            The host cannot be reached, or its Python is too old or has no NumPy. The message has what ssh printed.
        """
        archive = runner_archive()
        greeting = greet(self._address, archive.name)
        if greeting.python < _OLDEST_PYTHON or greeting.numpy is None:
            problem = "no NumPy" if greeting.python >= _OLDEST_PYTHON else "no Python 3.8 or newer"
            raise TargetError(
                f"{self._address.python} on {self.place} has {problem}: install it there, or name another Python: "
                f"ssh://{self.place}?python=/path/to/python"
            )
        if not greeting.present:
            _LOG.info("pushing the runner to %s", self.place)
            greeting = greet(self._address, archive.name, archive.read_bytes())
        self._archive = greeting.archive
        try:
            self._connect()
        except WorkerError as error:
            raise TargetError(f"{self.place}: {error}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if self._helper is not None:
            self._helper.close()
            self._helper = None

    def adapt(self, platform: Platform) -> Platform:
        check_portable(platform)
        packages = list(filter(None, [platform.package]))
        if None in self._ask("versions", packages=packages)["versions"].values():
            raise missing_package(platform, self._address.python, self.place)
        return platform

    def start(self, platform: Platform, number: int = 0) -> Worker:
        if self._helper is None:
            self._connect()
        else:
            self._ask("versions", packages=[])  # any request shows whether the connection still stands
        environment = QUIET | runner_environment(platform)
        return self._worker("nnbehave.runner.guard", runner_arguments(platform, number), environment)

    def take(self) -> bool:
        self._taken = bool(self._ask("lock")["held"])
        return self._taken

    def release(self) -> None:
        self._taken = False
        self.__exit__()  # the helper process holds the lock, so it must end

    def _connect(self) -> None:
        """Start the helper process on the host. It ends what an earlier connection of this target has left there.

        If this target held the machine before, it takes it again.

        Raises
        ------
        WorkerError
            The helper does not start.
        """
        self._artifacts.forget()
        self._helper = self._worker("nnbehave.runner.host", [], QUIET)
        state = self._ask("begin", folder=self._archive.rsplit("/", 2)[0])["state"]
        _LOG.info("%s: %s", self.place, state)
        if state["governor"] not in ("performance", None):
            _LOG.warning(
                "the frequency governor of %s is %r, not 'performance': its latencies will vary with its load",
                self.place,
                state["governor"],
            )
        if self._taken:
            self.wait_for(_LOG.warning)

    def _ask(self, command: str, **fields: Any) -> Message:
        """Send a request to the helper process and return its answer.

        Raises
        ------
        ConnectionLost
            The helper does not answer.
        TargetError
            It answers that it cannot do it.
        """
        if self._helper is None:
            self._connect()
        assert self._helper is not None
        try:
            answer = self._helper.request(command, LIMIT_S, **fields)
        except WorkerError as error:
            self.__exit__()
            raise ConnectionLost(str(error)) from None
        if not answer["ok"]:
            raise TargetError(f"{self.place}: {answer['error']}")
        return answer

    def _worker(self, module: str, arguments: Sequence[str], environment: dict[str, str]) -> RemoteWorker:
        """Start a module of the runner on the host."""
        variables = [f"{name}={value}" for name, value in {**environment, "PYTHONPATH": self._archive}.items()]
        words = ["env", *variables, self._address.python, "-m", module, self._token, *arguments]
        # Python first looks for modules in its working directory, where another nnbehave may be.
        command = ssh_command(self._address, f"cd / && exec {shlex.join(words)}")
        return RemoteWorker(self.place, command, self._artifacts.push)

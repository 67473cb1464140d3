"""The system's ``ssh`` client: its options, the first look at a host, and processes there seen from here."""

from __future__ import annotations

import base64
import json
import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnbehave.errors import ConnectionLost, TargetError, WorkerDied, WorkerError
from nnbehave.measurement.targets._ssh.address import Address
from nnbehave.measurement.worker import Worker

LIMIT_S = 60.0  # for one answer of a host
OPTIONS = {
    "BatchMode": "yes",  # ssh must not ask questions
    "ConnectTimeout": "10",
    "ServerAliveInterval": "10",  # after three intervals without an answer, ssh gives up the connection
    "ServerAliveCountMax": "3",
    "LogLevel": "ERROR",
    "RequestTTY": "no",
    "RemoteCommand": "none",  # a command in the user's configuration is meant for terminals
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
}
_SSH_FAILED = 255  # the exit code of ssh for its own failures
_NOT_FOUND = (126, 127)  # the exit codes of a shell that cannot run a command

# The program that a host's Python reads from standard input. It must run in any Python, without any package. The last
# line that it prints is a Greeting.
_GREETING = """
import base64, json, os, sys
def where(name):
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, "nnbehave", "runner", name)
def write(path, content):
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    draft = "%s.%d" % (path, os.getpid())
    with open(draft, "wb") as file:
        file.write(content)
    os.rename(draft, path)
try:
    import numpy
    numpy = numpy.__version__
except ImportError:
    numpy = None
path, content = where(NAME), base64.b64decode(CONTENT)
if content:
    write(path, content)
python = list(sys.version_info[:2])
print(json.dumps({"python": python, "numpy": numpy, "archive": path, "present": os.path.exists(path)}))
"""


@dataclass(frozen=True)
class Greeting:
    """The first facts about a host.

    Attributes
    ----------
    python : list of int
        Major and minor version of the Python there.
    numpy : str or None
        Version of NumPy there; None if it is not installed.
    archive : str
        Path that the runner's archive has there.
    present : bool
        True if the archive is there.
    """

    python: list[int]
    numpy: str | None
    archive: str
    present: bool


def ssh_command(address: Address, command: str) -> list[str]:
    """Return the command on this machine that runs a shell command on the host."""
    options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", *options, *address.arguments, command]


def greet(address: Address, name: str, content: bytes = b"") -> Greeting:
    """Return the first facts about a host.

    Parameters
    ----------
    address : Address
    name : str
        File name of the runner's archive.
    content : bytes, optional
        Content of the archive, to write it on the host.

    Raises
    ------
    TargetError
        The host cannot be reached, or its Python does not run. The message has what ssh printed.
    """
    program = f"NAME, CONTENT = {name!r}, {base64.b64encode(content).decode()!r}\n{_GREETING}"
    command = ssh_command(address, f"cd / && exec {shlex.quote(address.python)} -")
    place = address.place
    try:
        done = subprocess.run(command, input=program.encode(), capture_output=True, timeout=LIMIT_S)
    except FileNotFoundError:
        raise TargetError(f"{address.name}: there is no ssh on this machine: install OpenSSH's client") from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"{place} cannot be reached: no answer within {LIMIT_S:g} s") from None
    printed = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
    if done.returncode == _SSH_FAILED:
        by_hand = shlex.join(["ssh", *address.arguments])
        raise TargetError(
            f"{place} cannot be reached: {printed[-1].strip('.')}; '{by_hand}' must connect without asking"
        )
    if done.returncode in _NOT_FOUND:
        raise TargetError(f"{place} has no {address.python}: name one with ssh://{place}?python=/path/to/python")
    try:
        return Greeting(**json.loads(done.stdout.decode().splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        raise TargetError(f"{address.python} does not run on {place}: {printed[-1]}") from None


class RemoteWorker(Worker):
    """A process on a host, seen through the ``ssh`` process that started it.

    Parameters
    ----------
    place : str
        What messages call the host.
    command : sequence of str
        The ``ssh`` command.
    push : callable
        Takes the path of an artifact here and returns its path on the host, after sending it if need be.
    """

    def __init__(self, place: str, command: Sequence[str], push: Callable[[str], str]) -> None:
        super().__init__(f"the runner on {place}", command)
        self._place = place
        self._push = push

    def put(self, path: str) -> str:
        return self._push(path)

    def _died(self) -> WorkerError:
        """Return the error: the connection broke, or the process on the host died."""
        code = self._process.wait()
        if code == _SSH_FAILED or code < 0:
            return ConnectionLost(f"the connection to {self._place} was lost" + self._last_words())
        how = f"signal {signal.Signals(code - 128).name}" if code > 128 else f"exit code {code}"
        return WorkerDied(f"the worker process died ({how})" + self._last_words())

"""A host over SSH, by the system's ``ssh``: the runner and the artifacts are pushed, and it is measured there.

Each process there has a connection of its own, so that one that is cut or killed takes no other with it; artifacts
all go through that of :mod:`nnbehave.runner.host`. On the host, files go into ``nnbehave`` in the user's cache
directory, named by their content, so that only what is missing is sent; nothing else there is touched. A runner ends
with its connection (:mod:`nnbehave.runner.guard`).
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import secrets
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nnbehave.errors import ConnectionLost, InvalidInputError, TargetError, WorkerDied, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.targets._base import Target, needs, runner_arguments, runner_environment
from nnbehave.measurement.targets.archive import runner_archive
from nnbehave.measurement.worker import QUIET, Worker
from nnbehave.runner.host import artifact_files, artifact_key

_LOG = logging.getLogger("nnbehave")
_OPTIONS = {
    "BatchMode": "yes",  # nobody is there to answer questions
    "ConnectTimeout": "10",
    "ServerAliveInterval": "10",  # so that a connection that went without a word is noticed after three of these
    "ServerAliveCountMax": "3",
    "LogLevel": "ERROR",
    "RequestTTY": "no",
    "RemoteCommand": "none",  # what a user's configuration asks for is for terminals
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
}
_LIMIT_S = 60.0  # for one answer of a host
_CHUNK_BYTES = 1 << 20
_OLDEST_PYTHON = [3, 8]
_FAILED = 255  # ssh's own exit code
_NOT_FOUND = (126, 127)  # a shell's

# Given to the host's Python on standard input, so it must not need anything; the last line that it prints is read.
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
print(json.dumps({"python": python, "numpy": numpy, "path": path, "there": os.path.exists(path)}))
"""


class SSHTarget(Target):
    """Starts runners on another host; see the module. It must be entered before it is used.

    Parameters
    ----------
    address : str
        ``ssh://[user@]host[:port][?python=/path]``: a host as the user's SSH configuration knows it, to which ``ssh``
        connects without asking anything, and the Python there (by default ``python3``).

    Raises
    ------
    InvalidInputError
        It is not of that form.
    """

    def __init__(self, address: str) -> None:
        self._address = _parse(address)
        self._python, self.place = self._address.python, self._address.place
        self.name = f"ssh://{self.place}" + (f"?python={self._python}" if self._python != "python3" else "")
        self._token = f"nnbehave-{secrets.token_hex(8)}"
        self._archive = ""  # on the host, as what follows
        self._helper: Worker | None = None
        self._there: dict[str, str] = {}  # artifacts by their path here
        self._taken = False

    # ------------------------------------------------------------------ the host

    def __enter__(self) -> SSHTarget:
        """Connect, look at the host, push the runner, and warn of what will make its latencies vary.

        Raises
        ------
        TargetError
            It cannot be reached, or has no Python that will do; the message has what ssh said.
        """
        archive = runner_archive()
        facts = self._greet(archive.name, b"")
        if facts["python"] < _OLDEST_PYTHON or facts["numpy"] is None:
            lacks = "no NumPy" if facts["python"] >= _OLDEST_PYTHON else "no Python 3.8 or newer"
            raise TargetError(
                f"{self._python} on {self.place} has {lacks}: install it there, or name another Python: "
                f"ssh://{self.place}?python=/path/to/python"
            )
        if not facts["there"]:
            _LOG.info("pushing the runner to %s", self.place)
            facts = self._greet(archive.name, archive.read_bytes())
        self._archive = facts["path"]
        try:
            self._connect()
        except WorkerError as error:
            raise TargetError(f"{self.place}: {error}") from None
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._helper is not None:
            self._helper.close()
            self._helper = None

    def adapt(self, platform: Platform) -> Platform:
        if platform.preparation() is not None and not platform.package:
            raise InvalidInputError(f"platform {platform.name!r} is set up on this machine and only runs here")
        packages = list(filter(None, [platform.package]))
        if None in self._ask("versions", packages=packages)["versions"].values():
            raise needs(platform, self.place, self._python)
        return platform

    def start(self, platform: Platform, number: int = 0) -> Worker:
        if self._helper is None:
            self._connect()
        else:
            self._ask("versions", packages=[])  # which shows whether it is there still, and what it holds held
        environment = QUIET | runner_environment(platform)
        command = self._command("nnbehave.runner.guard", runner_arguments(platform, number), environment)
        return _RemoteWorker(self, command)

    def take(self) -> bool:
        self._taken = bool(self._ask("lock")["held"])
        return self._taken

    def release(self) -> None:
        self._taken = False
        self.__exit__()  # the lock is that process's

    def put(self, path: str) -> str:
        """Return where the host has the artifact that is at ``path`` here, having sent it where it lacks it.

        Raises
        ------
        ConnectionLost
            Try again.
        TargetError
            The host cannot keep it.
        """
        file = Path(path)
        if path not in self._there:
            key = artifact_key(str(file.parent))
            answer = self._ask("has", key=key)
            if not answer["there"]:
                self._push(file.parent, key)
            self._there[path] = answer["path"]
        return f"{self._there[path]}/{file.name}"

    def _push(self, folder: Path, key: str) -> None:
        for name, chunk in _chunks(folder):
            self._ask("write", key=key, name=name, data=base64.b64encode(chunk).decode())
        self._ask("keep", key=key)
        _LOG.info("pushed %s to %s", folder.name, self.place)

    # ------------------------------------------------------------------ connections

    def _greet(self, name: str, content: bytes) -> dict[str, Any]:
        """Ask the host for the facts that come before all others, and leave the archive there where it is given."""
        program = f"NAME, CONTENT = {name!r}, {base64.b64encode(content).decode()!r}\n{_GREETING}"
        command = self._ssh(f"cd / && exec {shlex.quote(self._python)} -")
        try:
            done = subprocess.run(command, input=program.encode(), capture_output=True, timeout=_LIMIT_S)
        except FileNotFoundError:
            raise TargetError(f"{self.name}: there is no ssh on this machine: install OpenSSH's client") from None
        except subprocess.TimeoutExpired:
            raise TargetError(f"{self.place} cannot be reached: no answer within {_LIMIT_S:g} s") from None
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        if done.returncode == _FAILED:
            by_hand = shlex.join(["ssh", *self._address.arguments])
            why = f"{said[-1].strip('.')}; '{by_hand}' must connect without asking"
            raise TargetError(f"{self.place} cannot be reached: {why}")
        if done.returncode in _NOT_FOUND:
            raise TargetError(
                f"{self.place} has no {self._python}: name one with ssh://{self.place}?python=/path/to/python"
            )
        try:
            facts: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
        except (ValueError, IndexError):
            raise TargetError(f"{self._python} does not run on {self.place}: {said[-1]}") from None
        return facts

    def _connect(self) -> None:
        """Start what serves files, facts and the lock there; it ends what an earlier connection of ours has left.

        Raises
        ------
        WorkerError
            That fails.
        """
        self._there = {}
        self._helper = _RemoteWorker(self, self._command("nnbehave.runner.host", [], QUIET))
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

    def _ask(self, command: str, **fields: Any) -> dict[str, Any]:
        if self._helper is None:
            self._connect()
        assert self._helper is not None
        try:
            answer = self._helper.request(command, _LIMIT_S, **fields)
        except WorkerError as error:
            self.__exit__()
            raise ConnectionLost(str(error)) from None
        if not answer["ok"]:
            raise TargetError(f"{self.place}: {answer['error']}")
        return answer

    def _command(self, module: str, arguments: Sequence[str], environment: dict[str, str]) -> list[str]:
        """Return the command here that runs a module of the runner there."""
        variables = [f"{name}={value}" for name, value in {**environment, "PYTHONPATH": self._archive}.items()]
        words = ["env", *variables, self._python, "-m", module, self._token, *arguments]
        # Python looks into its working directory first, where another nnbehave may lie.
        return self._ssh(f"cd / && exec {shlex.join(words)}")

    def _ssh(self, command: str) -> list[str]:
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", *options, *self._address.arguments, command]


class _RemoteWorker(Worker):
    """A process on the host, seen through the ``ssh`` that it was started by."""

    def __init__(self, target: SSHTarget, command: Sequence[str]) -> None:
        super().__init__(f"the runner on {target.place}", command)
        self._target = target

    def put(self, path: str) -> str:
        return self._target.put(path)

    def _died(self) -> WorkerError:
        """Tell a connection that broke from a process that died there."""
        code = self._process.wait()
        if code == _FAILED or code < 0:
            return ConnectionLost(f"the connection to {self._target.place} was lost" + self._last_words())
        how = f"signal {signal.Signals(code - 128).name}" if code > 128 else f"exit code {code}"
        return WorkerDied(f"the worker process died ({how})" + self._last_words())


class _Address(NamedTuple):
    """Where to connect to."""

    user: str
    host: str
    port: str
    python: str

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")

    @property
    def arguments(self) -> list[str]:
        """What ``ssh`` is given."""
        options = [*(["-p", self.port] if self.port else []), *(["-l", self.user] if self.user else [])]
        return [*options, self.host]


def _parse(text: str) -> _Address:
    """Read ``ssh://[user@]host[:port][?python=/path]``. Raises InvalidInputError."""
    # A name that begins with a dash would be an option of ssh's.
    match = re.fullmatch(r"ssh://(?:([\w.+][\w.+-]*)@)?(\[[\w:.%]+\]|[\w.][\w.-]*)(?::(\d+))?/?(?:\?(.*))?", text)
    if match is None or not 1 <= int(match[3] or 1) <= 65535:
        raise InvalidInputError(f"target {text!r} is not of the form ssh://[user@]host[:port][?python=/path]")
    options = dict(part.partition("=")[::2] for part in (match[4] or "").split("&") if part)
    if unknown := options.keys() - {"python"}:
        raise InvalidInputError(f"target {text!r} has no option {unknown.pop()!r}; it has python")
    if options.get("python") == "":
        raise InvalidInputError(f"target {text!r}: python is empty")
    return _Address(match[1] or "", match[2].strip("[]"), match[3] or "", options.get("python", "python3"))


def _chunks(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the content of an artifact's files in pieces, of each at least one."""
    for path in artifact_files(str(folder)):
        with open(path, "rb") as file:
            chunk = file.read(_CHUNK_BYTES)
            yield os.path.basename(path), chunk
            while chunk := file.read(_CHUNK_BYTES):
                yield os.path.basename(path), chunk

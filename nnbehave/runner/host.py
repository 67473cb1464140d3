"""``python -m nnbehave.runner.host TOKEN``: the helper process of a sweep on a remote host.

It receives artifacts, tells facts about the host and holds the lock. It answers requests in the form that
:mod:`nnbehave.runner.protocol` describes, and ends when its input ends.

============  ============================  ====================================================================
``cmd``       request                       what it does, and its answer
============  ============================  ====================================================================
``begin``     ``folder``                    Ends the processes that an earlier connection with this token has
                                            left. Trims the artifacts in the folder. Answers ``state``
                                            (:func:`.machine.state`).
``versions``  ``packages``                  Answers ``versions``: for each package its version, None if it is
                                            not installed.
``lock``                                    Tries to take the machine for measuring. Answers ``held``.
``has``       ``key``                       Answers ``path``, the folder of an artifact, and ``there``: whether
                                            the artifact is there. Deletes what has arrived of it.
``write``     ``key``, ``name``, ``data``   Appends base64 data to a file of an artifact that is arriving.
``keep``      ``key``                       Keeps an artifact that has arrived. Fails if its content does not
                                            have this key.
============  ============================  ====================================================================
"""

from __future__ import annotations

import base64
import glob
import hashlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from nnbehave.runner.lock import MeasuringLock
from nnbehave.runner.machine import state
from nnbehave.runner.protocol import Message, serve

_MOST_BYTES = 2e9  # size of the artifacts that a host keeps
_MAKING = "artifact.json"  # says how an artifact was made, and is not a part of it
_DRAFT_S = 3600.0  # no artifact takes longer to arrive


class Host:
    """Answers the requests in the table above."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lock = MeasuringLock()
        self._root = ""

    def begin(self, request: Message) -> Iterable[Message]:
        end_others(self._token)
        self._root = os.path.join(request["folder"], "artifacts")
        os.makedirs(self._root, exist_ok=True)
        trim(self._root)
        yield {"state": state()}

    def versions(self, request: Message) -> Iterable[Message]:
        yield {"versions": {package: _version(package) for package in request["packages"]}}

    def lock(self, request: Message) -> Iterable[Message]:
        yield {"held": self._lock.take()}

    def has(self, request: Message) -> Iterable[Message]:
        folder = os.path.join(self._root, request["key"])
        there = os.path.isdir(folder)
        if there:
            os.utime(folder)  # trim() deletes the oldest
        shutil.rmtree(self._draft(request), ignore_errors=True)  # a connection may have broken while it arrived
        yield {"there": there, "path": folder}

    def write(self, request: Message) -> Iterable[Message]:
        folder = self._draft(request)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, os.path.basename(request["name"])), "ab") as file:
            file.write(base64.b64decode(request["data"]))
        yield {}

    def keep(self, request: Message) -> Iterable[Message]:
        draft, folder = self._draft(request), os.path.join(self._root, request["key"])
        if artifact_key(draft) != request["key"]:
            shutil.rmtree(draft, ignore_errors=True)
            raise ValueError("an artifact did not arrive as it was sent")
        try:
            os.rename(draft, folder)
        except OSError:
            if not os.path.isdir(folder):  # otherwise another sweep has sent it meanwhile
                raise
            shutil.rmtree(draft, ignore_errors=True)
        yield {}

    def _draft(self, request: Message) -> str:
        """Return the folder of an artifact that is arriving."""
        return os.path.join(self._root, f".{request['key']}.{self._token}")


def artifact_files(folder: str) -> list[str]:
    """Return the paths of an artifact's files, sorted by name."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name != _MAKING]


def artifact_key(folder: str) -> str:
    """Return the key of an artifact on a host: a hash of the names and the contents of its files."""
    digest = hashlib.sha256()
    for path in artifact_files(folder):
        with open(path, "rb") as file:
            content = file.read()
        name = os.path.basename(path)
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def end_others(token: str) -> None:
    """Kill the processes of earlier connections with this token. The host may not have noticed that they broke."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        pid = int(path.split("/")[2])
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
            if token.encode() in words and pid != os.getpid():
                if os.getpgid(pid) == pid:
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue


def trim(root: str, most_bytes: float = _MOST_BYTES) -> None:
    """Delete the least recently used artifacts until the rest fits into ``most_bytes``, and abandoned drafts."""
    entries = []
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        try:
            used = os.stat(folder).st_mtime
            size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
        except OSError:  # another sweep has deleted it meanwhile
            continue
        if not name.startswith("."):
            entries.append((used, size, folder))
        elif time.time() - used > _DRAFT_S:
            shutil.rmtree(folder, ignore_errors=True)
    held = sum(size for _, size, _ in entries)
    for _, size, folder in sorted(entries):
        if held <= most_bytes:
            break
        shutil.rmtree(folder, ignore_errors=True)
        held -= size


def _version(package: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    host = Host(sys.argv[1])
    serve({name: getattr(host, name) for name in ("begin", "versions", "lock", "has", "write", "keep")})

"""``python -m nnbehave.runner.host TOKEN``: what a sweep needs of a host beside runners: files, facts, the lock.

It speaks as :mod:`nnbehave.runner.protocol` says, and ends with its input.

============  ============================  ====================================================================
``cmd``       request                       answer
============  ============================  ====================================================================
``begin``     ``folder``                    ``state`` (:func:`.machine.state`). Ends what an earlier connection
                                            with this token left, trims the folder of artifacts
``versions``  ``packages``                  ``versions``: of each its version, None where it is not installed
``lock``                                    ``held``: whether this process has the machine to measure on
``has``       ``key``                       ``there``, ``path``: of an artifact's folder, and whether it is there
``write``     ``key``, ``name``, ``data``   nothing; adds to a file of an artifact that is arriving, in base64
``keep``      ``key``                       nothing; the artifact is whole, or refused where its content is not
                                            what its key says
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
from typing import Any

from nnbehave.runner.lock import MeasuringLock
from nnbehave.runner.machine import state
from nnbehave.runner.protocol import serve

_MOST_BYTES = 2e9  # of artifacts that a host keeps
_MAKING = "artifact.json"  # how an artifact was made, which is no part of it
_DRAFT_S = 3600.0  # longer than anything takes to arrive


class Host:
    """Answers the requests above."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lock = MeasuringLock()
        self._root = ""

    def begin(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        end_others(self._token)
        self._root = os.path.join(request["folder"], "artifacts")
        os.makedirs(self._root, exist_ok=True)
        trim(self._root)
        yield {"state": state()}

    def versions(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        yield {"versions": {package: _version(package) for package in request["packages"]}}

    def lock(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        yield {"held": self._lock.take()}

    def has(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        folder = os.path.join(self._root, request["key"])
        there = os.path.isdir(folder)
        if there:
            os.utime(folder)  # used now, which trimming goes by
        shutil.rmtree(self._draft(request), ignore_errors=True)  # what arrived in part
        yield {"there": there, "path": folder}

    def write(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        folder = self._draft(request)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, os.path.basename(request["name"])), "ab") as file:
            file.write(base64.b64decode(request["data"]))
        yield {}

    def keep(self, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
        draft, folder = self._draft(request), os.path.join(self._root, request["key"])
        if artifact_key(draft) != request["key"]:
            shutil.rmtree(draft, ignore_errors=True)
            raise ValueError("an artifact did not arrive as it was sent")
        try:
            os.rename(draft, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another sweep was quicker
                raise
            shutil.rmtree(draft, ignore_errors=True)
        yield {}

    def _draft(self, request: dict[str, Any]) -> str:
        return os.path.join(self._root, f".{request['key']}.{self._token}")


def artifact_files(folder: str) -> list[str]:
    """Return the paths of an artifact's files, in order."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name != _MAKING]


def artifact_key(folder: str) -> str:
    """Return what an artifact is called on a host: a digest of its files, their names and their content."""
    digest = hashlib.sha256()
    for path in artifact_files(folder):
        with open(path, "rb") as file:
            content = file.read()
        name = os.path.basename(path)
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def end_others(token: str) -> None:
    """End the processes of an earlier connection of the same sweep, which this system may not know to be cut."""
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
        except OSError:  # it ended meanwhile, or it is another user's
            continue


def trim(root: str, most_bytes: float = _MOST_BYTES) -> None:
    """Delete the artifacts that have not been used for the longest, past so many bytes, and what never came whole."""
    entries = []
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        try:
            used = os.stat(folder).st_mtime
            size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
        except OSError:  # another sweep's, and gone
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
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    host = Host(sys.argv[1])
    serve({name: getattr(host, name) for name in ("begin", "versions", "lock", "has", "write", "keep")})

"""The pushing of artifacts to a host: each is sent once, and only if the host lacks it."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nnbehave.runner.host import artifact_files, artifact_key
from nnbehave.runner.protocol import Message

_LOG = logging.getLogger("nnbehave")
_CHUNK_BYTES = 1 << 20


class ArtifactPusher:
    """Pushes artifacts to a host and remembers where they are there.

    The host keeps an artifact under a key, a hash of its content, so that sweeps share artifacts. See
    :mod:`nnbehave.runner.host` for the requests.

    Parameters
    ----------
    place : str
        What log lines call the host.
    ask : callable
        Sends a request to the host and returns the answer: ``ask("has", key=...)``.
    """

    def __init__(self, place: str, ask: Callable[..., Message]) -> None:
        self._place = place
        self._ask = ask
        self._folders: dict[str, str] = {}  # the artifact's folder on the host, by the path of its main file here

    def forget(self) -> None:
        """Ask the host again for every artifact, as after a new connection."""
        self._folders = {}

    def push(self, path: str) -> str:
        """Return the path on the host of the artifact whose main file is at ``path`` here. Send it if need be.

        Raises
        ------
        ConnectionLost
            The connection broke. The caller may try again.
        TargetError
            The host cannot keep the artifact.
        """
        file = Path(path)
        if path not in self._folders:
            key = artifact_key(str(file.parent))
            answer = self._ask("has", key=key)
            if not answer["there"]:
                self._send(file.parent, key)
            self._folders[path] = answer["path"]
        return f"{self._folders[path]}/{file.name}"

    def _send(self, folder: Path, key: str) -> None:
        """Send the files of an artifact."""
        for name, chunk in _chunks(folder):
            self._ask("write", key=key, name=name, data=base64.b64encode(chunk).decode())
        self._ask("keep", key=key)
        _LOG.info("pushed %s to %s", folder.name, self._place)


def _chunks(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an artifact in pieces: name and content. An empty file is one empty piece."""
    for path in artifact_files(str(folder)):
        with open(path, "rb") as file:
            chunk = file.read(_CHUNK_BYTES)
            yield os.path.basename(path), chunk
            while chunk := file.read(_CHUNK_BYTES):
                yield os.path.basename(path), chunk

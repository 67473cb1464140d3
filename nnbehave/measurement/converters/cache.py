"""The cache of artifacts on disk, keyed by all that an artifact depends on."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from nnbehave.design.graph import Graph
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.converters._base import Converter

_DRAFT = "draft-"  # begins the name of a folder in which an artifact is being made
_DRAFT_S = 3600.0  # no conversion takes longer, so an older draft was left by a killed process
_NOTE = "held.json"  # names the file that says how much the cache holds
_NOTE_S = 86400.0  # how long it is believed


@dataclass(frozen=True)
class Artifact:
    """The file that a platform loads, and how it was made.

    Attributes
    ----------
    path : str
        Path of the main file.
    sha256 : str
        Hash of the content of all files of the artifact.
    subject : str
        Id of the graph.
    converter : str
        Name of the converter.
    version : str
        Version of the converter (:meth:`.Converter.version`).
    seed : int
        The weights were drawn from it.
    size_bytes : int
        Size of all files together.
    graph_s, convert_s : float
        Time that it took to build and to convert the graph, in seconds.
    """

    path: str
    sha256: str
    subject: str
    converter: str
    version: str
    seed: int
    size_bytes: int
    graph_s: float
    convert_s: float


class ArtifactCache:
    """A folder of artifacts. Each has a folder of its own, whose name is a hash of graph, converter version and seed.

    An artifact is made in a draft folder that is then renamed, so that a killed conversion leaves no partial entry.

    Parameters
    ----------
    root : path, optional
        The folder, which is created if need be. The default is ``$NNBEHAVE_CACHE_DIR``, or ``nnbehave`` in the user's
        cache directory.

    Raises
    ------
    InvalidInputError
        The folder cannot be created, or ``$NNBEHAVE_CACHE_GB`` is not a number.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        size = os.environ.get("NNBEHAVE_CACHE_GB", "10")
        try:
            self._most_bytes = float(size) * 1e9
        except ValueError:
            raise InvalidInputError(f"NNBEHAVE_CACHE_GB must be a number of gigabytes, got {size!r}") from None
        default = os.environ.get("NNBEHAVE_CACHE_DIR") or platformdirs.user_cache_dir("nnbehave")
        self.root = Path(root or default)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"the artifact cache {self.root} cannot be used ({error.strerror}); set NNBEHAVE_CACHE_DIR to a folder"
            ) from None

    def _folder(self, converter: Converter, graph: Graph, seed: int) -> Path:
        """Return the folder of an artifact, which need not exist."""
        text = json.dumps([graph.id, converter.version(), seed])
        return self.root / converter.name / hashlib.sha256(text.encode()).hexdigest()[:32]

    def get(self, converter: Converter, graph: Graph, seed: int) -> Artifact | None:
        """Return an artifact that is in the cache; None if it is not."""
        folder = self._folder(converter, graph, seed)
        main = folder / converter.file
        try:
            facts = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
            if not main.exists():
                return None
            os.utime(folder / "artifact.json")  # trim() deletes the artifacts with the oldest times
            return Artifact(path=str(main), **facts)
        except (OSError, ValueError, TypeError):  # missing or damaged, so it will be made again
            return None

    def trim_where_due(self, made_bytes: int) -> None:
        """Trim the cache if it is full, counting artifacts of so many bytes that were made since; and once a day.

        A pool calls this after each conversion. To look through a cache of ten thousand artifacts takes a second, so a
        note in it says what it holds.
        """
        note = self.root / _NOTE
        try:
            known = json.loads(note.read_text(encoding="utf-8"))
            held, since = float(known["held_bytes"]) + made_bytes, float(known["since"])
        except (OSError, ValueError, TypeError, KeyError):
            held, since = math.inf, 0.0
        if held > self._most_bytes or time.time() - since > _NOTE_S:
            held, since = self.trim(), time.time()
        with suppress(OSError), tempfile.NamedTemporaryFile("w", dir=self.root, prefix=_NOTE, delete=False) as file:
            json.dump({"held_bytes": held, "since": since}, file)
            os.replace(file.name, note)

    def trim(self) -> float:
        """Delete the least recently used artifacts until the rest fits into ``$NNBEHAVE_CACHE_GB`` (default 10).

        Drafts that killed conversions have left are deleted too. Return how many bytes are left.
        """
        for draft in self.root.glob(f"*/{_DRAFT}*"):
            with suppress(OSError):
                if time.time() - draft.stat().st_mtime > _DRAFT_S:
                    shutil.rmtree(draft, ignore_errors=True)
        entries = []
        for facts in self.root.glob("*/*/artifact.json"):
            with suppress(OSError):
                used = facts.stat().st_mtime
                entries.append((used, sum(file.stat().st_size for file in facts.parent.iterdir()), facts.parent))
        held = sum(size for _, size, _ in entries)
        for _, size, folder in sorted(entries):
            if held <= self._most_bytes:
                break
            shutil.rmtree(folder, ignore_errors=True)
            held -= size
        return held

    def make(self, converter: Converter, graph: Graph, seed: int) -> Artifact:
        """Convert a graph, keep the artifact in the cache and return it.

        Two processes may make the same artifact at the same time.
        """
        folder = self._folder(converter, graph, seed)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_DRAFT))
        try:
            phases = converter.convert(graph, seed, draft)
            content = hashlib.sha256()
            size = 0
            for file in sorted(draft.iterdir()):
                data = file.read_bytes()
                content.update(data)
                size += len(data)
            artifact = Artifact(
                path=str(folder / converter.file),
                sha256=content.hexdigest(),
                subject=graph.id,
                converter=converter.name,
                version=converter.version(),
                seed=seed,
                size_bytes=size,
                graph_s=phases.get("graph", 0.0),
                convert_s=phases.get("convert", 0.0),
            )
            facts = {key: value for key, value in asdict(artifact).items() if key != "path"}
            (draft / "artifact.json").write_text(json.dumps(facts), encoding="utf-8")
            if self.get(converter, graph, seed) is None:
                shutil.rmtree(folder, ignore_errors=True)  # it may hold a damaged artifact
            try:
                draft.rename(folder)
            except OSError:
                if self.get(converter, graph, seed) is None:  # otherwise another process has made it meanwhile
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return artifact

"""Artifacts on disk, found again by what they were made from."""

from __future__ import annotations

import hashlib
import json
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

_DRAFT, _DRAFT_S = "draft-", 3600.0  # what is being made, and how long nothing takes to make


@dataclass(frozen=True)
class Artifact:
    """What a platform loads, and where it came from.

    Attributes
    ----------
    path : str
        Of the main file.
    sha256 : str
        Of the content of all its files.
    subject, converter, version : str
        The graph's id; the converter and what it depends on.
    seed : int
        Of the weights.
    size_bytes : int
    graph_s, convert_s : float
        What making it took, when it was made.
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
    """A folder of artifacts, each in a folder named by graph, converter, versions and seed.

    An entry appears whole or not at all, so that a killed conversion leaves nothing half-written.

    Parameters
    ----------
    root : path, optional
        By default ``$NNBEHAVE_CACHE_DIR``, or ``nnbehave`` in the user's cache directory; made where there is none.

    Raises
    ------
    InvalidInputError
        It cannot be made, or ``$NNBEHAVE_CACHE_GB`` is no number.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        size = os.environ.get("NNBEHAVE_CACHE_GB", "10")
        try:
            self._most_bytes = float(size) * 1e9
        except ValueError:
            raise InvalidInputError(f"NNBEHAVE_CACHE_GB: {size!r} is no number") from None
        default = os.environ.get("NNBEHAVE_CACHE_DIR") or platformdirs.user_cache_dir("nnbehave")
        self.root = Path(root or default)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"the artifact cache {self.root} cannot be used ({error.strerror}); set NNBEHAVE_CACHE_DIR to a folder"
            ) from None

    def _folder(self, converter: Converter, graph: Graph, seed: int) -> Path:
        text = json.dumps([graph.id, converter.version(), seed])
        return self.root / converter.name / hashlib.sha256(text.encode()).hexdigest()[:32]

    def get(self, converter: Converter, graph: Graph, seed: int) -> Artifact | None:
        """Return the artifact if it has been made before."""
        folder = self._folder(converter, graph, seed)
        main = folder / converter.file
        try:
            facts = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
            if not main.exists():
                return None
            os.utime(folder / "artifact.json")  # used now, which trim() goes by
            return Artifact(path=str(main), **facts)
        except (OSError, ValueError, TypeError):  # missing, or spoiled: it is made again
            return None

    def trim(self) -> None:
        """Delete the artifacts that nobody has asked for the longest, past ``$NNBEHAVE_CACHE_GB`` of them (10).

        What conversions left that were killed goes too.
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

    def make(self, converter: Converter, graph: Graph, seed: int) -> Artifact:
        """Convert the graph and keep the artifact. Another process that makes the same one does no harm."""
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
                shutil.rmtree(folder, ignore_errors=True)  # the remains of a spoiled one
            try:
                draft.rename(folder)
            except OSError:
                if self.get(converter, graph, seed) is None:  # else another process was quicker
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return artifact

"""The runner in one file, for Pythons without nnbehave: another interpreter here, or one on another machine."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

from nnbehave.measurement.converters import ArtifactCache

_PACKAGE = Path(__file__).parent.parent.parent


def runner_archive() -> Path:
    """Return a zip file from which ``python -m nnbehave.runner`` runs. Its name has a hash of its content.

    It holds :mod:`nnbehave.runner`, which needs the standard library, NumPy and the runtime of a platform.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("nnbehave/__init__.py"), "")
        for path in sorted((_PACKAGE / "runner").rglob("*.py")):
            name = path.relative_to(_PACKAGE.parent).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())  # without file times, so equal code hashes equal
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:16]
    file = ArtifactCache().root.absolute() / "runner" / f"nnbehave-runner-{digest}.zip"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content.getvalue())
        draft.replace(file)
    return file

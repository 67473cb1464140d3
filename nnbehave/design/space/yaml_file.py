"""Reads a space from a YAML file. Every mistake in the file is reported with its line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nnbehave.design.models import FORMATS
from nnbehave.design.space.from_document import read_document
from nnbehave.design.space.space import Space
from nnbehave.design.space.yaml_lines import LineFinder, UniqueKeyLoader
from nnbehave.errors import SpaceError

_PACKAGE = Path(__file__).parent.parent.parent
_SHIPPED = (_PACKAGE / "_spaces", _PACKAGE.parent / "spaces")  # in an installed package; in a checkout


def shipped_spaces() -> dict[str, Path]:
    """Return the files of the spaces that come with nnbehave, by the spaces' names."""
    return {file.stem: file for folder in _SHIPPED for file in sorted(folder.glob("*.yaml"))}


def load_space(name_or_path: str | Path) -> Space:
    """Read a space.

    Parameters
    ----------
    name_or_path : str or path
        The name of a shipped space (``"conv_cout"``), the path of a YAML file, or the path of a model file. The layers
        of a model are slots without choices (:meth:`Space.from_model`).

    Returns
    -------
    Space

    Raises
    ------
    SpaceError
        There is no such space, or the file holds none. The message gives the line and key of every mistake.
    """
    if not isinstance(name_or_path, str | Path):
        raise SpaceError(f"name_or_path: must be the name of a space or the path of a file, got {name_or_path!r}")
    path = shipped_spaces().get(str(name_or_path), Path(name_or_path))
    if path.suffix.lower() in FORMATS:
        return Space.from_model(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = ", ".join(shipped_spaces())
        raise SpaceError(f"no space {str(name_or_path)!r}: neither a file nor one of {names}") from None
    except UnicodeDecodeError:
        raise SpaceError(f"cannot read the space {str(path)!r}: it is not text") from None
    except OSError as error:
        raise SpaceError(f"cannot read the space {str(path)!r}: {error.strerror}") from None
    return parse_space(text, str(path))


def parse_space(text: str, origin: str = "space") -> Space:
    """Read a space from YAML text.

    Parameters
    ----------
    text : str
    origin : str
        Names the text in errors: the path of its file.

    Returns
    -------
    Space

    Raises
    ------
    SpaceError
        The text is not YAML or holds no space. The message gives the line and key of every mistake.
    """
    document, lines = _load_yaml(text, origin)
    if not isinstance(document, dict):
        found = "nothing" if document is None else f"a {type(document).__name__}"
        raise SpaceError(f"{origin}: must be a mapping with 'name' and 'slots' or 'stages', got {found}")
    space, mistakes = read_document(document)
    if space is not None and not mistakes:
        return space
    found_at = sorted(((lines.find(mistake.place), mistake) for mistake in mistakes), key=lambda each: each[0])
    raise SpaceError("\n".join(f"{origin}:{line}: {mistake}" for line, mistake in found_at))


def _load_yaml(text: str, origin: str) -> tuple[Any, LineFinder]:
    """Return the value of a YAML text, and the lines of its places. Raises SpaceError if it is not YAML."""
    try:
        return yaml.load(text, UniqueKeyLoader), LineFinder(text)
    except RecursionError:
        raise SpaceError(f"{origin}: nested too deeply, or in itself") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        raise SpaceError(f"{where}: cannot be read as YAML: {getattr(error, 'problem', None) or error}") from None

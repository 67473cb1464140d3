"""From what a user gives for a store to the URL that SQLAlchemy opens."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from nnbehave.errors import InvalidInputError, StoreError


def address_of(url: str | Path | None, must_exist: bool) -> sa.URL:
    """Return the URL to open.

    A path is a SQLite file; one that must exist is opened for reading alone. None is a store in memory.

    Raises
    ------
    InvalidInputError
        It is neither a URL nor a path.
    StoreError
        There can be no file at that path, or there is none where it must exist.
    """
    if url is None:
        return sa.make_url("sqlite://")
    text = str(url)
    path = Path(text)
    if "://" in text:
        try:
            parsed = sa.make_url(text)
        except sa.exc.ArgumentError:
            raise InvalidInputError(f"store {text!r} is neither a database URL nor a path") from None
        if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.query:
            if must_exist and parsed.get_backend_name() == "sqlite" and "uri" not in parsed.query:
                raise InvalidInputError(f"store {text!r}: give the path of the file alone to read it")
            return parsed
        path = Path(parsed.database)
    _check_path(text, path, must_exist)
    if not must_exist:
        return sa.URL.create("sqlite", database=str(path))
    query = {"mode": "ro", "uri": "true"}
    if not path.with_name(path.name + "-wal").exists():
        query["immutable"] = "1"  # without it, SQLite wants to write beside a file that it only reads
    return sa.URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=query)


def _check_path(text: str, path: Path, must_exist: bool) -> None:
    """Raise StoreError where there can be no store at a path."""
    try:
        if "\0" in text:
            raise ValueError("embedded null byte")
        if path.is_dir():
            raise StoreError(f"store {text} is a directory; name a file in it")
        if must_exist and not path.is_file():
            raise StoreError(f"there is no store at {text}")
        if not path.parent.is_dir():
            raise StoreError(f"store {text}: there is no directory {path.parent}")
    except (OSError, ValueError) as error:  # too long, or with a character that no path has
        raise StoreError(f"store {text!r} is not the path of a file: {error}") from None

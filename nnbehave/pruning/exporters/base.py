"""The base classes of exporters."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import yaml

from nnbehave.errors import InvalidInputError

# Exporters know these classes as types alone, because the classes look exporters up.
if TYPE_CHECKING:
    from nnbehave.pruning.latency_table import LatencyTable  # noqa: F401 (it is quoted below)
    from nnbehave.pruning.pruned_space import PrunedSpace  # noqa: F401

Source = TypeVar("Source")


class Format(ABC, Generic[Source]):
    """Turns an object into data for another tool, and writes the data as a file.

    Attributes
    ----------
    name : str
        The name of the format in ``export``.
    suffixes : tuple of str
        The suffixes of its files.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def export(self, source: Source, path: str | Path | None = None, **options: Any) -> Any:
        """Return an object in this format, and write it to a file if a path is given.

        Parameters
        ----------
        source : PrunedSpace or LatencyTable
        path : str or path, optional
        **options
            The options of :meth:`convert`.

        Returns
        -------
        JSON value or str
            The data of :meth:`convert`.

        Raises
        ------
        InvalidInputError
            The tool cannot take the object, an option is unknown or wrong, or the file has another suffix or cannot be
            written.
        """
        file = None if path is None else Path(path)
        if file is not None:
            self.check_file(file)
        try:
            inspect.signature(self.convert).bind(source, **options)
        except TypeError as error:
            raise InvalidInputError(f"{self.name}: {error}") from None
        data = self.convert(source, **options)
        if file is not None:
            try:
                self.write(data, file)
            except OSError as error:
                raise InvalidInputError(f"cannot write {str(file)!r}: {error.strerror or error}") from None
        return data

    def check_file(self, file: Path) -> None:
        """Raise InvalidInputError if this format cannot be written to a file."""
        if file.suffix.lower() not in self.suffixes:
            raise InvalidInputError(f"{self.name} is written as {' or '.join(self.suffixes)}, not {file.name!r}")
        if not file.parent.is_dir():
            raise InvalidInputError(f"cannot write {str(file)!r}: there is no folder {str(file.parent)!r}")

    @abstractmethod
    def convert(self, source: Source, *args: Any, **options: Any) -> Any:
        """Return an object in this format, as plain Python data.

        A subclass names its options as keywords.

        Raises
        ------
        InvalidInputError
            The tool cannot take the object, or an option is wrong.
        """

    def write(self, data: Any, path: Path) -> None:
        """Write the data of :meth:`convert` to a file."""
        path.write_text(self.text(data), encoding="utf-8")

    def text(self, data: Any) -> str:
        """Return the data of :meth:`convert` as the text of a file."""
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


class Exporter(Format["PrunedSpace"]):
    """A format of pruned spaces.

    A plug-in subclasses it, and registers the class under the entry point group ``nnbehave.exporters``.
    """


class TableExporter(Format["LatencyTable"]):
    """A format of latency tables, written as JSON or YAML.

    A plug-in subclasses it, and registers the class under the entry point group ``nnbehave.table_exporters``.
    """

    suffixes = (".json", ".yaml")

    def write(self, data: Any, path: Path) -> None:
        """Write the data as JSON or YAML, by the suffix of the file."""
        is_yaml = path.suffix.lower() == ".yaml"
        text = yaml.safe_dump(data, sort_keys=False) if is_yaml else self.text(data)
        path.write_text(text, encoding="utf-8")

"""Latency tables as files: JSON and Parquet."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from nnbehave.analysis.steps import StepMap
from nnbehave.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from nnbehave.pruning.latency_table import LatencyTable

_FORMAT, _VERSION = "nnbehave.latency_table", 1
_SUFFIXES = (".json", ".parquet")
_ENTRY = ("latency_ms", "std_error_ms")


def check_file(path: Path) -> None:
    """Raise InvalidInputError if a table cannot be saved to a file."""
    if path.suffix not in _SUFFIXES:
        raise InvalidInputError(f"a latency table is saved as {' or '.join(_SUFFIXES)}, not {path.name!r}")
    if not path.parent.is_dir():
        raise InvalidInputError(f"cannot write {path}: there is no folder {str(path.parent)!r}")


def save(table: LatencyTable, path: Path) -> None:
    """Write a table. Raises InvalidInputError if the file cannot be written."""
    check_file(path)
    facts = {name: value for name, value in asdict(table).items() if name != "entries"}
    about = {"format": _FORMAT, "version": _VERSION, **facts}
    try:
        if path.suffix == ".parquet":
            _write_parquet(table, about, path)
        else:
            path.write_text(json.dumps(about | {"entries": table.entries}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}") from None


def load(kind: type[LatencyTable], path: Path) -> LatencyTable:
    """Read a table that :func:`save` wrote. Raises InvalidInputError if the file is no table of this version."""
    try:
        is_parquet = path.suffix == ".parquet"
        data = _read_parquet(path) if is_parquet else json.loads(path.read_text(encoding="utf-8"))
        format, number = data.pop("format"), data.pop("version")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{path} is no latency table: {error}") from None
    if (format, number) != (_FORMAT, _VERSION):
        raise InvalidInputError(
            f"{path}: {format} version {number}; this nnbehave reads latency tables of version {_VERSION}"
        )
    try:
        data["maps"] = tuple(map(StepMap.from_dict, data["maps"]))
        table = TypeAdapter(kind).validate_python(data)
    except (ValueError, KeyError, TypeError) as error:  # a ValidationError of pydantic is a ValueError
        raise InvalidInputError(f"{path} is no latency table: {error}") from None
    _warn_of_other_versions(table, path)
    return table


def _warn_of_other_versions(table: LatencyTable, path: Path) -> None:
    """Warn of each package that is installed in another version than the latencies were measured with."""
    for package, measured in table.versions.items():
        try:
            here = version(package)
        except PackageNotFoundError:
            continue
        if here != measured:
            warnings.warn(
                f"{path} was measured with {package} {measured}, but {package} {here} is installed: measure it again",
                stacklevel=4,
            )


def _write_parquet(table: LatencyTable, about: dict[str, Any], path: Path) -> None:
    """Write the entries as rows, and everything else as metadata of the file."""
    _check_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.Table.from_pandas(table.to_frame(), preserve_index=False)
    pq.write_table(rows.replace_schema_metadata({_FORMAT: json.dumps(about)}), path)


def _read_parquet(path: Path) -> dict[str, Any]:
    """Return the data of a table that was written as Parquet, in the form of the JSON file."""
    _check_pyarrow()
    import pyarrow.parquet as pq

    rows = pq.read_table(path)
    about: dict[str, Any] = json.loads(rows.schema.metadata[_FORMAT.encode()])
    columns = (rows.column(name).to_pylist() for name in ("layer", *_ENTRY))
    return about | {"entries": {name: (ms, error) for name, ms, error in zip(*columns, strict=True)}}


def _check_pyarrow() -> None:
    """Raise MissingExtraError if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow: pip install 'nnbehave[parquet]'") from error

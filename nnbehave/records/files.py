"""Measurements as a file: CSV for spreadsheets, JSON with a schema and a version for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nnbehave.errors import InvalidInputError
from nnbehave.records.columns import TEXT_COLUMNS
from nnbehave.records.measurement import CONTEXTS_BEFORE, Environment, Measurement, Point, Scalar

if TYPE_CHECKING:
    from nnbehave.records.measurements import Measurements

VERSION = 2  # of the JSON form; measurements of version 1 had no context
Kind = TypeVar("Kind", bound="Measurements")


class ChoicesOf(BaseModel):
    """All values that a space has of a swept dimension."""

    point: Point
    values: tuple[Scalar, ...]


class Document(BaseModel):
    """The JSON form of :class:`~nnbehave.records.Measurements`."""

    model_config = ConfigDict(ser_json_inf_nan="strings", title="nnbehave measurements")

    version: Annotated[int, Field(ge=1)] = VERSION
    measurements: tuple[Measurement, ...] = ()
    environments: dict[str, Environment] = {}
    choices: tuple[ChoicesOf, ...] = ()


@lru_cache(maxsize=1)
def json_schema() -> str:
    """Return the JSON Schema of the JSON form, as JSON."""
    return json.dumps(Document.model_json_schema(), indent=2)


def save(measurements: Measurements, path: str | Path) -> None:
    """Write measurements as ``.csv`` or ``.json``. Raises InvalidInputError for another suffix."""
    suffix = Path(path).suffix
    if suffix == ".csv":
        measurements.frame.to_csv(path, index=False)
    elif suffix == ".json":
        choices = tuple(ChoicesOf(point=point, values=values) for point, values in measurements.choices.items())
        document = Document(measurements=measurements.records, environments=measurements.environments, choices=choices)
        Path(path).write_text(document.model_dump_json(), encoding="utf-8")
    else:
        raise InvalidInputError(
            f"results are saved as .csv or .json, not as {Path(path).name!r}; the store keeps the raw samples"
        )


def load(kind: type[Kind], path: str | Path) -> Kind:
    """Read what :func:`save` wrote, this version or an earlier one.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no such file, or was written by a newer version.
    """
    try:
        return _read_json(kind, Path(path)) if Path(path).suffix == ".json" else _read_csv(kind, path)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from None
    except InvalidInputError as error:
        raise InvalidInputError(f"{path} holds no saved results: {error}") from None


def _read_csv(kind: type[Kind], path: str | Path) -> Kind:
    import pandas as pd

    try:
        # A slot may be named "nan", and the id of an environment may look like a number.
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError) as error:
        raise InvalidInputError(str(error)) from None
    return kind.from_frame(frame)


def _read_json(kind: type[Kind], path: Path) -> Kind:
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
        version = found.get("version") if isinstance(found, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise InvalidInputError(f"version {version} is of a newer nnbehave; this one reads up to {VERSION}")
        document = Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise InvalidInputError(f"not JSON: {error}") from None
    choices = {each.point: each.values for each in document.choices}
    records = document.measurements
    if document.version == 1:
        records = tuple(replace(one, context=CONTEXTS_BEFORE.get(one.method, "")) for one in records)
    return kind(records, document.environments, choices)

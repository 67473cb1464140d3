"""What analysers ask of the rows they are given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

LAYER = [  # the columns that say which layer a row is of
    *("op", "height", "width", "in_channels", "out_channels", "kernel", "stride", "precision", "batch", "padding"),
    *("bias", "activation", "groups", "dilation", "expansion"),
]
_SHORT = {"height": "h", "width": "w", "in_channels": "cin", "out_channels": "cout", "kernel": "k", "stride": "s"}
_PLAIN = (1, "same", True, "")  # what is not worth saying of a layer
_APART = ("platform", "environment", "method")
_ALWAYS = ("platform", "environment", "method", "arrangement", "precision", "status", "latency_ms", "std_error_ms")


def frame_of(results: Any, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of a Results or a DataFrame; a total that leaves operators out is no latency to go by.

    Raises InvalidInputError where it is neither, or lacks columns.
    """
    import pandas as pd

    frame = getattr(results, "frame", results)
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(f"results: expected a Results or its frame, got {type(results).__name__}")
    missing = [name for name in (*_ALWAYS, *needed) if name not in frame]
    if missing:
        raise InvalidInputError(f"results: the frame lacks the columns {', '.join(missing)}")
    if "complete" not in frame or not (short := frame["complete"].eq(False)).any():
        return frame
    columns = [name for name in ("latency_ms", "relative_latency") if name in frame]
    return frame.assign(**{name: frame[name].mask(short) for name in columns})


def timed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a latency to go by: those that are ok, and noisy ones, by their standard errors."""
    known = frame["status"].isin(["ok", "noisy"]) & (frame["latency_ms"] > 0)
    return frame[known & (frame["std_error_ms"].fillna(0) < float("inf"))]


def is_timed(row: Row) -> bool:
    """Whether a row has a latency to go by, as :func:`timed`."""
    known = row["status"] in ("ok", "noisy") and row["latency_ms"] > 0
    return bool(known and row["std_error_ms"] != math.inf)


def separated(frame: pd.DataFrame, further: Sequence[str] = ()) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield what is never mixed: the rows of each platform, environment and method, and of each of ``further``."""
    by = [*_APART, *further]
    for key, rows in frame.groupby(by, sort=False, dropna=False):
        yield dict(zip(by, key, strict=True)), rows


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row as a dictionary by its columns."""
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False, name=None)]


def grouped(rows: Iterable[Row], by: Sequence[str]) -> Iterator[tuple[dict[str, Any], list[Row]]]:
    """Yield the records of each combination of values, in the order met; of thousands of groups faster than pandas."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(None if row[name] != row[name] else row[name] for name in by)  # NaN equals nothing
        groups.setdefault(key, []).append(row)
    for key, some in groups.items():
        yield dict(zip(by, key, strict=True)), some


def apart(rows: Iterable[Row], further: Sequence[str] = ()) -> Iterator[tuple[dict[str, Any], list[Row]]]:
    """Yield records as :func:`separated` does rows."""
    yield from grouped(rows, [*_APART, *further])


def ratio(row: Row, base: Row) -> tuple[float, float, float]:
    """Return a row's latency over another's, with its 95 % interval.

    Rows of one session are compared directly, others by their latencies relative to the sessions' references, whose
    intervals are wider. NaN where one of the two has no latency.
    """
    here = row["session"] == base["session"]
    (one, its), (other, others) = (_latency(each, here) for each in (row, base))
    if not (one > 0 and other > 0):
        return math.nan, math.nan, math.nan
    middle = one / other
    factor = math.exp(1.96 * math.hypot(its / one, others / other))
    return middle, middle / factor, middle * factor


def _latency(row: Row, direct: bool) -> tuple[float, float]:
    """Return a latency and its standard error, in ms or, of several sessions, relative to their references."""
    if row["status"] not in ("ok", "noisy"):
        return math.nan, math.nan
    if direct:
        return row["latency_ms"], row["std_error_ms"]
    return row["relative_latency"], (row["relative_high"] - row["relative_low"]) / 3.92


# ---------------------------------------------------------------------- layers


def single_layers(results: Any) -> list[dict[str, Any]]:
    """Return the records of single layers, what a layer has not as an empty text.

    Raises InvalidInputError as frame_of.
    """
    needed = ("session", "reason", "relative_latency", "relative_low", "relative_high", "ops", "mac")
    frame = frame_of(results, (*LAYER, *needed))
    rows = frame[frame["arrangement"] == "single"]
    return records(rows.assign(**{name: rows[name].astype(object).where(rows[name].notna(), "") for name in LAYER}))


def one_of_each(rows: Sequence[Row], name: str) -> list[Row]:
    """Return one record for each value, in their order: a timed one, of the session that knows most values."""
    known: dict[Any, set[Any]] = {}
    for row in rows:
        if is_timed(row):
            known.setdefault(row["session"], set()).add(row[name])

    def rank(row: Row) -> tuple[Any, ...]:
        errors = [math.inf if row[key] != row[key] else row[key] for key in ("std_error_ms", "latency_ms")]
        return not is_timed(row), -len(known.get(row["session"], ())), row["session"], *errors

    best: dict[Any, Row] = {}
    for row in sorted(rows, key=rank):
        best.setdefault(row[name], row)
    return [best[value] for value in sorted(best)]


def why_not(row: Row) -> str:
    """Return why a row has no latency to go by."""
    return row["reason"] if isinstance(row["reason"], str) and row["reason"] else f"{row['status']}, no latency"


def shape_of(row: Row) -> str:
    """Return the height, width and input channels of a row."""
    return "x".join(f"{row[name]:g}" for name in ("height", "width", "in_channels"))


def name_of(layer: dict[str, Any]) -> str:
    """Return the operator and what is not as it is by default, of those columns of a layer that are given."""
    parts = [layer["op"]]
    for key, value in layer.items():
        if key in ("op", "precision") or value in _PLAIN or (key == "width" and value == layer.get("height")):
            continue
        whole = int(value) if isinstance(value, float) and value == int(value) else value
        parts.append(f"{_SHORT[key]}{whole}" if key in _SHORT else f"{key}={whole}")
    return " ".join(parts)

"""What analysers ask of the rows they are given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_ALWAYS = ("platform", "environment", "method", "arrangement", "precision", "status", "latency_ms", "std_error_ms")


def frame_of(results: Any, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of a Results or a DataFrame. Raises InvalidInputError where it is neither, or lacks columns."""
    import pandas as pd

    frame = getattr(results, "frame", results)
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(f"results: expected a Results or its frame, got {type(results).__name__}")
    missing = [name for name in (*_ALWAYS, *needed) if name not in frame]
    if missing:
        raise InvalidInputError(f"results: the frame lacks the columns {', '.join(missing)}")
    return frame


def timed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a latency to go by: those that are ok, and noisy ones, by their standard errors."""
    known = frame["status"].isin(["ok", "noisy"]) & (frame["latency_ms"] > 0)
    return frame[known & (frame["std_error_ms"].fillna(0) < float("inf"))]


def separated(frame: pd.DataFrame, further: Sequence[str] = ()) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield what is never mixed: the rows of each platform, environment and method, and of each of ``further``."""
    by = ["platform", "environment", "method", *further]
    for key, rows in frame.groupby(by, sort=False, dropna=False):
        yield dict(zip(by, key, strict=True)), rows


def ratio(row: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[float, float, float]:
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


def _latency(row: Mapping[str, Any], direct: bool) -> tuple[float, float]:
    """Return a latency and its standard error, in ms or, of several sessions, relative to their references."""
    if row["status"] not in ("ok", "noisy"):
        return math.nan, math.nan
    if direct:
        return row["latency_ms"], row["std_error_ms"]
    return row["relative_latency"], (row["relative_high"] - row["relative_low"]) / 3.92

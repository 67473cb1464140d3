"""Measurements as the rows of a DataFrame, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from nnbehave.design.layer import LAYER_FIELDS, Layer
from nnbehave.errors import InvalidInputError
from nnbehave.records.measurement import (
    CONTEXTS_BEFORE,
    Counts,
    Execution,
    Fidelity,
    Interval,
    Latency,
    Measurement,
    Point,
    Provenance,
    Scalar,
    Subject,
)
from nnbehave.records.status import Status, StopRule

if TYPE_CHECKING:
    import pandas as pd

_UNKNOWN = Latency(math.nan, Interval.unknown(), math.nan)
_NO_COUNTS = Counts()
_SEPARATOR = ";"

# Each column with the value that a measurement has in it; the order is that of the frame.
_VALUES: dict[str, Callable[[Measurement], Scalar]] = {
    "space": lambda m: m.point.space if m.point else None,
    "slot": lambda m: m.point.slot if m.point else None,
    "dimension": lambda m: m.point.dimension if m.point else None,
    "platform": lambda m: m.platform,
    "target": lambda m: m.target,
    "environment": lambda m: m.environment,
    "method": lambda m: m.method,
    "context": lambda m: m.context,
    "session": lambda m: m.session,
    "latency_ms": lambda m: (m.latency or _UNKNOWN).ms,
    "latency_low_ms": lambda m: (m.latency or _UNKNOWN).interval_ms.low,
    "latency_high_ms": lambda m: (m.latency or _UNKNOWN).interval_ms.high,
    "std_error_ms": lambda m: (m.latency or _UNKNOWN).std_error_ms,
    "relative_latency": lambda m: (m.latency or _UNKNOWN).relative,
    "relative_low": lambda m: (m.latency or _UNKNOWN).relative_interval.low,
    "relative_high": lambda m: (m.latency or _UNKNOWN).relative_interval.high,
    "status": lambda m: m.status.value,
    "reason": lambda m: m.reason,
    "executed_precision": lambda m: m.execution.precision,
    "placement": lambda m: m.execution.placement,
    "kernels": lambda m: _SEPARATOR.join(m.execution.kernels) or None,
    "output_error": lambda m: m.execution.fidelity.output_error,
    "output_cosine": lambda m: m.execution.fidelity.output_cosine,
    "largest_error": lambda m: m.execution.fidelity.largest_error,
    "rounding_error": lambda m: m.execution.fidelity.rounding_error,
    "complete": lambda m: m.is_complete,
    "left_out": lambda m: _SEPARATOR.join((m.counts or _NO_COUNTS).left_out) or None,
    "cycles": lambda m: (m.counts or _NO_COUNTS).counts.get("cycles", math.nan),
    "instructions": lambda m: (m.counts or _NO_COUNTS).counts.get("instructions", math.nan),
    "counts": lambda m: json.dumps(dict(m.counts.counts)) if m.counts else None,
    "rounds": lambda m: m.provenance.rounds,
    "processes": lambda m: m.provenance.processes,
    "discarded_samples": lambda m: m.provenance.discarded_samples,
    "disturbed_samples": lambda m: m.provenance.disturbed_samples,
    "first_latency_ms": lambda m: m.provenance.first_latency_ms,
    "interval_asked": lambda m: m.provenance.interval_asked,
    "distance_bytes": lambda m: m.distance_bytes,
    "stopped_by": lambda m: m.provenance.stopped_by.value if m.provenance.stopped_by else None,
    "session_finished": lambda m: m.provenance.session_finished,
    "join_factor": lambda m: m.provenance.join_factor,
    "seed": lambda m: m.provenance.seed,
    "estimator": lambda m: m.provenance.estimator,
}
# Columns that follow from the subject alone.
_OF_SUBJECT: dict[str, Callable[[Subject], Scalar]] = {
    "subject": lambda s: s.id,
    "arrangement": lambda s: s.arrangement,
    "depth": lambda s: len(s.layers),
    "layers": lambda s: _SEPARATOR.join(layer.id for layer in s.layers),
    "ops": lambda s: s.ops,
    "mac": lambda s: s.mac,
    "mac_bytes": lambda s: s.mac_bytes,
}
_FIRST = list(_VALUES)[: list(_VALUES).index("session") + 1]
COLUMNS = (*_FIRST, *_OF_SUBJECT, *LAYER_FIELDS, *(name for name in _VALUES if name not in _FIRST))
TEXT_COLUMNS = (
    *("space", "slot", "dimension", "platform", "target", "environment", "method", "context", "status"),
    *(
        "reason",
        "subject",
        "arrangement",
        "layers",
        "op",
        "precision",
        "padding",
        "activation",
        "executed_precision",
        "placement",
    ),
    *("kernels", "left_out", "counts", "stopped_by", "estimator"),
)
_RENAMED = {"discarded_blocks": "discarded_samples", "disturbed_blocks": "disturbed_samples"}  # since version 0.1.0
_REQUIRED = (
    *("platform", "environment", "method", "session", "subject", "arrangement", "layers", "status"),
    *("latency_ms", "latency_low_ms", "latency_high_ms", "std_error_ms"),
)


def to_frame(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return one row a measurement, with the columns ``COLUMNS``."""
    import pandas as pd

    of_subject: dict[str, list[Scalar]] = {}  # many measurements are of one subject
    first, rest = len(_FIRST), list(_VALUES.values())
    rows = []
    for one in measurements:
        if (about := of_subject.get(one.subject.id)) is None:
            about = [value(one.subject) for value in _OF_SUBJECT.values()]
            about += [one.subject.shared(name) for name in LAYER_FIELDS]
            of_subject[one.subject.id] = about
        values = [value(one) for value in rest]
        rows.append([*values[:first], *about, *values[first:]])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def from_frame(frame: pd.DataFrame) -> list[Measurement]:
    """Return the measurement of each row of a frame; columns that are not required may be missing.

    Raises
    ------
    InvalidInputError
        A required column is missing, or a row makes no sense; the message says which.
    """
    frame = with_columns(frame)
    columns = {name: frame[name].tolist() for name in frame.columns}
    try:
        return [_measurement(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"results: a row makes no sense: {error}") from None


def with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with today's names of columns. Raises InvalidInputError where a required one is missing."""
    frame = frame.rename(columns={old: new for old, new in _RENAMED.items() if old in frame})
    missing = [name for name in _REQUIRED if name not in frame]
    if missing:
        raise InvalidInputError(f"results: the frame lacks the columns {', '.join(missing)}")
    return frame


Row = dict[str, Scalar]


def _measurement(row: Row) -> Measurement:
    """Return the measurement of one row."""
    low, high = _number(row, "latency_low_ms"), _number(row, "latency_high_ms")
    relative = Interval(_number(row, "relative_low"), _number(row, "relative_high"))
    ms, error = _number(row, "latency_ms"), _number(row, "std_error_ms")
    latency = Latency(ms, Interval(low, high), error, _number(row, "relative_latency"), relative)
    fidelity = Fidelity(*(_number(row, name) for name in Fidelity.__dataclass_fields__))
    stopped_by = _text(row, "stopped_by")
    point = None
    if (space := _text(row, "space")) is not None:
        point = Point(space, _text(row, "slot") or "", _text(row, "dimension"))
    return Measurement(
        subject=_subject(str(row["subject"]), str(row["arrangement"]), str(row["layers"])),
        platform=str(row["platform"]),
        target=_text(row, "target") or "local",
        method=str(row["method"]),
        context=_text(row, "context") or "" if "context" in row else CONTEXTS_BEFORE.get(str(row["method"]), ""),
        environment=str(row["environment"]),
        session=int(row["session"] or 0),
        status=Status(row["status"]),
        reason=_text(row, "reason") or "",
        latency=None if math.isnan(ms) else latency,
        execution=Execution(
            _text(row, "executed_precision"), _text(row, "placement"), _texts(row, "kernels"), fidelity
        ),
        counts=_counts(row),
        provenance=Provenance(
            rounds=int(_number(row, "rounds", 0)),
            processes=int(_number(row, "processes", 0)),
            discarded_samples=int(_number(row, "discarded_samples", 0)),
            disturbed_samples=int(_number(row, "disturbed_samples", 0)),
            first_latency_ms=_number(row, "first_latency_ms"),
            interval_asked=_number(row, "interval_asked"),
            stopped_by=StopRule(stopped_by) if stopped_by else None,
            session_finished=bool(row.get("session_finished", True)),
            join_factor=_number(row, "join_factor") if "join_factor" in row else 1.0,
            seed=int(_number(row, "seed", 0)),
            estimator=_text(row, "estimator") or "",
        ),
        point=point,
        distance_bytes=_number(row, "distance_bytes"),
    )


def _counts(row: Row) -> Counts | None:
    if (text := _text(row, "counts")) is None and row.get("complete", True):
        return None
    return Counts(json.loads(text or "{}"), _texts(row, "left_out") or (() if row.get("complete", True) else ("?",)))


@lru_cache(maxsize=1 << 16)
def _subject(name: str, arrangement: str, layers: str) -> Subject:
    return Subject(name, arrangement, tuple(_layer(each) for each in layers.split(_SEPARATOR)))


@lru_cache(maxsize=1 << 16)
def _layer(name: str) -> Layer:
    return Layer.from_id(name)


def _number(row: Row, name: str, default: float = math.nan) -> float:
    value = row.get(name)
    number = default if value is None else float(value)
    return default if math.isnan(number) else number


def _text(row: Row, name: str) -> str | None:
    value = row.get(name)
    return None if value is None or value != value or value == "" else str(value)


def _texts(row: Row, name: str) -> tuple[str, ...]:
    text = _text(row, name)
    return tuple(text.split(_SEPARATOR)) if text else ()


def column_values(frame: pd.DataFrame, name: str, wanted: Scalar | Sequence[Scalar]) -> pd.Series[bool]:
    """Return which rows of a frame have one of the wanted values in a column; a text is one value."""
    values = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    found = frame[name].isin([value for value in values if value is not None])
    return found | frame[name].isna() if None in values else found

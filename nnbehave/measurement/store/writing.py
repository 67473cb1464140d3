"""From a session's events to the rows of tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nnbehave.measurement.session.events import (
    Checked,
    Counted,
    Event,
    Loaded,
    Outcome,
    Process,
    Retest,
    Sample,
    Stopped,
)
from nnbehave.measurement.store import schema
from nnbehave.runner.kernels import executed_precision, placement

Row = dict[str, Any]  # column → value of any type that SQLAlchemy stores
_TABLES: dict[type[Event], sa.Table] = {
    Checked: schema.checks,
    Counted: schema.counts,
    Outcome: schema.outcomes,
    Process: schema.processes,
    Retest: schema.retests,
    Sample: schema.blocks,
    Stopped: schema.stops,
}
# Columns whose names are older than those of the events' fields.
_COLUMNS = {"part": "subject", "calls_per_span": "inner", "spans_ns": "times_ns"}


def row_of(event: Event) -> tuple[sa.Table, Row]:
    """Return the table of an event, and its row there; :func:`load_row` serves for a loaded part."""
    row = {_COLUMNS.get(name, name): value for name, value in vars(event).items()}
    if isinstance(event, Counted):
        row |= {"counts": dict(event.counts), "left_out": list(event.left_out)}
    if isinstance(event, Stopped):
        row["rule"] = event.rule.value
    return _TABLES[type(event)], row


def load_row(event: Loaded, artifact: str) -> Row:
    """Return the row of a part that was loaded from an artifact, named by its hash."""
    return {
        "subject": event.part,
        "artifact": artifact,
        "load_s": event.load_s,
        "kernels": event.kernels,
        "executed_precision": executed_precision(event.kernels),
        "placement": placement(event.kernels),
    }

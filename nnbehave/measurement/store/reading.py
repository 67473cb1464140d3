"""From the rows of tables to the record of a session, in stores of this version and of earlier ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from nnbehave.measurement.isolation import EXACT
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import sample_ms
from nnbehave.measurement.store import schema
from nnbehave.measurement.store.session_record import (
    CountRecord,
    LoadRecord,
    OutcomeRecord,
    ProcessRecord,
    RetestRecord,
    SampleRecord,
    SessionRecord,
    StopRecord,
)
from nnbehave.records import CONTEXTS_BEFORE, Counts, Fidelity, Status, StopRule
from nnbehave.runner.kernels import Kernel

Rows = Callable[[sa.Table, int], Iterator[dict[str, Any]]]  # of a table, those of a session
_REFERENCE = "reference:"  # before the id of a reference, up to version 5
_FIDELITY = tuple(Fidelity.__dataclass_fields__)


def read_session(row: Mapping[str, Any], rows: Rows, with_samples: bool) -> SessionRecord:
    """Return the record of a session from its row, and from its rows of the other tables."""
    found = SessionRecord(
        row["id"],
        row["platform"],
        row["target"],
        row["environment"],
        row["method"],
        CONTEXTS_BEFORE.get(row["method"], "") if row.get("context") is None else row["context"],
        Settings(**row["settings"]),
        row["finished_at"] is not None,
    )
    _read_terms(found, rows)
    for each in rows(schema.loads, found.id):
        kernels = [Kernel(*kernel) if isinstance(kernel, list) else Kernel(kernel) for kernel in each["kernels"]]
        found.loads[each["subject"]] = LoadRecord(kernels, each["executed_precision"], each["placement"])
    for each in rows(schema.checks, found.id):
        known = {name: math.nan if each.get(name) is None else each[name] for name in _FIDELITY}
        found.fidelities[each["subject"]] = Fidelity(**known)
    for each in rows(schema.outcomes, found.id):
        found.outcomes[each["subject"]] = OutcomeRecord(Status(each["status"]), each["reason"])
    for each in rows(schema.retests, found.id):
        found.retests[each["subject"]] = RetestRecord(each["process"], each["neighbours"])
    for each in rows(schema.stops, found.id):
        found.stops[each["subject"]] = StopRecord(StopRule(each["rule"]), each["half_width"])
    for each in rows(schema.processes, found.id):
        found.processes.append(ProcessRecord(each["warm_up_spans"], each["steady"], each["witnesses"]))
    for each in rows(schema.counts, found.id):
        counts = Counts(each["counts"], tuple(each["left_out"]))
        found.counts[each["subject"]] = CountRecord(each["latency_ms"], counts)
    if with_samples or found.method in EXACT:
        _read_samples(found, rows)
    return found


def _read_terms(found: SessionRecord, rows: Rows) -> None:
    for each in rows(schema.terms, found.id):
        subject, is_old = each["subject"], each.get("is_asked") is None
        is_reference = subject.startswith(_REFERENCE) if is_old else each["is_reference"]
        subject = subject.removeprefix(_REFERENCE) if is_old else subject
        parts, part = found.terms.setdefault(subject, []), (each["part"], each["weight"])
        if part not in parts:  # up to version 5 a reference that was asked for had terms of two names
            parts.append(part)
        if is_reference:
            found.references.add(subject)
        if not is_reference if is_old else each["is_asked"]:
            found.asked.add(subject)


def _read_samples(found: SessionRecord, rows: Rows) -> None:
    for each in rows(schema.blocks, found.id):
        part, spans_ns = each["subject"], tuple(each["times_ns"])
        if found.method in EXACT:  # up to version 5
            said = each["witnesses"]
            found.counts[part] = CountRecord(
                sample_ms(spans_ns, each["inner"]), Counts(said["counts"], tuple(said["left_out"]))
            )
        else:
            where, timed = (each["round"], each["process"]), (each["inner"], spans_ns)
            found.samples.append(SampleRecord(part, *where, *timed, each["witnesses"], each["taken_at"]))
    if not found.terms:  # version 1 had no terms: each subject was its own part
        parts = dict.fromkeys([*(sample.part for sample in found.samples), *found.counts])
        found.terms = {part: [(part, 1.0)] for part in parts}
        found.asked = set(parts)

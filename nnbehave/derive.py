"""From the raw blocks of a store to rows: which session knows a layer best, and how sessions stand on one scale."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from nnbehave.graph import Graph
from nnbehave.measurement import ESTIMATOR, Estimate, block_ms, estimate_session
from nnbehave.store import SessionRecord, Store

REFERENCE = "reference:"  # what a session's reference layer is called in the store, before its id
FEWEST_ANCHORS = 8  # points that two sessions must share before their latencies stand in one curve

Row = dict[str, Any]
_LATENCIES = ("latency_ms", "latency_low_ms", "latency_high_ms", "std_error_ms")
# fmt: off
_LAYER = (
    "op", "kernel", "stride", "height", "width", "in_channels", "out_channels", "precision", "batch", "activation",
    "groups", "dilation", "expansion", "padding", "bias",
)
COLUMNS = [
    "space", "slot", "dimension", "platform", "target", "session", "subject", "arrangement", "depth", *_LAYER[:-2],
    *_LATENCIES, "relative_latency", "rounds", "method", "status", "reason", "executed_precision", "placement",
    "complete", "energy_mj", "power_w", "ops", "mac", "padding", "bias", "kernels", "seed", "environment",
    "interval_asked", "session_finished", "join_factor", "estimator",
]
# fmt: on


def derive_rows(
    store: Store,
    platforms: Collection[str] | None = None,
    space: str | None = None,
    subjects: Collection[str] | None = None,
    environments: Collection[str] | None = None,
) -> Iterator[Row]:
    """Yield the rows that a store's blocks make, a subject at a time, in the order the subjects were added.

    Parameters
    ----------
    store : Store
    platforms, environments : collection of str, optional
        Those to take; by default all.
    space : str, optional
        The id of the one space whose curves to take; by default all spaces'.
    subjects : collection of str, optional
        Take these by themselves, in this order, as no points of any curve.
    """
    graphs = store.subjects()
    curves: dict[tuple[str | None, str | None, str | None], list[str]] = {}
    if subjects is not None:
        curves[None, None, None] = list(subjects)
    else:
        points = store.points(space)
        for subject in graphs:
            alone = [] if space else [(None, None, None)]
            for curve in points.get(subject) or alone:
                curves.setdefault(curve, []).append(subject)
    groups: dict[tuple[str, str, str], list[SessionRecord]] = {}
    for session in store.sessions(platforms):
        if environments is None or session.environment in environments:
            groups.setdefault((session.platform, session.environment, session.method), []).append(session)
    for sessions in groups.values():
        known = {session.id: _session_rows(session) for session in sessions}
        for (label, slot, dimension), members in curves.items():
            factors = _factors(members, known) if dimension else dict.fromkeys(known, 1.0)
            for subject in members:
                if row := _best(subject, known, factors):
                    named = {"space": label, "slot": slot, "dimension": dimension}
                    yield row | _describe(graphs[subject]) | named


def _describe(graph: Graph) -> Row:
    """Return the columns that say what a subject is; those of a layer are empty where a graph's layers differ."""
    row: Row = {"arrangement": graph.arrangement, "depth": graph.depth, "ops": graph.ops, "mac": graph.mac}
    for name in _LAYER:
        values = {getattr(layer, name) for layer in graph.layers}
        row[name] = values.pop() if len(values) == 1 else None
    return row | {"complete": True}


# ---------------------------------------------------------------------- between sessions


def _factors(members: list[str], known: dict[int, dict[str, Row]]) -> dict[int, float]:
    """Return the factor that brings each session's latencies to the scale of the one that knows most of a curve.

    It is the median ratio over the points of the curve that the session shares with those brought there already; NaN
    where these are fewer than eight.
    """
    latencies = {
        session: {subject: rows[subject]["latency_ms"] for subject in members if rows.get(subject, {}).get("rounds")}
        for session, rows in known.items()
    }
    base = max(latencies, key=lambda session: len(latencies[session]))
    factors = {base: 1.0}
    linked = dict(latencies[base])
    while True:
        shared = {s: linked.keys() & latencies[s].keys() for s in latencies if s not in factors}
        session = max(shared, key=lambda s: len(shared[s]), default=None)
        if session is None or len(shared[session]) < FEWEST_ANCHORS:
            return factors | dict.fromkeys(shared, np.nan)
        ratios = [linked[subject] / latencies[session][subject] for subject in shared[session]]
        factors[session] = float(np.median(ratios))
        linked = {subject: ms * factors[session] for subject, ms in latencies[session].items()} | linked


def _best(subject: str, known: dict[int, dict[str, Row]], factors: dict[int, float]) -> Row | None:
    """Return a subject's row from the session that knows it best among those on the curve's scale.

    It is judged by the narrowest interval that a finished session asked of it.
    """
    rows = [rows[subject] for rows in known.values() if subject in rows]
    if not rows:
        return None
    measured = [row for row in rows if row["rounds"]]
    if not measured:
        return rows[-1]
    on_scale = [row for row in measured if not np.isnan(factors[row["session"]])]
    row = min(on_scale or measured, key=half_width)
    judges = [other for other in measured if other["session_finished"]] or [row]
    asked = min(other["interval_asked"] for other in judges)
    finished = any(other["session_finished"] for other in measured)
    factor = factors[row["session"]]
    scale = 1.0 if np.isnan(factor) else factor
    row = row | {name: row[name] * scale for name in _LATENCIES}
    row |= {"join_factor": factor, "interval_asked": asked, "session_finished": finished, "status": "ok"}
    if (reached := half_width(row)) > asked:
        row |= {"status": "noisy", "reason": f"±{reached:.1%} after {row['rounds']} rounds, ±{asked:.1%} asked"}
        row["reason"] += "" if finished else "; the session was interrupted"
    return row


def half_width(row: Row) -> float:
    """Return how far a row's interval reaches, on its wider side, as a share of its latency."""
    low, middle, high = row["latency_low_ms"], row["latency_ms"], row["latency_high_ms"]
    return float(max(high - middle, middle - low) / middle)


# ---------------------------------------------------------------------- within a session


def _session_rows(session: SessionRecord) -> dict[str, Row]:
    """Return a session's row for each subject that it measured or could not measure."""
    subjects = [subject for subject, _, _ in session.blocks]
    blocks_ms = [block_ms(times_ns, inner) for _, inner, times_ns in session.blocks]
    known = {
        subject: found
        for subject, found in estimate_session(subjects, blocks_ms).items()
        if found.rounds >= session.settings.min_rounds and subject not in session.outcomes
    }
    references = [known[subject].latency_ms for subject in known if subject.startswith(REFERENCE)]
    reference = references[0] if references else np.nan
    return {
        subject: _session_row(session, subject, known.get(subject), reference)
        for subject in {**session.outcomes, **known}
        if not subject.startswith(REFERENCE)
    }


def _session_row(session: SessionRecord, subject: str, known: Estimate | None, reference: float) -> Row:
    load = session.loads.get(subject, {})
    row: Row = {
        "subject": subject,
        "platform": session.platform,
        "target": session.target,
        "session": session.id,
        "method": session.method,
        "environment": session.environment,
        "seed": session.settings.seed,
        "interval_asked": session.settings.interval,
        "session_finished": session.finished,
        "join_factor": 1.0,
        "estimator": ESTIMATOR,
        "executed_precision": load.get("executed_precision"),
        "placement": load.get("placement"),
        "kernels": ";".join(load.get("kernels", [])) or None,
        "energy_mj": np.nan,
        "power_w": np.nan,
        "rounds": known.rounds if known else 0,
        "reason": "",
    }
    if known is None:
        outcome = session.outcomes[subject]
        empty = dict.fromkeys([*_LATENCIES, "relative_latency"], np.nan)
        return row | empty | {"status": outcome["status"], "reason": outcome["reason"]}
    return row | {
        "latency_ms": known.latency_ms,
        "latency_low_ms": known.low_ms,
        "latency_high_ms": known.high_ms,
        "std_error_ms": known.std_error_ms,
        "relative_latency": known.latency_ms / reference,
    }

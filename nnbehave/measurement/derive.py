"""From the raw blocks of a store to rows: which session knows a layer best, and how sessions stand on one scale."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from nnbehave.design.graph import Graph
from nnbehave.measurement.isolation import EXACT, bound, own_kernels
from nnbehave.measurement.statistics import (
    ESTIMATOR,
    Estimate,
    Observation,
    agree,
    estimate_session,
    exact,
    normalise,
    response_share,
    stands_alone,
)
from nnbehave.measurement.store.store import SessionRecord, Store
from nnbehave.runner.kernels import Kernel, executed_precision, placement

REFERENCE = "reference:"  # what a session's reference layers are called in the store, before their ids
FEWEST_ANCHORS = 8  # points that two sessions must share before their latencies stand in one curve

Row = dict[str, Any]
_WRONG = 1e-3  # of TensorFlow's output; runtimes that compute the same differ by some 1e-6
_ROUNDING = 10  # times what rounding does to TensorFlow's own output, where that is more
_NOTHING = 1.0  # at any precision: an output that is further off than one of zeros
_RELATIVE = ("relative_latency", "relative_low", "relative_high")
_CHECKED = ("output_error", "output_cosine", "largest_error", "rounding_error")
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
    "interval_asked", "session_finished", "join_factor", "relative_low", "relative_high", "processes",
    "discarded_blocks", "disturbed_blocks", "first_latency_ms", "estimator", "output_error", "mac_bytes", "layers",
    "output_cosine", "largest_error", "cycles", "instructions", "counts", "left_out", "rounding_error",
]
# fmt: on


def derive_rows(
    store: Store,
    platforms: Collection[str] | None = None,
    space: str | None = None,
    subjects: Collection[str] | None = None,
    environments: Collection[str] | None = None,
    methods: Collection[str] | None = None,
) -> Iterator[Row]:
    """Yield the rows that a store's blocks make, a subject at a time, in the order the subjects were added.

    Parameters
    ----------
    store : Store
    platforms, environments, methods : collection of str, optional
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
    groups: dict[tuple[str, str, str], dict[int, dict[str, Row]]] = {}
    for session in store.sessions(platforms):  # one at a time: their blocks may not fit into memory together
        wanted = environments is None or session.environment in environments
        if wanted and (methods is None or session.method in methods):
            group = groups.setdefault((session.platform, session.environment, session.method), {})
            group[session.id] = _session_rows(session, graphs)
    for (_, _, method), known in groups.items():
        for (label, slot, dimension), members in curves.items():
            drifts = dimension and method not in EXACT
            factors = _factors(members, known) if drifts else dict.fromkeys(known, 1.0)
            for subject in members:
                if row := _best(subject, known, factors):
                    named = {"space": label, "slot": slot, "dimension": dimension or None}
                    yield row | _describe(graphs[subject]) | named


def _describe(graph: Graph) -> Row:
    """Return the columns that say what a subject is; those of a layer are empty where a graph's layers differ."""
    row: Row = {"arrangement": graph.arrangement, "depth": graph.depth, "ops": graph.ops, "mac": graph.mac}
    row["mac_bytes"] = graph.mac_bytes
    row["layers"] = ";".join(layer.id for layer in graph.layers)
    for name in _LAYER:
        values = {getattr(layer, name) for layer in graph.layers}
        row[name] = values.pop() if len(values) == 1 else None
    return row


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
    row |= {"join_factor": factor, "interval_asked": asked, "session_finished": finished}
    if row["status"] == "ok" and (reached := half_width(row)) > asked:
        why = f"±{reached:.1%} after {row['rounds']} rounds, ±{asked:.1%} asked"
        why += "" if finished else "; the session was interrupted"
        row |= {"status": "noisy", "reason": "; ".join(filter(None, [why, row["reason"]]))}
    return row


def half_width(row: Row) -> float:
    """Return how far a row's interval reaches, on its wider side, as a share of its latency."""
    low, middle, high = row["latency_low_ms"], row["latency_ms"], row["latency_high_ms"]
    if middle <= 0:
        return np.inf
    return float(max(high - middle, middle - low) / middle)


# ---------------------------------------------------------------------- within a session


def _terms(session: SessionRecord) -> dict[str, list[tuple[str, float]]]:
    """Return what a session ran for each subject; in a store of the first version, the subject itself."""
    return session.terms or {block.part: [(block.part, 1.0)] for block in session.blocks}


def _samples(session: SessionRecord, graphs: Mapping[str, Graph]) -> list[Observation]:
    """Return the blocks to estimate from: all but those that were taken again."""
    bounds = {part: _bound(part, graphs) for part in {block.part for block in session.blocks}}
    kept = [block for block in session.blocks if "discarded" not in block.witnesses]
    return [Observation(block.part, block.ms, bounds[block.part], block.round, block.process) for block in kept]


def _bound(part: str, graphs: Mapping[str, Graph]) -> str:
    return bound(graphs[part]) if part in graphs else "compute"


def _session_rows(session: SessionRecord, graphs: Mapping[str, Graph]) -> dict[str, Row]:
    """Return a session's row for each subject that it measured or could not measure."""
    if session.method in EXACT:
        return _exact_rows(session, graphs)
    samples, terms = _samples(session, graphs), _terms(session)
    known = {
        subject: found
        for subject, found in estimate_session(samples, terms).items()
        if found.rounds >= session.settings.min_rounds and subject not in session.outcomes
    }
    verdicts = {subject: (known[subject], "", np.nan) for subject in known} | _retested(session, samples, terms, known)
    compute = [
        known[subject]
        for subject in terms
        if subject.startswith(REFERENCE)
        and subject in known
        and _bound(subject.removeprefix(REFERENCE), graphs) == "compute"
    ]
    mean, share = _together(compute)
    responses = response_share(samples) if samples else {}

    def reference(subject: str) -> tuple[float, float]:
        """Return their mean, and what they and the machine's state add to a subject's interval, as a share."""
        kind = _bound(terms[subject][0][0], graphs) if terms.get(subject) else "compute"
        return mean, float(np.hypot(share, 1.96 * responses.get(kind, 0.0)))

    def row(subject: str) -> Row:
        asked = graphs[subject].precision if subject in graphs else None
        parts = terms.get(subject, [])
        return _session_row(session, subject, asked, parts, verdicts.get(subject), reference(subject))

    loaded = {s: None for s, parts in terms.items() if session.method == "none" and parts[0][0] in session.loads}
    there = {**session.outcomes, **known, **loaded}
    return {subject: row(subject) for subject in there if not subject.startswith(REFERENCE)}


def _exact_rows(session: SessionRecord, graphs: Mapping[str, Graph]) -> dict[str, Row]:
    """Return the rows of a session in which nothing was timed; latencies stand on one scale, relative to 1 ms."""
    blocks = {block.part: block for block in session.blocks}
    rows = {}
    for subject in {**session.outcomes, **blocks}:
        block = blocks.get(subject)
        found = (exact(block.ms), "", np.nan) if block and block.ms > 0 else None  # nothing costs nothing
        asked = graphs[subject].precision if subject in graphs else None
        row = _session_row(session, subject, asked, [(subject, 1.0)], found, (1.0, 0.0))
        if block:
            row |= _counted(block.witnesses)
            if left_out := block.witnesses["left_out"]:
                short = f"its total leaves out {', '.join(dict.fromkeys(left_out))}"
                row["reason"] = "; ".join(filter(None, [short, row["reason"]]))
        rows[subject] = row
    return rows


def _counted(said: dict[str, Any]) -> Row:
    """Return what an exact latency rests on, and what it leaves out."""
    counts, left_out = said["counts"], said["left_out"]
    row: Row = {name: counts.get(name, np.nan) for name in ("cycles", "instructions")}
    row |= {"counts": json.dumps(counts), "left_out": ";".join(left_out) or None, "complete": not left_out}
    return row


def _retested(
    session: SessionRecord,
    samples: list[Observation],
    terms: dict[str, list[tuple[str, float]]],
    known: dict[str, Estimate],
) -> dict[str, tuple[Estimate, str, float]]:
    """Judge what was measured again: a real feature, or replaced by what it was then, or unstable.

    Returns for each such subject the estimate, the reason (with "unstable" in front where it is) and what the first
    measurement gave.
    """
    retests = {subject: row for subject, row in session.retests.items() if subject in known}
    if not retests:
        return {}
    last = {row["process"] for row in retests.values()}
    earlier = {sample.process for sample in samples} - last
    before = estimate_session(samples, terms, dict.fromkeys(terms, earlier))
    after = estimate_session(samples, terms, dict.fromkeys(terms, last))
    verdicts = {}
    for subject, row in retests.items():
        first, again = before.get(subject), after.get(subject)
        if first is None or again is None or again.rounds < session.settings.min_rounds:
            continue
        both = f"first {first.latency_ms:.4g} ms, measured again beside its neighbours {again.latency_ms:.4g} ms"
        near = [after[name].latency_ms for name in row["neighbours"] if name in after]
        middle = len(near) // 2
        if agree(first, again):
            verdicts[subject] = (known[subject], "", first.latency_ms)
        elif not stands_alone(again.latency_ms, again.std_error_ms, near[:middle], near[middle:]):
            verdicts[subject] = (again, f"replaced: {both}", first.latency_ms)
        else:
            verdicts[subject] = (known[subject], f"unstable: {both}", first.latency_ms)
    return verdicts


def _session_row(
    session: SessionRecord,
    subject: str,
    asked: str | None,
    parts: list[tuple[str, float]],
    verdict: tuple[Estimate, str, float] | None,
    reference: tuple[float, float],
) -> Row:
    name = subject if subject in session.loads else parts[0][0] if parts else ""
    load = session.loads.get(name, {})  # of the subject alone, where it was loaded alone
    own = [block for block in session.blocks if block.part in dict(parts)]
    kernels = own_kernels({part: loaded["kernels"] for part, loaded in session.loads.items()}, parts) if parts else []
    alone = load.get("kernels", []) if name == subject else kernels
    if any(kernel.precision for kernel in load.get("kernels", ())):
        load = load | {"executed_precision": executed_precision(alone), "placement": placement(alone)}
    checked = session.checks.get(name, {})
    check = {key: np.nan if checked.get(key) is None else checked[key] for key in _CHECKED}
    most = np.fmax(_WRONG, _ROUNDING * check["rounding_error"]) if asked == "fp32" else _NOTHING
    wrong = check["output_error"] > most
    if wrong:
        verdict = None
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
        "kernels": ";".join(kernel.name for kernel in kernels) or None,
        **check,
        "energy_mj": np.nan,
        "power_w": np.nan,
        "discarded_blocks": sum("discarded" in block.witnesses for block in own),
        "disturbed_blocks": sum("disturbed" in block.witnesses for block in own),
        "first_latency_ms": verdict[2] if verdict else np.nan,
        "complete": True,
        **dict.fromkeys(("cycles", "instructions"), np.nan),
        **dict.fromkeys(("counts", "left_out")),
        "rounds": verdict[0].rounds if verdict else 0,
        "processes": verdict[0].processes if verdict else 0,
        "status": "ok",
        "reason": _remarks(asked, load.get("executed_precision"), alone, folded=bool(alone and not kernels)),
    }
    if wrong:
        row |= {"status": "failed", "reason": f"its output is {check['output_error']:.2g} off TensorFlow's"}
    if verdict is None:
        outcome = session.outcomes.get(subject, row)
        empty = dict.fromkeys([*_LATENCIES, *_RELATIVE], np.nan)
        return row | empty | {"status": outcome["status"], "reason": outcome["reason"]}
    found, reason, _ = verdict
    row["reason"] = "; ".join(filter(None, [reason, row["reason"]]))
    if reason.startswith("unstable"):
        row["status"] = "unstable"
    elif row["disturbed_blocks"] > (len(own) - row["discarded_blocks"]) / 4:
        row["status"] = "noisy"
        causes = ", ".join(sorted({b.witnesses["disturbed"] for b in own if "disturbed" in b.witnesses}))
        why = f"{row['disturbed_blocks']} blocks {causes}, each time they were taken"
        row["reason"] = "; ".join(filter(None, [why, row["reason"]]))
    return row | _latencies(found) | _relative(found, reference)


def _remarks(asked: str | None, executed: str | None, kernels: Collection[Kernel], folded: bool) -> str:
    """Say what ran otherwise than it was meant to, ``folded`` into what is around it among them."""
    remarks = ["no kernel of its own: folded into what is around it"] if folded else []
    if asked and executed not in (asked, "unknown", None):
        remarks.append(f"asked for {asked}, ran {executed}")
    if astray := sorted({_with_reason(kernel) for kernel in kernels if not kernel.placed}):
        remarks.append(f"{placement(kernels)}: " + ", ".join(astray))
    return "; ".join(remarks)


def _with_reason(kernel: Kernel) -> str:
    return f"{kernel.name} ({kernel.reason})" if kernel.reason else kernel.name


def _latencies(found: Estimate) -> Row:
    return dict(zip(_LATENCIES, (found.latency_ms, found.low_ms, found.high_ms, found.std_error_ms), strict=True))


def _together(references: list[Estimate]) -> tuple[float, float]:
    """Return the geometric mean of the references' latencies in ms, and how far its interval reaches as a share."""
    if not references or min(one.latency_ms for one in references) <= 0:
        return np.nan, np.nan
    mean = np.exp(np.mean([np.log(one.latency_ms) for one in references]))
    return float(mean), float(np.sqrt(sum(one.interval**2 for one in references)) / len(references))


def _relative(found: Estimate, reference: tuple[float, float]) -> Row:
    """Return the latency against the references', with an interval that is to hold between sessions.

    ``reference`` is their mean in ms, and what it and the machine's state add to the interval, as a share.
    """
    mean, share = reference
    low = found.latency_ms - np.hypot(found.latency_ms - found.low_ms, share * found.latency_ms)
    high = found.latency_ms + np.hypot(found.high_ms - found.latency_ms, share * found.latency_ms)
    return dict(zip(_RELATIVE, (found.latency_ms / mean, float(low / mean), float(high / mean)), strict=True))


# ---------------------------------------------------------------------- blocks


def derive_blocks(store: Store, platforms: Collection[str] | None = None) -> Iterator[Row]:
    """Yield every block of a store: what it took, and what the estimator makes of it.

    ``exponent`` is how strongly blocks of its ``bound`` followed the machine's state in that session, 0 where the data
    do not support that they did; ``normalised_ms`` is the block with that taken out. References are blocks whose part
    is a term of a subject whose name begins with ``reference:``; ``is_reference`` says so.
    """
    graphs = store.subjects()
    for session in store.sessions(platforms):
        samples = _samples(session, graphs)
        found = normalise(samples)
        rest = iter(zip(samples, found.values, strict=True))
        terms = _terms(session)
        references = {part for subject in terms if subject.startswith(REFERENCE) for part, _ in terms[subject]}
        for block in session.blocks:
            row: Row = {"session": session.id, "platform": session.platform, "method": session.method}
            row |= {"part": block.part, "round": block.round, "process": block.process, "taken_at": block.taken_at}
            row |= {"raw_ms": block.ms, "normalised_ms": np.nan, "exponent": np.nan, "bound": None}
            row |= {"is_reference": block.part in references, **block.witnesses}
            if "discarded" not in block.witnesses:
                sample, value = next(rest)
                row |= {"normalised_ms": value, "bound": sample.bound, "exponent": found.exponents[sample.bound]}
            yield row

"""Results: latencies derived from what a store holds, as a DataFrame, with what can be asked of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnbehave.analysers import StepMap, detect_steps
from nnbehave.errors import InvalidInputError
from nnbehave.graph import Graph
from nnbehave.measurement import ESTIMATOR, Estimate, block_ms, estimate_session
from nnbehave.store import SessionRecord, Store

REFERENCE = "reference:"  # what a session's reference layer is called in the store, before its id
FEWEST_ANCHORS = 8  # points that two sessions must share before their latencies stand in one curve

COLUMNS = [
    "space",
    "slot",
    "dimension",
    "platform",
    "target",
    "session",
    "subject",
    "arrangement",
    "depth",
    "op",
    "kernel",
    "stride",
    "height",
    "width",
    "in_channels",
    "out_channels",
    "precision",
    "batch",
    "activation",
    "groups",
    "dilation",
    "expansion",
    "latency_ms",
    "latency_low_ms",
    "latency_high_ms",
    "std_error_ms",
    "relative_latency",
    "rounds",
    "method",
    "status",
    "reason",
    "executed_precision",
    "placement",
    "complete",
    "energy_mj",
    "power_w",
    "ops",
    "mac",
    "padding",
    "bias",
    "kernels",
    "seed",
    "environment",
    "interval_asked",
    "session_finished",
    "join_factor",
    "estimator",
]
_LATENCIES = ("latency_ms", "latency_low_ms", "latency_high_ms", "std_error_ms")
_CURVE = ["space", "slot", "dimension", "platform", "environment"]
_LAYER = [
    "op",
    "kernel",
    "stride",
    "height",
    "width",
    "in_channels",
    "out_channels",
    "precision",
    "batch",
    "activation",
    "groups",
    "dilation",
    "expansion",
    "padding",
    "bias",
]


class Results:
    """What was measured, one row a measurement.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns are those of :data:`COLUMNS`. ``status`` is ``ok``, ``noisy``, ``unsupported``, ``failed`` or
        ``timeout``, with the ``reason``; latencies are NaN where there is none. ``relative_latency`` is against the
        session's reference layer. ``join_factor`` is what a latency was multiplied by to stand beside those of the
        session that most of its curve comes from, NaN where nothing links the two.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    @classmethod
    def from_store(
        cls, store: Store, platforms: Collection[str] | None = None, subjects: Collection[str] | None = None
    ) -> Results:
        """Derive the results of a store: all of them, or those of some platforms and subjects."""
        rows = list(_rows(store, platforms, subjects))
        return cls(pd.DataFrame(rows, columns=COLUMNS))

    # ------------------------------------------------------------------ findings

    def curves(self) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Yield each curve: what it is (space, slot, dimension, platform, environment), and its rows."""
        swept = self.frame[self.frame["dimension"].notna()]
        for key, curve in swept.groupby(_CURVE, sort=False):
            yield dict(zip(_CURVE, key, strict=True)), curve

    def steps(self, tolerance: float = 0.0) -> pd.DataFrame:
        """Find the steps of every curve over a numeric dimension.

        Parameters
        ----------
        tolerance : float
            As in :meth:`StepMap.best_channels`.

        Returns
        -------
        pandas.DataFrame
            One row a curve: ``space slot dimension platform environment kind width phase confidence low high
            candidates kept keep note``. ``keep`` lists the values worth keeping among those of the space, the number
            of which is ``candidates``.
        """
        rows = []
        for what, curve in self.curves():
            values = curve[what["dimension"]]
            if not pd.api.types.is_numeric_dtype(values.infer_objects()):
                continue
            row: dict[str, Any] = {**what, "kind": "unexplained", "candidates": len(values), "note": ""}
            try:
                found = _step_map(curve, what["dimension"])
            except InvalidInputError as error:
                row["note"] = str(error)
            else:
                within = [int(value) for value in values if found.low <= value <= found.high]
                keep = found.best_of(within, tolerance)
                row |= {"kind": found.kind, "width": found.width, "phase": found.phase, "note": found.reason}
                row |= {"confidence": found.confidence, "low": found.low, "high": found.high}
                row |= {"kept": len(keep), "keep": keep}
            rows.append(row)
        columns = [
            *_CURVE,
            *["kind", "width", "phase", "confidence", "low", "high", "candidates", "kept", "keep", "note"],
        ]
        frame = pd.DataFrame(rows, columns=columns)
        whole = ["width", "phase", "low", "high", "kept"]
        return frame.astype(dict.fromkeys(whole, "Int64"))

    def step_map(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
    ) -> StepMap:
        """Return the step map of the one curve that the arguments leave.

        Raises
        ------
        InvalidInputError
            They leave none or several, or the curve cannot be analysed; the message says which there are.
        """
        what, curve = self._one_curve(platform=platform, slot=slot, dimension=dimension, space=space)
        return _step_map(curve, what["dimension"])

    def _one_curve(self, **wanted: str | None) -> tuple[dict[str, Any], pd.DataFrame]:
        chosen = {key: value for key, value in wanted.items() if value is not None}
        curves = list(self.curves())
        left = [curve for curve in curves if all(curve[0][key] == value for key, value in chosen.items())]
        if len(left) != 1:
            there = "; ".join(", ".join(f"{key}={what[key]!r}" for key in _CURVE[:4]) for what, _ in (left or curves))
            raise InvalidInputError(f"{len(left)} curves match {chosen}; there are: {there or 'none'}")
        return left[0]

    def plot(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        *,
        ax: Any = None,
    ) -> Any:
        """Draw the curves that the arguments leave, with their steps; return the matplotlib Axes.

        Raises
        ------
        InvalidInputError
            They leave no curve, or curves over more than one dimension.
        """
        from nnbehave import plots

        wanted = {"platform": platform, "slot": slot, "dimension": dimension}
        curves = [
            (what, curve)
            for what, curve in self.curves()
            if all(value in (None, what[key]) for key, value in wanted.items())
        ]
        if len({what["dimension"] for what, _ in curves}) != 1:
            found = sorted({what["dimension"] for what, _ in curves})
            raise InvalidInputError(f"a plot takes curves over one dimension; these are over {found or 'none'}")
        ax = plots.new_axes() if ax is None else ax
        several_slots = len({what["slot"] for what, _ in curves}) > 1
        for what, curve in curves:
            try:
                step_map: StepMap | None = _step_map(curve, what["dimension"])
            except InvalidInputError:  # the points are drawn all the same
                step_map = None
            label = f"{what['platform']} {what['slot']}" if several_slots else what["platform"]
            label += f": {step_map.kind} {step_map.width or ''}".rstrip() if step_map else ""
            plots.plot_curve(curve, what["dimension"], step_map, label, ax=ax)
        return ax

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> None:
        """Write the frame as CSV; ``load_results`` reads it back. Raises InvalidInputError for another suffix."""
        if Path(path).suffix != ".csv":
            raise InvalidInputError(
                f"results are saved as .csv, not {Path(path).name!r}; the store keeps the raw blocks"
            )
        self.frame.to_csv(path, index=False)

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        counts = self.frame.groupby(["platform", "status"], sort=False).size()
        parts = [f"{key[0]}: {count} {key[1]}" for key, count in zip(counts.index, counts, strict=True)]
        return f"Results({'; '.join(parts) or 'empty'})"


def load_results(path_or_url: str | Path) -> Results:
    """Read results: a ``.csv`` that ``Results.save`` wrote, or a store by path or URL.

    Raises
    ------
    InvalidInputError, StoreError
        It is neither.
    """
    if Path(str(path_or_url)).suffix != ".csv":
        with Store(path_or_url, must_exist=True) as store:
            return Results.from_store(store)
    try:
        frame = pd.read_csv(path_or_url, dtype={"slot": object, "space": object})
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"cannot read {path_or_url}: {error}") from None
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise InvalidInputError(f"{path_or_url} is not a saved Results: it lacks the columns {', '.join(missing)}")
    return Results(frame)


def _step_map(curve: pd.DataFrame, dimension: str) -> StepMap:
    """Analyse one curve: its ok rows, and its noisy ones by their standard errors."""
    rows = curve[curve["status"].isin(["ok", "noisy"])]
    if rows.empty:
        counts = ", ".join(f"{count} {status}" for status, count in curve["status"].value_counts().items())
        raise InvalidInputError(f"no latencies in this curve ({counts})")
    if rows["join_factor"].isna().any():
        raise InvalidInputError(
            f"this curve was measured in sessions that fewer than {FEWEST_ANCHORS} common points link; measure it again"
        )
    if rows["method"].nunique() > 1:
        raise InvalidInputError("this curve mixes methods: " + ", ".join(sorted(set(rows["method"]))))
    return detect_steps(rows[dimension].astype(int), rows["latency_ms"], rows["std_error_ms"])


# ---------------------------------------------------------------------- deriving


def _rows(
    store: Store, platforms: Collection[str] | None, subjects: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    graphs = store.subjects()
    points: dict[str, list[Any]] = dict(store.points())
    curves: dict[Any, list[str]] = {}
    for subject in graphs if subjects is None else subjects:
        for member_of in points.get(subject, [(None, None, None)]):
            curves.setdefault(member_of, []).append(subject)
    groups: dict[tuple[str, str, str], list[SessionRecord]] = {}
    for session in store.sessions(platforms):
        groups.setdefault((session.platform, session.environment, session.method), []).append(session)
    for sessions in groups.values():
        known = {session.id: _session_rows(session) for session in sessions}
        for (space, slot, dimension), members in curves.items():
            rows = _joined(members, known) if dimension else filter(None, (_best(s, known) for s in members))
            for row in rows:
                named = {"space": space, "slot": slot, "dimension": dimension}
                yield row | _describe(graphs[row["subject"]]) | named


def _describe(graph: Graph) -> dict[str, Any]:
    """Return the columns that say what a subject is; those of a layer are empty where a graph's layers differ."""
    row: dict[str, Any] = {"arrangement": graph.arrangement, "depth": graph.depth}
    row |= {"ops": graph.ops, "mac": graph.mac, "complete": True}
    for name in _LAYER:
        values = {getattr(layer, name) for layer in graph.layers}
        row[name] = values.pop() if len(values) == 1 else None
    return row


def _session_rows(session: SessionRecord) -> dict[str, dict[str, Any]]:
    """Return a session's row for each of its subjects."""
    known = _estimates(session)
    references = [known[subject].latency_ms for subject in known if subject.startswith(REFERENCE)]
    reference = references[0] if references else np.nan
    return {
        subject: _judge(session, subject, known.get(subject), reference)
        for subject in {**session.outcomes, **known}
        if not subject.startswith(REFERENCE)
    }


def _best(subject: str, known: dict[int, dict[str, dict[str, Any]]]) -> dict[str, Any] | None:
    """Return the row of the session that knows a subject best."""
    rows = [rows[subject] for rows in known.values() if subject in rows]
    return min(rows, key=lambda row: (row["status"] != "ok", row["rounds"] == 0, _width(row)), default=None)


def _width(row: dict[str, Any]) -> float:
    return float((row["latency_high_ms"] - row["latency_low_ms"]) / row["latency_ms"])


def _joined(members: list[str], known: dict[int, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a curve's rows, brought to the session that most of them come from.

    The factor from another session is the median ratio over the points of this curve that both measured. Where these
    are too few, a point that the base session knows as well is taken from there; another keeps its latency, with a
    factor of NaN.
    """
    rows = [row for row in (_best(subject, known) for subject in members) if row is not None]
    latencies = {
        session: {subject: of[subject]["latency_ms"] for subject in members if subject in of and of[subject]["rounds"]}
        for session, of in known.items()
    }
    base = max(latencies, key=lambda session: len(latencies[session]))
    joined = []
    for row in rows:
        session = row["session"]
        common = latencies[base].keys() & latencies[session].keys()
        factor = 1.0
        if session != base and row["rounds"]:
            ratios = [latencies[base][subject] / latencies[session][subject] for subject in common]
            factor = float(np.median(ratios)) if len(common) >= FEWEST_ANCHORS else np.nan
        if np.isnan(factor) and row["subject"] in latencies[base]:
            row, factor = known[base][row["subject"]], 1.0
        scale = 1.0 if np.isnan(factor) else factor
        scaled = {name: row[name] * scale for name in _LATENCIES}
        joined.append(row | scaled | {"join_factor": factor})
    return joined


def _estimates(session: SessionRecord) -> dict[str, Estimate]:
    """Return what a session says of each subject that it measured in enough rounds for an interval."""
    subjects = [subject for subject, _, _ in session.blocks]
    blocks_ms = [block_ms(times_ns, inner) for _, inner, times_ns in session.blocks]
    return {
        subject: found
        for subject, found in estimate_session(subjects, blocks_ms).items()
        if found.rounds >= session.settings.min_rounds and subject not in session.outcomes
    }


def _judge(session: SessionRecord, subject: str, known: Estimate | None, reference: float) -> dict[str, Any]:
    load = session.loads.get(subject, {})
    row: dict[str, Any] = {
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
    row |= {
        "latency_ms": known.latency_ms,
        "latency_low_ms": known.low_ms,
        "latency_high_ms": known.high_ms,
        "std_error_ms": known.std_error_ms,
        "relative_latency": known.latency_ms / reference,
        "status": "ok" if known.interval <= session.settings.interval else "noisy",
    }
    if row["status"] == "noisy":
        row["reason"] = f"±{known.interval:.1%} after {known.rounds} rounds, ±{session.settings.interval:.1%} asked"
        row["reason"] += "" if session.finished else "; the session was interrupted"
    return row

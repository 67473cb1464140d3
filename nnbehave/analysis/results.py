"""Results: latencies derived from what a store holds, as a DataFrame, with what can be asked of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from nnbehave.analysis import LAYER, Lost, Origin, StepMap, detect_steps, support_matrix
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.derive import COLUMNS, FEWEST_ANCHORS, derive_blocks, derive_rows
from nnbehave.measurement.store.store import Store

_OF_STEP_MAP = ("kind", "width", "phase", "outer_width", "step_share", "confidence", "low", "high")
_CURVE = ("space", "slot", "dimension", "platform", "environment", "method")


class Results:
    """What was measured, one row a measurement.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns are those of :data:`COLUMNS`. ``status`` is ``ok``, ``noisy``, ``unstable``
        (it disagreed with its neighbours, and with itself when it was measured again; ``first_latency_ms`` is what it
        was at first), ``unsupported``, ``failed`` or ``timeout``, with the ``reason``; latencies are NaN where there is
        none. ``relative_latency`` is against the geometric mean of the session's compute-bound reference layers;
        ``relative_low`` and ``relative_high`` are its interval, which is to hold between sessions: with the references'
        errors in it, and what another state of the machine may do. ``join_factor`` is what a latency was multiplied by
        to stand beside those of the session that knows most of its curve, NaN where nothing links the two.
        ``executed_precision``, ``placement`` and ``output_error`` are of the layer run alone: what its kernels computed
        in, whether they ran where the platform means them to, and the root mean square difference of its output from
        TensorFlow's in fp32, over that of the latter; ``output_cosine`` is that of the angle between the two outputs,
        ``largest_error`` the largest difference over TensorFlow's largest magnitude, ``rounding_error`` what
        ``output_error`` is of TensorFlow's own output where its inputs are 1e-5 off: in fp32 a layer is ``failed`` past
        1e-3, or ten times that where this is more. ``reason`` says where this is not what was asked for. ``complete``
        is False where a total leaves operators out, those in ``left_out``: no analyser takes it for a latency.
        ``cycles``, ``instructions`` and ``counts`` (JSON) are what an exact one rests on.
    environments : dict of str to dict
        Of each environment the ``machine`` and the ``versions`` of packages; empty in results from a file.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        candidates: dict[tuple[str, str, str], list[Any]] | None = None,
        environments: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.frame = frame
        self.environments = environments or {}
        self._candidates = candidates or {}  # of (space, slot, dimension): more than was measured, if adaptively

    @classmethod
    def from_store(
        cls,
        store: Store,
        platforms: Collection[str] | None = None,
        space: str | None = None,
        subjects: Collection[str] | None = None,
        environments: Collection[str] | None = None,
        methods: Collection[str] | None = None,
    ) -> Results:
        """Derive the results of a store: all, or what the arguments leave."""
        rows = derive_rows(store, platforms, space, subjects, environments, methods)
        candidates: dict[tuple[str, str, str], list[Any]] = {}
        graphs = store.subjects()
        for subject, curves in store.points(space).items():
            for label, slot, dimension in curves:
                if dimension:
                    value = getattr(graphs[subject].layers[0], dimension)
                    candidates.setdefault((label, slot, dimension), []).append(value)
        return cls(pd.DataFrame(list(rows), columns=COLUMNS), candidates, store.environments())

    def of_platforms(self, platforms: Collection[str]) -> Results:
        """Return the results of some platforms alone.

        Raises
        ------
        InvalidInputError
            There are none of one of them.
        """
        there = sorted(set(self.frame["platform"]))
        if foreign := [name for name in platforms if name not in there]:
            raise InvalidInputError(f"no results of {foreign[0]}; these are of {', '.join(there)}")
        return Results(self.frame[self.frame["platform"].isin(platforms)], self._candidates, self.environments)

    # ------------------------------------------------------------------ findings

    def curves(self) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Yield each curve: what it is (space, slot, dimension, platform, environment, method), and its rows."""
        swept = self.frame[self.frame["dimension"].notna()]
        for key, curve in swept.groupby(list(_CURVE), sort=False):
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
            One row a curve: ``space slot dimension platform environment method kind width phase outer_width
            step_share confidence low high measured candidates kept keep note``. ``keep`` lists the values worth keeping
            among those of the space between ``low`` and ``high``, measured or not; ``candidates`` is how many the
            space has (in results from a file: how many were measured).
        """
        rows = []
        for what, curve in self.curves():
            values = curve[what["dimension"]]
            if not pd.api.types.is_numeric_dtype(values.infer_objects()):
                continue
            listed = self._listed(what, values)
            row: dict[str, Any] = {**what, "kind": "unexplained", "candidates": len(listed), "note": ""}
            try:
                found = _step_map(curve, what["dimension"])
            except InvalidInputError as error:
                row["note"] = str(error)
            else:
                lost = {int(value) for value in values[curve["latency_ms"].isna()]}
                keep = found.best_of(self._choices(what, curve, found), tolerance)
                notes = [found.reason, f"{len(lost)} without a latency left out" if lost else ""]
                row |= {name: getattr(found, name) for name in _OF_STEP_MAP}
                row |= {"measured": len(found.measured), "kept": len(keep), "keep": keep}
                row["note"] = "; ".join(filter(None, notes))
            rows.append(row)
        columns = [*_CURVE, *_OF_STEP_MAP, "measured", "candidates", "kept", "keep", "note"]
        whole = ["width", "phase", "outer_width", "low", "high", "measured", "kept"]
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(whole, "Int64"))

    def _choices(self, what: dict[str, Any], curve: pd.DataFrame, found: StepMap) -> list[int]:
        """Return the values to choose among: those that have a latency, and those between them not measured."""
        values = curve[what["dimension"]]
        lost = set(values[curve["latency_ms"].isna()])
        listed = self._listed(what, values)
        return [int(value) for value in listed if value not in lost and found.low <= value <= found.high]

    def _listed(self, what: dict[str, Any], measured: pd.Series) -> list[Any]:
        """Return the values that a curve's space has, as far as they are known, or else those that were measured."""
        return self._candidates.get((what["space"], what["slot"], what["dimension"])) or list(measured)

    def support(self) -> pd.DataFrame:
        """Say of each operator at each precision on each platform how far it is supported, and why not further.

        Returns
        -------
        pandas.DataFrame
            As :func:`nnbehave.analysis.support_matrix`.
        """
        return support_matrix(self.frame)

    def step_map(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
        environment: str | None = None,
        method: str | None = None,
    ) -> StepMap:
        """Return the step map of the one curve that the arguments leave, of several environments or methods the newest.

        Raises
        ------
        InvalidInputError
            They leave none or several, or the curve cannot be analysed; the message says which there are.
        """
        curves = self._newest(
            platform=platform, slot=slot, dimension=dimension, space=space, environment=environment, method=method
        )
        if len(curves) != 1:
            there = "; ".join(
                ", ".join(f"{key}={what[key]!r}" for key in _CURVE[:4]) for what, _ in curves or self.curves()
            )
            raise InvalidInputError(f"{len(curves)} curves match; name one of: {there or 'none at all'}")
        what, curve = curves[0]
        return _with_origin(_step_map(curve, what["dimension"]), what, curve)

    def step_maps(self) -> list[StepMap]:
        """Return the step map of every curve over a numeric dimension that can be analysed, of each the newest."""
        found = []
        for what, curve in self._newest():
            if pd.api.types.is_numeric_dtype(curve[what["dimension"]].infer_objects()):
                with suppress(InvalidInputError):
                    found.append(_with_origin(_step_map(curve, what["dimension"]), what, curve))
        return found

    def _newest(self, **wanted: str | None) -> list[tuple[dict[str, Any], pd.DataFrame]]:
        """Return the curves that the arguments leave; of one in several environments or methods, the newest alone."""
        left = {
            tuple(what[key] for key in _CURVE[:4]): (what, curve)
            for what, curve in self.curves()
            if all(value in (None, what[key]) for key, value in wanted.items())
        }
        return list(left.values())

    def plot(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
        environment: str | None = None,
        method: str | None = None,
        *,
        ax: Any = None,
    ) -> Any:
        """Draw the curves that the arguments leave, with their steps; return the matplotlib Axes.

        Raises
        ------
        InvalidInputError
            They leave no curve, or curves over more than one dimension.
        """
        from nnbehave.analysis import plots

        curves = self._newest(
            platform=platform, slot=slot, dimension=dimension, space=space, environment=environment, method=method
        )
        dimensions = sorted({what["dimension"] for what, _ in curves})
        if len(dimensions) != 1:
            raise InvalidInputError(f"a plot takes curves over one dimension; these are over {dimensions or 'none'}")
        ax = plots.new_axes() if ax is None else ax
        several_slots = len({(what["space"], what["slot"]) for what, _ in curves}) > 1
        for what, curve in curves:
            try:
                step_map: StepMap | None = _step_map(curve, what["dimension"])
            except InvalidInputError:  # the points are drawn all the same
                step_map = None
            label = f"{what['platform']} {what['space']} {what['slot']}" if several_slots else what["platform"]
            label += f": {step_map.kind} {step_map.width or ''}".rstrip() if step_map else ""
            colour = plots.plot_points(curve, what["dimension"], label, ax=ax)
            if step_map:
                plots.plot_law(*step_map.outline(self._choices(what, curve, step_map)), colour, ax=ax)
        return plots.label_axes(ax, dimensions[0])

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


def load_blocks(path_or_url: str | Path) -> pd.DataFrame:
    """Return every block of a store, raw and normalised, references and what was discarded included.

    Columns: ``session platform method part round process taken_at raw_ms normalised_ms exponent bound is_reference``
    and what was witnessed (:func:`nnbehave.measurement.derive.derive_blocks`).

    Raises
    ------
    InvalidInputError, StoreError
        It is no store.
    """
    with Store(path_or_url, must_exist=True) as store:
        return pd.DataFrame(list(derive_blocks(store)))


def usable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a curve may be made of: complete ones that are ok, and noisy ones by their errors."""
    good = rows["status"].isin(["ok", "noisy"]) & (rows["latency_ms"] > 0) & rows["complete"].ne(False)
    return rows[good & (rows["std_error_ms"].fillna(0) < float("inf"))]


def _with_origin(found: StepMap, what: dict[str, Any], curve: pd.DataFrame) -> StepMap:
    """Return a step map that says where it was measured, and of what: the fields that all of its layers share."""
    same = [name for name in LAYER if name != what["dimension"] and curve[name].nunique(dropna=False) == 1]
    values = {name: curve[name].iloc[0] for name in same}
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}
    layer = {name: None if value != value else value for name, value in plain.items()}
    where = {name: what[name] for name in ("platform", "environment", "method", "dimension")}
    without = curve.drop(usable(curve).index)[[what["dimension"], "status", "reason"]]
    lost = tuple(Lost(int(n), str(status), str(reason)) for n, status, reason in without.itertuples(index=False))
    return replace(found, origin=Origin(**where, layer=layer, lost=lost))


def _step_map(curve: pd.DataFrame, dimension: str) -> StepMap:
    """Analyse one curve: its ok rows, and its noisy ones by their standard errors."""
    rows = usable(curve)
    if rows.empty:
        counts = ", ".join(f"{count} {status}" for status, count in curve["status"].value_counts().items())
        raise InvalidInputError(f"no latencies in this curve ({counts})")
    if rows["join_factor"].isna().any():
        raise InvalidInputError(
            f"this curve was measured in sessions that fewer than {FEWEST_ANCHORS} common points link; measure it again"
        )
    if rows["method"].nunique() > 1:
        raise InvalidInputError("this curve mixes methods: " + ", ".join(sorted(set(rows["method"]))))
    try:
        n = rows[dimension].astype(float)
    except (TypeError, ValueError):
        raise InvalidInputError(f"{dimension} has no numbers to find steps over") from None
    if n.isna().any() or (n % 1).any():
        raise InvalidInputError(f"{dimension} has values that are not whole numbers, over which there are no steps")
    return detect_steps(n.astype(int), rows["latency_ms"], rows["std_error_ms"])

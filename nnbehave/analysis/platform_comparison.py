"""Platforms side by side: what each takes for the same layers, what it runs at all, and what it does to the numbers.

Latencies are compared in milliseconds, since what a session measures its references by is its own platform's; their
errors are those that hold between sessions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import frame_of, grouped, records, timed
from nnbehave.analysis.roofline import fit_roofline
from nnbehave.analysis.support import support_levels
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_WHERE = ["platform", "environment", "method"]
_COLUMNS = [
    *("layers", "op", *_WHERE, "precision", "support", "latency_ms", "slowdown", "slowdown_low", "slowdown_high"),
    *("utilisation", "output_error", "pareto", "reason"),
]
_PLATFORMS = [
    *(*_WHERE, "precision", "layers", "full", "partial", "none", "common", "slowdown", "slowdown_low", "slowdown_high"),
    *("fastest", "utilisation", "output_error"),
]
_EXACT = 1e-5  # errors of outputs below it are alike: runtimes that compute the same differ by some 1e-6


@dataclass(frozen=True, repr=False)
class PlatformComparison:
    """Platforms beside one another.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or graph on a platform at a precision; ``layers`` is its id without the precision. ``slowdown``
        is its latency over that of the fastest platform at that precision, with its 95 % interval; ``utilisation``
        what it attains of the platform's roof, NaN where no roof is known (:func:`nnbehave.fit_roofline`). ``pareto``
        marks those that no other platform and precision outdoes for certain in latency without being less exact.
    platforms : pandas.DataFrame
        One row a platform and precision: of how many ``layers`` the support is ``full``, ``partial`` and ``none``;
        ``slowdown`` the geometric mean over the ``common`` layers, which all platforms run at that precision;
        ``fastest`` how many of these it runs the fastest for certain; ``utilisation`` the median, ``output_error`` the
        worst.
    """

    frame: pd.DataFrame
    platforms: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for precision, rows in self.platforms.groupby("precision", sort=False):
            lines.append(f"{precision}: {rows['common'].iloc[0]} layers run on all of {len(rows)} platforms")
            for row in records(rows.sort_values("slowdown")):
                said = f"{row['full']} of {row['layers']} layers run as they are meant to"
                said += f", {row['none']} do not" if row["none"] else ""
                if row["slowdown"] > 0:
                    interval = f"({row['slowdown_low']:.3g} to {row['slowdown_high']:.3g})"
                    said += f"; {row['slowdown']:.3g}x {interval} of the fastest on the average"
                    said += f", itself the fastest for {row['fastest']}"
                lines.append(f"  {row['platform']}: {said}")
        best = (self.frame["platform"] + " " + self.frame["precision"])[self.frame["pareto"]].value_counts()
        counts = ", ".join(f"{where} {count}" for where, count in best.items())
        return "\n".join([*lines, f"not outdone in both latency and exactness: {counts}"])

    def plot(self, ax: Any = None) -> Any:
        """Draw the slowdown of each layer on each platform, the fastest being 1; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        rows = self.frame.assign(label=self.frame["op"] + ", " + self.frame["precision"], value=self.frame["slowdown"])
        rows = rows.assign(low=rows["slowdown_low"], high=rows["slowdown_high"])
        ax = plots.new_axes() if ax is None else ax
        return plots.plot_ratios(rows, "latency over that of the fastest platform", ax=ax)


def compare_platforms(results: Any) -> PlatformComparison:
    """Set platforms side by side: latency, utilisation, support and numerical damage of the same layers.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        Of two platforms or more; what was measured in several environments or by several methods counts as several.

    Raises
    ------
    InvalidInputError
        No layer was tried on two platforms at one precision.
    """
    import pandas as pd

    needed = ("layers", "op", "reason", "session", "placement", "executed_precision", "output_error", "mac_bytes")
    frame = frame_of(results, (*needed, "ops", "relative_latency", "relative_low", "relative_high"))
    known = set(timed(frame).index)
    frame = frame.assign(
        op=frame["op"].fillna(frame["arrangement"]),
        support=support_levels(frame),
        utilisation=_utilisation(frame),
        latency_ms=[ms if i in known else math.nan for i, ms in frame["latency_ms"].items()],
        _error=_errors(frame),
        layers=[
            re.sub(rf"_{precision}(?=_|;|$)", "", layers)
            for layers, precision in zip(frame["layers"], frame["precision"], strict=True)
        ],
    )
    frame = frame.sort_values(["latency_ms", "_error"]).drop_duplicates([*_WHERE, "layers", "precision"]).sort_index()
    tried = frame.groupby(["layers", "precision"])["platform"].transform("size")
    frame = frame[tried > 1]
    if frame.empty:
        raise InvalidInputError("nothing to compare: measure the same layers on two platforms or more")
    rows = []
    for _, alike in grouped(records(frame), ["layers"]):
        rows += _beside_one_another(alike)
    table = pd.DataFrame(rows)
    return PlatformComparison(table[_COLUMNS], pd.DataFrame(_summaries(table), columns=_PLATFORMS))


def _errors(frame: pd.DataFrame) -> pd.Series[float]:
    """Return the errors of latencies as shares of them, as they are between sessions."""
    between = (frame["relative_high"] - frame["relative_low"]) / 3.92 / frame["relative_latency"]
    here = frame["std_error_ms"] / frame["latency_ms"]
    errors: pd.Series[float] = between.fillna(0).clip(lower=here)
    return errors


def _utilisation(frame: pd.DataFrame) -> pd.Series[float]:
    """Return what layers attain of their roofs, NaN where these cannot be told."""
    import pandas as pd

    result = pd.Series(math.nan, index=frame.index)
    try:
        placed = fit_roofline(frame).frame
    except InvalidInputError:
        return result
    by = [*_WHERE, "precision", "layers"]
    of_layer = placed.drop_duplicates(by).set_index(by)["utilisation"]
    keys = pd.MultiIndex.from_frame(frame[by])
    return pd.Series(of_layer.reindex(keys).to_numpy(), index=frame.index)


def _beside_one_another(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of one layer, with how much slower each is than the fastest, and whether it is outdone."""
    found = []
    for row in rows:
        equal = [other for other in rows if other["precision"] == row["precision"] and other["latency_ms"] > 0]
        fastest = min(equal, key=lambda other: other["latency_ms"], default=None)
        slowdown = _ratio(row, fastest) if fastest and row["latency_ms"] > 0 else (math.nan,) * 3
        outdone = any(
            _ratio(other, row)[2] < 1 and _exactness(other) <= _exactness(row)
            for other in rows
            if other is not row and other["latency_ms"] > 0
        )
        rivals = [other for other in equal if other is not row]
        best = bool(rivals) and row is fastest and all(_ratio(other, row)[1] > 1 for other in rivals)
        found.append(
            row
            | dict(zip(("slowdown", "slowdown_low", "slowdown_high"), slowdown, strict=True))
            | {"pareto": row["latency_ms"] > 0 and not outdone, "_fastest": best}
        )
    return found


def _ratio(row: dict[str, Any], other: dict[str, Any]) -> tuple[float, float, float]:
    if row is other:
        return 1.0, 1.0, 1.0
    middle = row["latency_ms"] / other["latency_ms"]
    factor = math.exp(1.96 * math.hypot(row["_error"], other["_error"]))
    return middle, middle / factor, middle * factor


def _exactness(row: dict[str, Any]) -> float:
    """Return how far an output is from TensorFlow's, which nobody knows of some graphs."""
    error = row["output_error"]
    return _EXACT if math.isnan(error) else max(_EXACT, error)


def _summaries(table: pd.DataFrame) -> list[dict[str, Any]]:
    import numpy as np

    summaries = []
    for precision, rows in table.groupby("precision", sort=False):
        count = rows.groupby(_WHERE, sort=False).ngroups
        known = rows[rows["latency_ms"] > 0]
        common = known[known.groupby("layers")["platform"].transform("size") == count]
        for where, some in rows.groupby(_WHERE, sort=False):
            of_common = common[(common[_WHERE] == list(where)).all(axis=1)]
            levels = some["support"].value_counts()
            summary = dict(zip(_WHERE, where, strict=True)) | {
                "precision": precision,
                "layers": len(some),
                **{level: int(levels.get(level, 0)) for level in ("full", "partial", "none")},
                "common": len(of_common),
                "fastest": int(of_common["_fastest"].sum()),
                "utilisation": some["utilisation"].median(),
                "output_error": some["output_error"].max(),
            }
            if len(of_common):
                logs = np.log(of_common["slowdown"])
                half = np.log(of_common["slowdown_high"] / of_common["slowdown"]).max()  # sessions share their errors
                ends = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half])
                summary |= dict(zip(("slowdown", "slowdown_low", "slowdown_high"), ends.tolist(), strict=True))
            summaries.append(summary)
    return summaries

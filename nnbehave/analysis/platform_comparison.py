"""Platforms side by side: latency, utilisation, support and errors of the outputs for the same layers.

Latencies of platforms are compared in ms, because each session is measured against references on its own platform.
Their errors are those that hold between sessions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import measurements_of
from nnbehave.analysis.latencies import Z95, Conditions, Ratio, grouped, precision_of
from nnbehave.analysis.roofline import fit_roofline
from nnbehave.analysis.support import Support, operator_of, support_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Latency, Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_WHERE = ["platform", "environment", "method", "context"]
_COLUMNS = [
    *("layers", "op", *_WHERE, "precision", "support", "latency_ms", "slowdown", "slowdown_low", "slowdown_high"),
    *("utilisation", "output_error", "pareto", "reason"),
]
_PLATFORMS = [
    *(*_WHERE, "precision", "layers", "full", "partial", "none", "common", "slowdown", "slowdown_low", "slowdown_high"),
    *("fastest", "utilisation", "output_error"),
]
_EXACT = 1e-5  # output errors below it are alike: runtimes that compute the same thing differ by some 1e-6
_UNKNOWN = Ratio(math.nan, math.nan, math.nan)


@dataclass(frozen=True, repr=False)
class PlatformComparison(Finding):
    """Platforms beside one another.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or graph on a platform at a precision; ``layers`` is its id without the precision. ``slowdown``
        is its latency over that of the fastest platform at that precision, with its 95 % interval. ``utilisation`` is
        the share of the platform's roof that it attains, NaN where no roof is known (:func:`nnbehave.fit_roofline`).
        ``pareto`` is True unless another platform and precision is certainly faster and no less exact.
    platforms : pandas.DataFrame
        One row a platform and precision. ``full``, ``partial`` and ``none`` count the ``layers`` of that support.
        ``slowdown`` is the geometric mean over the ``common`` layers, which all platforms run at that precision;
        ``fastest`` counts those of them on which the platform is certainly the fastest. ``utilisation`` is the median,
        ``output_error`` the worst.
    """

    frame: pd.DataFrame
    platforms: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for precision, rows in self.platforms.groupby("precision", sort=False):
            lines.append(f"{precision}: {rows['common'].iloc[0]} layers run on all of {len(rows)} platforms")
            for row in rows.sort_values("slowdown").to_dict("records"):
                text = f"{row['full']} of {row['layers']} layers run as they are meant to"
                text += f", {row['none']} do not" if row["none"] else ""
                if row["slowdown"] > 0:
                    interval = f"({row['slowdown_low']:.3g} to {row['slowdown_high']:.3g})"
                    text += f"; {row['slowdown']:.3g}x {interval} of the fastest on the average"
                    text += f", itself the fastest for {row['fastest']}"
                lines.append(f"  {row['platform']}: {text}")
        best = (self.frame["platform"] + " " + self.frame["precision"])[self.frame["pareto"]].value_counts()
        counts = ", ".join(f"{where} {count}" for where, count in best.items())
        return "\n".join([*lines, f"not outdone in both latency and exactness: {counts}"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the slowdown of each layer on each platform, the fastest being 1; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        labels = self.frame["op"] + ", " + self.frame["precision"]
        ax = plots.new_axes() if ax is None else ax
        return plots.plot_intervals(self.frame, "slowdown", labels, "latency over that of the fastest platform", ax=ax)


def compare_platforms(results: Measurements | pd.DataFrame) -> PlatformComparison:
    """Compare platforms on the same layers: latency, utilisation, support and errors of the outputs.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        Of two platforms or more. A platform in two environments, or by two methods, counts as two.

    Raises
    ------
    InvalidInputError
        No layer was tried on two platforms at one precision.
    """
    import pandas as pd

    every = _candidates(measurements_of(results))
    tried = Counter((each.layers, each.precision) for each in every)
    shared = [each for each in every if tried[each.layers, each.precision] > 1]
    if not shared:
        raise InvalidInputError("nothing to compare: measure the same layers on two platforms or more")
    rows = [row for alike in grouped(shared, lambda each: each.layers).values() for row in _side_by_side(alike)]
    table = pd.DataFrame(rows)
    return PlatformComparison(table[_COLUMNS], pd.DataFrame(_summaries(table), columns=_PLATFORMS))


@dataclass(frozen=True)
class _Candidate:
    """A layer or graph on one platform at one precision."""

    layers: str  # ids without the precision
    precision: str
    conditions: Conditions
    measured: Measurement
    latency: Latency | None
    error: float  # standard error as a share of the latency, between sessions
    utilisation: float

    @property
    def ms(self) -> float:
        """The latency, infinity where there is none."""
        return math.inf if self.latency is None else self.latency.ms

    @property
    def exactness(self) -> float:
        """How far the output is from TensorFlow's; of some graphs it is not known."""
        error = self.measured.execution.fidelity.output_error
        return _EXACT if math.isnan(error) else max(_EXACT, error)


def _candidates(measurements: Measurements) -> list[_Candidate]:
    """Return the fastest measurement of each layer or graph at each precision on each platform."""
    utilisation = _utilisation(measurements)
    every: dict[tuple[Conditions, str, str], _Candidate] = {}
    for one in measurements:
        if (precision := precision_of(one)) is None:
            continue
        conditions, ids = Conditions.of(one), [layer.id for layer in one.subject.layers]
        layers = ";".join(each.replace(f"_{precision}", "", 1) for each in ids)
        share = utilisation.get((*conditions, precision, ";".join(ids)), math.nan)
        new = _Candidate(layers, precision, conditions, one, one.usable, _error(one.usable), share)
        key = (conditions, layers, precision)
        if key not in every or _rank(new) < _rank(every[key]):
            every.pop(key, None)  # the order is that of the measurements taken
            every[key] = new
    return list(every.values())


def _rank(each: _Candidate) -> tuple[float, float]:
    """Return the latency and the error of a candidate, to sort by; infinity where one is not known."""
    return each.ms, math.inf if math.isnan(each.error) else each.error


def _error(latency: Latency | None) -> float:
    """Return the standard error of a latency as a share of it, at least as large as it is between sessions."""
    if latency is None:
        return math.nan
    within = latency.std_error_ms / latency.ms
    interval = latency.relative_interval
    between = (interval.high - interval.low) / (2 * Z95) / latency.relative if latency.relative else math.nan
    return max((error for error in (within, between) if not math.isnan(error)), default=math.nan)


def _utilisation(measurements: Measurements) -> dict[tuple[str, ...], float]:
    """Return the share of its roof that each layer attains, by conditions, precision and id; none without a roof."""
    try:
        placed = fit_roofline(measurements).frame
    except InvalidInputError:
        return {}
    keys = placed[[*_WHERE, "precision", "layers"]].itertuples(index=False, name=None)
    return dict(zip(keys, placed["utilisation"].tolist(), strict=True))


def _side_by_side(alike: Sequence[_Candidate]) -> list[dict[str, object]]:
    """Return the rows of one layer: how much slower each is than the fastest, and whether another outdoes it."""
    rows: list[dict[str, object]] = []
    for each in alike:
        timed = [other for other in alike if other.latency is not None]
        rivals = [other for other in timed if other.precision == each.precision]
        fastest = min(rivals, key=lambda other: other.ms, default=None)
        slowdown = _ratio(each, fastest) if fastest else _UNKNOWN
        outdone = any(_ratio(other, each).high < 1 and other.exactness <= each.exactness for other in timed)
        others = [other for other in rivals if other is not each]
        rows.append(
            {
                "layers": each.layers,
                "op": operator_of(each.measured),
                **each.conditions._asdict(),
                "precision": each.precision,
                "support": support_of(each.measured),
                "latency_ms": each.latency.ms if each.latency else math.nan,
                **slowdown.named("slowdown"),
                "utilisation": each.utilisation,
                "output_error": each.measured.execution.fidelity.output_error,
                "pareto": each.latency is not None and not outdone,
                "reason": each.measured.reason,
                "_fastest": bool(others) and each is fastest and all(_ratio(other, each).low > 1 for other in others),
            }
        )
    return rows


def _ratio(one: _Candidate, other: _Candidate) -> Ratio:
    """Return the latency of one candidate over that of another, with its 95 % interval."""
    if one.latency is None or other.latency is None:
        return _UNKNOWN
    if one is other:
        return Ratio(1.0, 1.0, 1.0)
    middle = one.latency.ms / other.latency.ms
    factor = math.exp(Z95 * math.hypot(one.error, other.error))
    return Ratio(middle, middle / factor, middle * factor)


def _summaries(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return the row of each platform and precision."""
    summaries = []
    for precision, rows in table.groupby("precision", sort=False):
        count = rows.groupby(_WHERE, sort=False).ngroups
        known = rows[rows["latency_ms"] > 0]
        tried = known["layers"].value_counts()
        common = tried.index[tried == count]
        for where, some in rows.groupby(_WHERE, sort=False):
            of_common = some[some["layers"].isin(common)]
            levels = some["support"].value_counts()
            summary: dict[str, object] = dict(zip(_WHERE, where, strict=True)) | {
                "precision": precision,
                "layers": len(some),
                **{level: int(levels.get(level, 0)) for level in get_args(Support)},
                "common": len(of_common),
                "fastest": int(of_common["_fastest"].sum()),
                "utilisation": some["utilisation"].median(),
                "output_error": some["output_error"].max(),
            }
            summaries.append(summary | _mean_slowdown(of_common).named("slowdown"))
    return summaries


def _mean_slowdown(rows: pd.DataFrame) -> Ratio:
    """Return the geometric mean of some slowdowns; its interval is as wide as the widest, as sessions share errors."""
    import numpy as np

    if rows.empty:
        return _UNKNOWN
    middle = float(np.log(rows["slowdown"]).mean())
    half = float(np.log(rows["slowdown_high"] / rows["slowdown"]).max())
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half))

"""Scaling: how latency grows with one dimension of a layer, beside what its operations and memory accesses grow by.

Over the values v of a dimension, all else equal, latency is taken for a power law::

    log T(v) = a + exponent · log v + misfit + error

with the errors that were measured, and a misfit of such a variance that the weighted squares of the residuals sum to
the median of χ² (after Paule and Mandel 1982; they take its mean, with which intervals were too narrow beside a misfit
as large as the errors). The half width of the exponent's 95 % interval is ``√((1.96 · what the errors make of it)² +
(t · what the misfit makes of it)²)``, t being Student's with as many degrees of freedom as there are values beyond two.
OPs are multiply-adds, mac memory accesses in elements (Tang et al., MLSys 2021, Table 3; such ratios are in Fig. 8).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.analysis._frames import LAYER, Row, apart, is_timed, name_of, one_of_each, ratio, single_layers, why_not
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]

_SWEPT = (  # a dimension, and one that may keep its ratio to it
    *(("kernel", None), ("height", "width"), ("height", None), ("stride", None), ("batch", None)),
    *(("in_channels", "out_channels"), ("in_channels", None), ("out_channels", None)),
)
_LEAST_ERROR = 1e-4  # of a latency: that of exact counts
_WHAT = ["platform", "environment", "method", "precision", "layer", "op", "dimension"]
_COLUMNS = [
    *(*_WHAT, "values", "smallest", "largest", "exponent", "exponent_low", "exponent_high", "misfit"),
    *("ops_exponent", "mac_exponent", "against_ops", "against_ops_low", "against_ops_high", "words", "reason"),
]
_OF_POINTS = [
    *(*_WHAT, "value", "latency_ms", "std_error_ms", "ratio", "ratio_low", "ratio_high", "ops_ratio", "mac_ratio"),
    *("words", "reason"),
]


@dataclass(frozen=True, repr=False)
class Scaling:
    """How latency follows the dimensions of layers.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a sweep. ``layer`` is what is the same in all of it, ``values`` how many have a latency, the
        ``smallest`` and the ``largest`` of them. Latency goes as the dimension to the power of ``exponent``, with its
        95 % interval; ``misfit`` is the standard deviation by which latencies leave that law beyond their errors, as a
        share, NaN where two values tell nothing of it. ``ops_exponent`` and ``mac_exponent`` are those of OPs and mac
        over the same values, ``against_ops`` is that of latency over OPs, NaN where OPs do not change. ``words`` is
        what the largest value costs, ``reason`` what is missing and why.
    points : pandas.DataFrame
        One row a value. ``ratio`` is its latency over that of the ``smallest``, with its 95 % interval, ``ops_ratio``
        and ``mac_ratio`` are the same of OPs and mac; NaN with a ``reason`` where it has no latency.
    """

    frame: pd.DataFrame
    points: pd.DataFrame

    def __repr__(self) -> str:
        return "\n".join(f"{row['platform']}, {row['layer']}: {_aloud(row)}" for row in self.frame.to_dict("records"))

    def plot(self, ax: Any = None) -> Any:
        """Draw the ratios with their intervals, and those of OPs, dashed; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_scaling(self.points, ax=plots.new_axes() if ax is None else ax)


class _Law(NamedTuple):
    """A power law; ``coefficients`` are those that make the slope of logarithms, ``half`` is of its interval."""

    exponent: float
    half: float
    misfit: float
    coefficients: Array


def fit_scaling(results: Any) -> Scaling:
    """Say how latency grows with kernel, input size, stride, batch and channels, wherever one of them alone varies.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        With single layers that differ in one of ``kernel``, ``height``, ``stride``, ``batch``, ``in_channels`` and
        ``out_channels`` alone. ``width`` may keep its ratio to ``height``, and ``out_channels`` that to
        ``in_channels`` where an operator need not be given it. Values of one session are compared directly, those of
        several by latencies relative to the sessions' references, whose intervals are wider. Noisy rows count by
        their standard errors.

    Returns
    -------
    Scaling
        A sweep that has no two latencies to compare has NaN, with the ``reason``.

    Raises
    ------
    InvalidInputError
        No two layers differ in one of these dimensions alone.
    """
    import pandas as pd

    sweeps = [
        _fit(what | of, rows)
        for what, some in apart(single_layers(results), ("precision",))
        for of, rows in _sweeps(some)
    ]
    if not sweeps:
        raise InvalidInputError(
            "no sweeps among these results: measure single layers that differ in one dimension alone"
        )
    frame = pd.DataFrame([row for row, _ in sweeps], columns=_COLUMNS)
    return Scaling(frame, pd.DataFrame([point for _, points in sweeps for point in points], columns=_OF_POINTS))


# ---------------------------------------------------------------------- rows to compare


def _sweeps(rows: list[Row]) -> Iterator[tuple[dict[str, Any], list[Row]]]:
    """Yield each sweep: its dimension and what is the same in all of it, and its rows."""
    own = {row["op"] for row in rows if row["out_channels"] != row["in_channels"]}
    for dimension, follower in _SWEPT:
        same = [name for name in LAYER if name not in (dimension, follower)]
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if row[dimension] == "" or (follower == "out_channels" and row["op"] in own):
                continue
            times = row[follower] / row[dimension] if follower else 1
            groups.setdefault((times, *(row[name] for name in same)), []).append(row)
        for (times, *values), sweep in groups.items():
            if len({row[dimension] for row in sweep}) > 1:
                of = dict(zip(same, values, strict=True))
                layer = name_of(of) + (f" {follower}={times:g}·{dimension}" if times != 1 else "")
                yield {"layer": layer, "op": of["op"], "dimension": dimension}, sweep


def _fit(what: dict[str, Any], rows: list[Row]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of a sweep and those of its values."""
    dimension = what["dimension"]
    rows = one_of_each(rows, dimension)
    lost = {int(row[dimension]): why_not(row) for row in rows if not is_timed(row)}
    known = [row for row in rows if is_timed(row)]
    several = len({row["session"] for row in known}) > 1
    for row in known:
        if several and not math.isfinite(row["relative_latency"]):
            lost[int(row[dimension])] = "of another session, without references to compare it by"
    known = [row for row in known if int(row[dimension]) not in lost]
    points = [what | {"value": value, "reason": why} for value, why in lost.items()]
    points += _points(what, known) if known else []
    points.sort(key=lambda point: point["value"])
    reasons = [
        f"{dimension} {', '.join(str(value) for value, why in lost.items() if why == reason)}: {reason}"
        for reason in dict.fromkeys(lost.values())
    ]
    found = what | {"values": len(known)}
    if len(known) < 2:
        reasons.insert(0, "fewer than two values have a latency")
    else:
        found |= _exponents(known, dimension) | {"words": [point["words"] for point in points if "words" in point][-1]}
        found |= {"smallest": int(known[0][dimension]), "largest": int(known[-1][dimension])}
    return found | {"reason": "; ".join(reasons)}, points


def _points(what: dict[str, Any], rows: list[Row]) -> Iterator[dict[str, Any]]:
    """Yield a row for each value that has a latency."""
    first = rows[0]
    for row in rows:
        middle, low, high = (1.0, 1.0, 1.0) if row is first else ratio(row, first)
        point = what | {"value": int(row[what["dimension"]]), "ratio": middle, "ratio_low": low, "ratio_high": high}
        point |= {name: row[name] for name in ("latency_ms", "std_error_ms")} | {"reason": ""}
        point |= {f"{name}_ratio": row[name] / first[name] if first[name] else math.nan for name in ("ops", "mac")}
        yield point | {"words": "" if row is first else _words(point, int(first[what["dimension"]]))}


def _words(point: dict[str, Any], smallest: int) -> str:
    """Set what a value costs beside what its operations say, where the interval can tell."""
    name, ops, low, high = (point[key] for key in ("dimension", "ops_ratio", "ratio_low", "ratio_high"))
    costs = f"{name} {point['value']} costs {point['ratio']:.3g}x of {name} {smallest} here"
    if math.isnan(low + ops):
        return costs
    return f"{costs}, {'' if low <= ops <= high else 'not '}the {ops:.3g}x of its operations"


def _aloud(row: dict[Any, Any]) -> str:
    """Return what a sweep shows as a sentence."""
    if row["values"] < 2:
        return f"{row['dimension']} cannot be judged: {row['reason']}"
    interval = f"({row['exponent_low']:.2f} to {row['exponent_high']:.2f})"
    said = f"{row['words']}; latency goes as {row['dimension']}^{row['exponent']:.2f} {interval}"
    for what, exponent in (("operations", row["ops_exponent"]), ("memory accesses", row["mac_exponent"])):
        said += "" if math.isnan(exponent) else f", {what} as ^{exponent:.2f}"
    return said + (f"; {row['reason']}" if row["reason"] else "")


# ---------------------------------------------------------------------- power laws


def _exponents(rows: list[Row], dimension: str) -> dict[str, Any]:
    """Return the exponents of latency, OPs and mac over a dimension, and of latency over OPs."""
    import numpy as np

    latencies, errors = _on_one_scale(rows)
    logs = {
        name: np.array([math.log(row[name]) if row[name] > 0 else math.nan for row in rows])
        for name in (dimension, "ops", "mac")
    }
    law = _power_law(logs[dimension], np.log(latencies), errors)
    found: dict[str, Any] = {"misfit": law.misfit}
    for name, one in (
        ("exponent", law),
        ("against_ops", _over_ops(law, logs[dimension], logs["ops"], latencies, errors)),
    ):
        found |= {name: one.exponent, f"{name}_low": one.exponent - one.half, f"{name}_high": one.exponent + one.half}
    return found | {f"{name}_exponent": float(law.coefficients @ logs[name]) for name in ("ops", "mac")}


def _over_ops(law: _Law, x: Array, ops: Array, latencies: Array, errors: Array) -> _Law:
    """Return the law over OPs, given that over a dimension, of which OPs mostly are a power."""
    import numpy as np

    power = float((ops[-1] - ops[0]) / (x[-1] - x[0]))
    if power and np.abs(ops - ops[0] - power * (x - x[0])).max() < 1e-9:
        return _Law(law.exponent / power, law.half / abs(power), law.misfit, law.coefficients / power)
    return _power_law(ops, np.log(latencies), errors)


def _on_one_scale(rows: list[Row]) -> tuple[Array, Array]:
    """Return latencies, in ms or, of several sessions, relative to their references; and their errors as shares."""
    import numpy as np

    pairs = [(row["latency_ms"], row["std_error_ms"]) for row in rows]
    if len({row["session"] for row in rows}) > 1:
        pairs = [(row["relative_latency"], (row["relative_high"] - row["relative_low"]) / 3.92) for row in rows]
    latencies, errors = np.array(pairs, dtype=float).T
    return latencies, np.maximum(errors / latencies, _LEAST_ERROR)


def _power_law(x: Array, y: Array, errors: Array) -> _Law:
    """Fit a line to logarithms ``y``, whose standard errors may be unknown (NaN)."""
    import numpy as np
    from scipy import optimize, special

    if np.isnan(x).any() or np.ptp(x) == 0:
        return _Law(np.nan, np.nan, np.nan, np.full_like(x, np.nan))
    freedom, known = len(x) - 2, not np.isnan(errors).any()
    squares = errors**2 if known else np.full_like(x, _LEAST_ERROR**2)

    def fit(misfit: float) -> tuple[Array, float]:
        """Return the slope's coefficients and the weighted squares of the residuals at a variance of the misfit."""
        weights = 1 / (squares + misfit)
        weight = float(weights.sum())
        off = x - (weights @ x) / weight
        coefficients = weights * off / (weights @ off**2)
        residuals = y - (weights @ y) / weight - (coefficients @ y) * off
        return coefficients, float(weights @ residuals**2)

    # The median of χ², and Student's t for 95 %; NaN without freedom.
    misfit, usual, student = 0.0, special.chdtri(freedom, 0.5), special.stdtrit(freedom, 0.975)
    if fit(0.0)[1] > usual:  # at most it explains all the variance there is, without a slope
        misfit = float(
            optimize.brentq(lambda square: fit(square)[1] - usual, 0.0, len(y) * np.var(y) / usual, rtol=1e-3)
        )
    coefficients, _ = fit(misfit)
    spread = 1.96**2 * squares + (student**2 * misfit if misfit else 0.0)
    half = float(np.sqrt(coefficients**2 @ spread)) if known or freedom else np.nan
    return _Law(float(coefficients @ y), half, misfit**0.5 if freedom else np.nan, coefficients)

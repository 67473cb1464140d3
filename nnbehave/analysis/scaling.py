"""Scaling: how latency grows with one dimension of a layer, beside the growth of its operations and memory accesses.

Over the values of a dimension, all else equal, latency is taken for a power law (:mod:`nnbehave.analysis.power_law`).
OPs are multiply-adds, mac memory accesses in elements (Tang et al., MLSys 2021, Table 3; such ratios are in Fig. 8).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import (
    NO_REFERENCES,
    Ratio,
    by_conditions,
    grouped,
    on_one_scale,
    one_of_each,
    ratio,
    why_no_latency,
)
from nnbehave.analysis.layer_names import all_fields_but, name_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SWEPT = (  # a dimension, and one that may keep its ratio to it
    *(("kernel", None), ("height", "width"), ("height", None), ("stride", None), ("batch", None)),
    *(("in_channels", "out_channels"), ("in_channels", None), ("out_channels", None)),
)
_EXACT_POWER = 1e-9  # the most by which logarithms of OPs leave a power of the dimension that they follow
_SWEEP = ["platform", "environment", "method", "context", "precision", "layer", "op", "dimension"]
_COLUMNS = [
    *(*_SWEEP, "values", "smallest", "largest", "exponent", "exponent_low", "exponent_high", "misfit"),
    *("ops_exponent", "mac_exponent", "against_ops", "against_ops_low", "against_ops_high", "words", "reason"),
]
_OF_POINTS = [
    *(*_SWEEP, "value", "latency_ms", "std_error_ms", "ratio", "ratio_low", "ratio_high", "ops_ratio", "mac_ratio"),
    *("words", "reason"),
]


@dataclass(frozen=True, repr=False)
class Scaling(Finding):
    """How latency follows the dimensions of layers.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a sweep. ``layer`` names the fields that are the same in all of it. ``values`` counts the values that
        have a latency; ``smallest`` and ``largest`` are the ends of these. Latency goes as the dimension to the power
        of ``exponent``, with its 95 % interval. ``misfit`` is the standard deviation by which latencies leave that law
        beyond their errors, as a share; NaN for two values, which tell nothing of it. ``ops_exponent`` and
        ``mac_exponent`` are the exponents of OPs and mac over the same values. ``against_ops`` is the exponent of
        latency over OPs, NaN where OPs do not change. ``words`` says what the largest value costs, ``reason`` what is
        missing and why.
    points : pandas.DataFrame
        One row a value. ``ratio`` is its latency over that of the ``smallest``, with its 95 % interval; ``ops_ratio``
        and ``mac_ratio`` are the same ratios of OPs and mac. NaN with a ``reason`` where it has no latency.
    """

    frame: pd.DataFrame
    points: pd.DataFrame

    def __repr__(self) -> str:
        return "\n".join(_in_words(row) for row in self.frame.to_dict("records"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals, and those of OPs, dashed; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_scaling(self.points, ax=plots.new_axes() if ax is None else ax)


def fit_scaling(results: Measurements | pd.DataFrame) -> Scaling:
    """Find how latency grows with kernel, input size, stride, batch and channels, wherever one of them alone varies.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        With single layers that differ in one of ``kernel``, ``height``, ``stride``, ``batch``, ``in_channels`` and
        ``out_channels`` alone. ``width`` may keep its ratio to ``height``. ``out_channels`` may keep its ratio to
        ``in_channels`` for operators that need not be given it. Measurements of one session are compared directly.
        Those of several sessions are compared by latencies relative to the sessions' references, whose intervals are
        wider. Noisy measurements are weighed by their standard errors.

    Returns
    -------
    Scaling
        A sweep without two latencies to compare is NaN, with the ``reason``.

    Raises
    ------
    InvalidInputError
        No two layers differ in one of these dimensions alone.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    points: list[dict[str, object]] = []
    for (conditions, precision), some in by_conditions(single_layers(results)).items():
        for sweep in _sweeps(some):
            about = {**conditions._asdict(), "precision": precision, **sweep.named()}
            row, of_values = _fit(sweep)
            rows.append(about | row)
            points += [about | point for point in of_values]
    if not rows:
        raise InvalidInputError(
            "no sweeps among these results: measure single layers that differ in one dimension alone"
        )
    return Scaling(pd.DataFrame(rows, columns=_COLUMNS), pd.DataFrame(points, columns=_OF_POINTS))


# ---------------------------------------------------------------------- sweeps


class _Sweep(NamedTuple):
    """Layers that differ in one dimension alone."""

    layer: str  # the fields that they share
    op: str
    dimension: str
    measured: list[Measurement]

    def named(self) -> dict[str, str]:
        """Return the columns that say which sweep it is."""
        return {"layer": self.layer, "op": self.op, "dimension": self.dimension}

    def value(self, one: Measurement) -> int:
        """Return the value of the dimension that a measurement has."""
        return int(getattr(layer_of(one), self.dimension))


def _sweeps(measured: Sequence[Measurement]) -> Iterator[_Sweep]:
    """Yield each sweep among single layers of one platform."""
    own = {layer_of(one).op for one in measured if layer_of(one).out_channels != layer_of(one).in_channels}
    for dimension, follower in _SWEPT:
        some = [one for one in measured if layer_of(one).op not in own] if follower == "out_channels" else measured
        yield from _along(some, dimension, follower)


def _along(measured: Sequence[Measurement], dimension: str, follower: str | None) -> Iterator[_Sweep]:
    """Yield each sweep over one dimension, to which another may keep its ratio."""
    swept = (dimension,) if follower is None else (dimension, follower)
    shared_fields = all_fields_but(*swept)

    def shared(one: Measurement) -> tuple[float, tuple[Hashable, ...]]:
        """Return what the layers of one sweep share: the ratio of the two dimensions, and all other fields."""
        layer = layer_of(one)
        times = 1.0 if follower is None else getattr(layer, follower) / getattr(layer, dimension)
        return times, shared_fields(layer)

    for (times, _), some in grouped(measured, shared).items():
        if len({getattr(layer_of(one), dimension) for one in some}) > 1:
            layer = layer_of(some[0])
            follows = f" {follower}={times:g}·{dimension}" if times != 1 else ""
            yield _Sweep(name_of(layer, without=swept) + follows, layer.op, dimension, some)


def _fit(sweep: _Sweep) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return the row of a sweep and the rows of its values."""
    every = one_of_each(sweep.measured, sweep.value)
    lost = _lost(every)
    known = [one for value, one in every.items() if value not in lost]
    reasons = [
        f"{sweep.dimension} {', '.join(str(value) for value, why in lost.items() if why == reason)}: {reason}"
        for reason in dict.fromkeys(lost.values())
    ]
    points: dict[int, dict[str, object]] = {value: {"value": value, "reason": why} for value, why in lost.items()}
    points |= {sweep.value(one): _point(sweep, one, known[0]) for one in known}
    row: dict[str, object] = {"values": len(known)}
    if len(known) < 2:
        reasons.insert(0, "fewer than two values have a latency")
    else:
        smallest, largest = sweep.value(known[0]), sweep.value(known[-1])
        row |= {"smallest": smallest, "largest": largest, "words": points[largest]["words"], **_exponents(sweep, known)}
    return row | {"reason": "; ".join(reasons)}, [points[value] for value in sorted(points)]


def _lost(every: Mapping[int, Measurement]) -> dict[int, str]:
    """Return the values that have no latency to compare, and why."""
    usable = {value: one.usable for value, one in every.items()}
    lost = {value: why_no_latency(every[value]) for value, latency in usable.items() if latency is None}
    known = {value: latency for value, latency in usable.items() if latency is not None}
    if len({every[value].session for value in known}) > 1:
        lost |= {value: NO_REFERENCES for value, latency in known.items() if not math.isfinite(latency.relative)}
    return lost


def _point(sweep: _Sweep, one: Measurement, first: Measurement) -> dict[str, object]:
    """Return the row of a value that has a latency, beside the smallest one that has."""
    subject, base, latency = one.subject, first.subject, one.usable
    times = ratio(one, first)
    ops_ratio = subject.ops / base.ops if base.ops else math.nan
    return {
        "value": sweep.value(one),
        "latency_ms": latency.ms if latency else math.nan,
        "std_error_ms": latency.std_error_ms if latency else math.nan,
        **times.named("ratio"),
        "ops_ratio": ops_ratio,
        "mac_ratio": subject.mac / base.mac if base.mac else math.nan,
        "words": "" if one is first else _cost_in_words(sweep, one, first, times, ops_ratio),
        "reason": "",
    }


def _cost_in_words(sweep: _Sweep, one: Measurement, first: Measurement, times: Ratio, ops_ratio: float) -> str:
    """Return what a value costs, beside its operations where the interval can tell."""
    name = sweep.dimension
    costs = f"{name} {sweep.value(one)} costs {times.value:.3g}x of {name} {sweep.value(first)} here"
    if math.isnan(times.low + ops_ratio):
        return costs
    return f"{costs}, {'' if times.low <= ops_ratio <= times.high else 'not '}the {ops_ratio:.3g}x of its operations"


def _in_words(row: Mapping[Hashable, Any]) -> str:
    """Return a row of the frame as a sentence."""
    start, name = f"{row['platform']}, {row['layer']}: ", row["dimension"]
    if row["values"] < 2:
        return f"{start}{name} cannot be judged: {row['reason']}"
    interval = f"({row['exponent_low']:.2f} to {row['exponent_high']:.2f})"
    text = f"{start}{row['words']}; latency goes as {name}^{row['exponent']:.2f} {interval}"
    for what, exponent in (("operations", row["ops_exponent"]), ("memory accesses", row["mac_exponent"])):
        text += "" if math.isnan(exponent) else f", {what} as ^{exponent:.2f}"
    return text + (f"; {row['reason']}" if row["reason"] else "")


# ---------------------------------------------------------------------- exponents


def _exponents(sweep: _Sweep, known: Sequence[Measurement]) -> dict[str, float]:
    """Return the exponents of latency, OPs and mac over the dimension, and of latency over OPs."""
    import numpy as np

    from nnbehave.analysis.power_law import LEAST_ERROR, fit_power_law

    values, of_errors = np.array(on_one_scale(known), dtype=float).T
    errors = np.maximum(of_errors / values, LEAST_ERROR)
    x = np.log([sweep.value(one) for one in known])
    ops, mac = (
        np.array([math.log(number) if number > 0 else math.nan for number in numbers])
        for numbers in ([one.subject.ops for one in known], [one.subject.mac for one in known])
    )
    law = fit_power_law(x, np.log(values), errors)
    power = float((ops[-1] - ops[0]) / (x[-1] - x[0]))
    if power and np.abs(ops - ops[0] - power * (x - x[0])).max() < _EXACT_POWER:
        over_ops = law.over(power)
    else:
        over_ops = fit_power_law(ops, np.log(values), errors)
    return {
        **law.interval.named("exponent"),
        "misfit": law.misfit,
        **over_ops.interval.named("against_ops"),
        "ops_exponent": float(law.coefficients @ ops),
        "mac_exponent": float(law.coefficients @ mac),
    }

"""Activations: the cost of an activation function after a layer, as a share of the layer's latency without it.

``ratio = T(layer with the activation) / T(layer without)``. The activation is not measured by itself, because a runtime
may fold it into the layer (Tang et al., MLSys 2021, section 4.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import (
    CANNOT_TELL,
    NO_REFERENCES,
    Ratio,
    by_conditions,
    grouped,
    one_of_each,
    ratio,
    shown_ms,
    why_no_latency,
)
from nnbehave.analysis.layer_names import all_fields_but, name_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_VERDICTS = ("keep", CANNOT_TELL, "drop")
_COLUMNS = [
    *("platform", "environment", "method", "context", "precision", "layer", "op", "activation", "rank"),
    *("base_ms", "latency_ms", "ratio", "ratio_low", "ratio_high", "verdict", "reason"),
]
_all_but_activation = all_fields_but("activation")


@dataclass(frozen=True, repr=False)
class Activations(Finding):
    """The cost of activation functions on a platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row an activation of a layer on a platform. The rows of a layer go from the cheapest activation, whose
        ``rank`` is 1, to the dearest. ``layer`` is the layer without its activation; ``base_ms`` is the latency of
        that. ``ratio`` is the latency with the activation over the latency without, with its 95 % interval.
        ``verdict`` is ``keep`` if the whole interval lies below 1 + ``tolerance``, ``drop`` if it lies above, otherwise
        ``cannot tell``. ``reason`` says why there is no ratio.
    tolerance : float
        The share of its latency by which a layer may become slower.
    """

    frame: pd.DataFrame
    tolerance: float = 0.1

    def __repr__(self) -> str:
        lines = []
        for platform, rows in self.frame.groupby("platform", sort=False):
            layers = rows.groupby(["environment", "method", "context", "precision", "layer"], dropna=False).ngroups
            lines.append(f"{platform}: {layers} layer{'s' * (layers > 1)}, each with and without an activation")
            medians = rows.groupby("activation")["ratio"].median().sort_values(na_position="last")
            lines += [f"  {name}: {_in_words(rows[rows['activation'] == name])}" for name in medians.index]
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratio of each activation with its interval, and the tolerance; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        rows = self.frame.sort_values("ratio")
        ax = plots.new_axes() if ax is None else ax
        plots.plot_intervals(rows, "ratio", rows["activation"], "latency over that without", ax=ax)
        ax.axvline(1 + self.tolerance, color="black", linewidth=0.6, linestyle="--")
        return ax


def rank_activations(results: Measurements | pd.DataFrame, tolerance: float = 0.1) -> Activations:
    """Rank activation functions by what they add to a layer's latency, and say which are worth keeping.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        With single layers that are equal except for their ``activation``, one of them without any. Measurements of one
        session are compared directly. Those of several sessions are compared by latencies relative to the sessions'
        references, whose intervals are wider. Noisy measurements are weighed by their standard errors.
    tolerance : float
        The share of its latency without an activation by which a layer may become slower; 0 or more.

    Returns
    -------
    Activations
        An activation without a ratio is ``cannot tell``, with the ``reason``.

    Raises
    ------
    InvalidInputError
        No two layers are equal except for their activation, or ``tolerance`` is negative or not finite.
    """
    import pandas as pd

    if not 0 <= tolerance < math.inf:
        raise InvalidInputError(f"tolerance: expected a share of 0 or more, got {tolerance!r}")
    rows: list[dict[str, object]] = []
    for (conditions, precision), some in by_conditions(single_layers(results)).items():
        for alike in grouped(some, lambda one: _all_but_activation(layer_of(one))).values():
            if len({_activation(one) for one in alike}) > 1:
                layer = layer_of(alike[0])
                about = {"layer": name_of(layer, without=("activation",)), "op": layer.op}
                of_layer = _ranked(alike, tolerance)
                rows += [{**conditions._asdict(), "precision": precision, **about, **row} for row in of_layer]
    if not rows:
        raise InvalidInputError(
            "no activations to compare among these results: measure a single layer with activation=None and with others"
        )
    return Activations(pd.DataFrame(rows, columns=_COLUMNS).astype({"rank": "Int64"}), tolerance)


def _activation(one: Measurement) -> str:
    """Return the activation of a single layer; an empty text for none."""
    return layer_of(one).activation or ""


def _ranked(alike: list[Measurement], tolerance: float) -> list[dict[str, object]]:
    """Return the rows of one layer's activations, the cheapest first and those without a ratio last."""
    measured = one_of_each(alike, _activation)
    base = measured.pop("", None)
    judged = [(name, *_judged(one, base, tolerance)) for name, one in measured.items()]
    judged.sort(key=lambda each: (math.inf if math.isnan(each[1].value) else each[1].value, each[0]))
    rows: list[dict[str, object]] = []
    for rank, (name, times, verdict, reason) in enumerate(judged, 1):
        row: dict[str, object] = {"activation": name, "verdict": verdict, "reason": reason, **times.named("ratio")}
        if base is not None and base.is_usable and measured[name].is_usable:
            row |= {"base_ms": shown_ms(base), "latency_ms": shown_ms(measured[name])}
        rows.append(row | {"rank": None if math.isnan(times.value) else rank})
    return rows


def _judged(one: Measurement, base: Measurement | None, tolerance: float) -> tuple[Ratio, str, str]:
    """Return the ratio of an activation, its verdict, and the reason where there is no ratio."""
    unknown = Ratio(math.nan, math.nan, math.nan)
    if base is None or not base.is_usable:
        why = "not measured" if base is None else why_no_latency(base)
        return unknown, CANNOT_TELL, f"without an activation: {why}"
    if not one.is_usable:
        return unknown, CANNOT_TELL, why_no_latency(one)
    times = ratio(one, base)
    if math.isnan(times.value):
        return unknown, CANNOT_TELL, NO_REFERENCES
    verdict = "keep" if times.high < 1 + tolerance else "drop" if times.low > 1 + tolerance else CANNOT_TELL
    return times, verdict, ""


def _in_words(rows: pd.DataFrame) -> str:
    """Return what an activation costs over the layers that it was measured with."""
    counts = rows["verdict"].value_counts()
    verdicts = [verdict for verdict in _VERDICTS if verdict in counts]
    text = verdicts[0] if len(verdicts) == 1 else ", ".join(f"{verdict} in {counts[verdict]}" for verdict in verdicts)
    known = rows["ratio"].dropna()
    if len(known):
        ends = dict.fromkeys(f"{end:.3g}x" for end in (known.min(), known.max()))
        text += f": {' to '.join(ends)} of the time without"
        if len(known) == 1:
            text += f" ({rows['ratio_low'].max():.3g} to {rows['ratio_high'].max():.3g})"
    return "; ".join([text, *dict.fromkeys(filter(None, rows["reason"]))])

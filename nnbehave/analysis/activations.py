"""Activations: what a function after a layer costs, as a share of the layer without it.

``ratio = T(layer with the activation) / T(layer without)``: the activation itself is not measured, since a runtime may
fold it into the layer (Tang et al., MLSys 2021, section 4.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import (
    LAYER,
    Row,
    apart,
    grouped,
    is_timed,
    name_of,
    one_of_each,
    ratio,
    single_layers,
    why_not,
)
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_VERDICTS = ("keep", "cannot tell", "drop")
_COLUMNS = [
    *("platform", "environment", "method", "precision", "layer", "op", "activation", "rank"),
    *("base_ms", "latency_ms", "ratio", "ratio_low", "ratio_high", "verdict", "reason"),
]


@dataclass(frozen=True, repr=False)
class Activations:
    """What activation functions cost on a platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row an activation of a layer on a platform, from cheap to dear in each layer; ``rank`` is 1 for the
        cheapest. ``layer`` is the layer without it, which takes ``base_ms``. ``ratio`` is the latency with the
        activation over that without, with its 95 % interval. ``verdict`` is ``keep`` where the whole interval lies
        below 1 + ``tolerance``, ``drop`` where it lies above, else ``cannot tell``; ``reason`` says why there is no
        ratio.
    tolerance : float
    """

    frame: pd.DataFrame
    tolerance: float = 0.1

    def __repr__(self) -> str:
        lines = []
        for platform, rows in self.frame.groupby("platform", sort=False):
            layers = rows.groupby(["environment", "method", "precision", "layer"], dropna=False).ngroups
            lines.append(f"{platform}: {layers} layer{'s' * (layers > 1)}, each with and without an activation")
            means = rows.groupby("activation")["ratio"].median().sort_values(na_position="last")
            lines += [f"  {name}: {_aloud(rows[rows['activation'] == name])}" for name in means.index]
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw the ratio of each activation with its interval, and the tolerance; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        rows = self.frame.assign(label=self.frame["activation"], value=self.frame["ratio"], low=self.frame["ratio_low"])
        rows = rows.assign(high=self.frame["ratio_high"]).sort_values("value")
        ax = plots.plot_ratios(rows, "latency over that without", ax=plots.new_axes() if ax is None else ax)
        ax.axvline(1 + self.tolerance, color="black", linewidth=0.6, linestyle="--")
        return ax


def rank_activations(results: Any, tolerance: float = 0.1) -> Activations:
    """Rank activation functions by what they add to a layer's latency, and say which are worth keeping.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        With single layers that are equal but for their ``activation``, one of them without. What was measured in one
        session is compared directly, and else by latencies relative to the sessions' references, whose intervals are
        wider. Noisy rows count by their standard errors.
    tolerance : float
        How much dearer a layer may become, as a share of its latency without an activation.

    Returns
    -------
    Activations
        What has no latency to compare is ``cannot tell``, with the ``reason``.

    Raises
    ------
    InvalidInputError
        No layers are equal but for their activation; ``tolerance`` is negative or not finite.
    """
    import pandas as pd

    if not 0 <= tolerance < math.inf:
        raise InvalidInputError(f"tolerance: must be a share from 0 on, got {tolerance!r}")
    equal, rows = [name for name in LAYER if name != "activation"], []
    for what, some in apart(single_layers(results), ("precision",)):
        for layer, group in grouped(some, equal):
            if len({row["activation"] for row in group}) > 1:
                rows += _ranked(what | {"layer": name_of(layer), "op": layer["op"]}, group, tolerance)
    if not rows:
        raise InvalidInputError(
            "no activations to compare among these results: measure a single layer with activation=None and with others"
        )
    return Activations(pd.DataFrame(rows, columns=_COLUMNS).astype({"rank": "Int64"}), tolerance)


def _ranked(what: dict[str, Any], rows: list[Row], tolerance: float) -> list[dict[str, Any]]:
    """Return the rows of one layer's activations, the cheapest first and those without a ratio last."""
    found = [what | row for row in _compared(one_of_each(rows, "activation"), tolerance)]
    found.sort(key=lambda row: (math.inf if math.isnan(row["ratio"]) else row["ratio"], row["activation"]))
    return [row | {"rank": None if math.isnan(row["ratio"]) else i} for i, row in enumerate(found, 1)]


def _compared(rows: list[Row], tolerance: float) -> Iterator[dict[str, Any]]:
    """Yield each activation's ratio and verdict; ``rows`` holds one row of each, the layer without any as ''."""
    others = {row["activation"]: row for row in rows}
    base = others.pop("", None)
    for name, row in others.items():
        found = {"activation": name, "ratio": math.nan, "verdict": "cannot tell", "reason": ""}
        if base is None or not is_timed(base):
            found["reason"] = f"without an activation: {why_not(base) if base else 'not measured'}"
        elif not is_timed(row):
            found["reason"] = why_not(row)
        else:
            middle, low, high = ratio(row, base)
            found |= {"base_ms": base["latency_ms"], "latency_ms": row["latency_ms"]}
            found |= {"ratio": middle, "ratio_low": low, "ratio_high": high}
            if math.isnan(middle):
                found["reason"] = "of another session, without references to compare it by"
            elif high < 1 + tolerance or low > 1 + tolerance:
                found["verdict"] = "keep" if high < 1 + tolerance else "drop"
        yield found


def _aloud(rows: pd.DataFrame) -> str:
    """Say what an activation costs over the layers it was measured with."""
    counts = rows["verdict"].value_counts()
    verdicts = [verdict for verdict in _VERDICTS if verdict in counts]
    said = verdicts[0] if len(verdicts) == 1 else ", ".join(f"{verdict} in {counts[verdict]}" for verdict in verdicts)
    known = rows["ratio"].dropna()
    if len(known):
        ends = dict.fromkeys(f"{end:.3g}x" for end in (known.min(), known.max()))
        said += f": {' to '.join(ends)} of the time without"
        if len(known) == 1:
            said += f" ({rows['ratio_low'].max():.3g} to {rows['ratio_high'].max():.3g})"
    return "; ".join([said, *dict.fromkeys(filter(None, rows["reason"]))])

"""Batches: how many inferences a second a platform gives at each batch, and which batch is worth taking."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import frame_of, ratio, records, separated, timed
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = [
    *("platform", "environment", "method", "precision", "layers", "op", "batch", "latency_ms"),
    *("throughput", "throughput_low", "throughput_high", "gain", "gain_low", "gain_high", "best"),
]


@dataclass(frozen=True, repr=False)
class Batches:
    """Throughput against batch.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or network and batch. ``layers`` is its id without the batch; ``throughput`` is in inferences
        (batch elements) a second, ``gain`` is over that of the smallest batch, each with its 95 % interval. ``best``
        marks the smallest batch whose throughput cannot be told from the highest.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for row in records(self.frame[self.frame["best"]]):
            gain = f"{row['gain']:.3g}x ({row['gain_low']:.3g} to {row['gain_high']:.3g})"
            lines.append(
                f"{row['platform']}, {row['layers']}: batch {row['batch']} is worth taking: "
                f"{row['throughput']:.4g} a second, {gain} of the smallest batch's"
            )
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw throughput against batch, both in logs, the best batches marked; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_batches(self.frame, ax=plots.new_axes() if ax is None else ax)


def compare_batches(results: Any) -> Batches:
    """Say of each layer and network that was measured at several batches which one is worth taking.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        Batches of one session are compared directly, those of several by latencies relative to the sessions'
        references, whose intervals are wider. Noisy rows count by their standard errors.

    Raises
    ------
    InvalidInputError
        Nothing has a latency at two batches.
    """
    import pandas as pd

    known = timed(frame_of(results, ("layers", "op", "batch", "session")))
    known = known[known["batch"].notna()]
    known = known.assign(layers=[re.sub(r"_batch=\d+", "", layers) for layers in known["layers"]])
    rows: list[dict[str, Any]] = []
    for what, some in separated(known, ("precision", "layers")):
        by_batch = some.sort_values(["std_error_ms"]).drop_duplicates("batch").sort_values("batch")
        if len(by_batch) > 1:
            rows += [{**what, **row} for row in _compared(records(by_batch))]
    if not rows:
        raise InvalidInputError("nothing was measured at two batches: sweep a layer over batch, such as 1, 2, 4, 8")
    return Batches(pd.DataFrame(rows, columns=_COLUMNS))


def _compared(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of one layer, from the smallest batch to the largest."""
    smallest = batches[0]
    rows = []
    for row in batches:
        batch = int(row["batch"])
        throughput, half = 1e3 * batch / row["latency_ms"], math.exp(1.96 * row["std_error_ms"] / row["latency_ms"])
        gain, low, high = _gain(row, smallest)
        rows.append(
            {"op": row["op"], "batch": batch, "latency_ms": row["latency_ms"], "best": False}
            | {"throughput": throughput, "throughput_low": throughput / half, "throughput_high": throughput * half}
            | {"gain": gain, "gain_low": low, "gain_high": high}
        )
    highest = max(range(len(rows)), key=lambda i: (not math.isnan(rows[i]["gain"]), rows[i]["gain"]))
    for row, measured in zip(rows, batches, strict=True):
        if _gain(measured, batches[highest])[2] >= 1:
            row["best"] = True
            break
    return rows


def _gain(row: dict[str, Any], other: dict[str, Any]) -> tuple[float, float, float]:
    """Return a row's throughput over another's, with its 95 % interval."""
    if row is other:
        return 1.0, 1.0, 1.0
    times = row["batch"] / other["batch"]
    middle, low, high = ratio(other, row)
    return times * middle, times * low, times * high

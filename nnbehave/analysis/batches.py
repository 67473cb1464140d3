"""Batches: the throughput of a platform at each batch, and the smallest batch that reaches the highest."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import measurements_of
from nnbehave.analysis.latencies import Z95, Ratio, by_conditions, by_error, grouped, ratio
from nnbehave.analysis.layer_names import all_fields_but
from nnbehave.errors import InvalidInputError
from nnbehave.records import Latency, Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLUMNS = [
    *("platform", "environment", "method", "context", "precision", "layers", "op", "batch", "latency_ms"),
    *("throughput", "throughput_low", "throughput_high", "gain", "gain_low", "gain_high", "best"),
]
_all_but_batch = all_fields_but("batch")


@dataclass(frozen=True, repr=False)
class Batches(Finding):
    """Throughput against batch.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or network and batch. ``layers`` is the id of its layers without the batch. ``throughput`` is in
        inferences (batch elements) a second; ``gain`` is the throughput over that of the smallest batch. Both have 95 %
        intervals. ``best`` marks the smallest batch whose throughput cannot be told from the highest.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for row in self.frame[self.frame["best"]].to_dict("records"):
            gain = f"{row['gain']:.3g}x ({row['gain_low']:.3g} to {row['gain_high']:.3g})"
            lines.append(
                f"{row['platform']}, {row['layers']}: batch {row['batch']} is worth taking: "
                f"{row['throughput']:.4g} a second, {gain} of the smallest batch's"
            )
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw throughput against batch with the best batches marked; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_batches(self.frame, ax=plots.new_axes() if ax is None else ax)


def compare_batches(results: Measurements | pd.DataFrame) -> Batches:
    """Find the batch that is worth taking of each layer and network that was measured at several batches.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        Batches of one session are compared directly. Those of several sessions are compared by latencies relative to
        the sessions' references, whose intervals are wider. Noisy measurements are weighed by their standard errors.

    Raises
    ------
    InvalidInputError
        Nothing has a latency at two batches.
    """
    import pandas as pd

    known = [one for one in measurements_of(results) if one.is_usable and one.subject.shared("batch") is not None]
    rows: list[dict[str, object]] = []
    for (conditions, precision), some in by_conditions(known).items():
        for alike in grouped(some, lambda one: tuple(map(_all_but_batch, one.subject.layers))).values():
            batches = _of_each_batch(alike)
            if len(batches) > 1:
                layers = re.sub(r"_batch=\d+", "", ";".join(layer.id for layer in alike[0].subject.layers))
                about = {**conditions._asdict(), "precision": precision, "layers": layers}
                rows += [about | row for row in _compared(batches)]
    if not rows:
        raise InvalidInputError("nothing was measured at two batches: sweep a layer over batch, such as 1, 2, 4, 8")
    return Batches(pd.DataFrame(rows, columns=_COLUMNS))


class _AtBatch(NamedTuple):
    """The measurement at one batch."""

    batch: int
    measured: Measurement
    latency: Latency


def _of_each_batch(alike: list[Measurement]) -> list[_AtBatch]:
    """Return the measurement of each batch with the smallest standard error, in the order of the batches."""
    best: dict[int, _AtBatch] = {}
    for one in sorted(alike, key=lambda one: by_error(one)[0]):
        batch = one.subject.layers[0].batch
        if (latency := one.usable) is not None:
            best.setdefault(batch, _AtBatch(batch, one, latency))
    return [best[batch] for batch in sorted(best)]


def _compared(batches: list[_AtBatch]) -> list[dict[str, object]]:
    """Return the rows of one layer, from the smallest batch to the largest."""
    gains = [_gain(each, batches[0]) for each in batches]
    highest = max(range(len(batches)), key=lambda i: (not math.isnan(gains[i].value), gains[i].value))
    good = [_gain(each, batches[highest]).high >= 1 for each in batches]
    rows: list[dict[str, object]] = []
    for i, (batch, measured, latency) in enumerate(batches):
        per_second = 1e3 * batch / latency.ms
        factor = math.exp(Z95 * latency.std_error_ms / latency.ms)
        throughput = Ratio(per_second, per_second / factor, per_second * factor)
        row: dict[str, object] = {
            "op": measured.subject.shared("op"),
            "batch": batch,
            "latency_ms": latency.ms,
            "best": i == good.index(True),
        }
        rows.append(row | throughput.named("throughput") | gains[i].named("gain"))
    return rows


def _gain(one: _AtBatch, other: _AtBatch) -> Ratio:
    """Return the throughput at one batch over that at another, with its 95 % interval."""
    times = one.batch / other.batch
    return Ratio(*(times * end for end in ratio(other.measured, one.measured)))

"""Precision: the speed-up of each precision on a platform by operator, and what it does to the outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import measurements_of
from nnbehave.analysis.latencies import CANNOT_TELL, Conditions, grouped, precision_of, ratio, shown_ms
from nnbehave.analysis.layer_names import all_fields_but, operators_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLUMNS = [
    *("platform", "environment", "method", "context", "op", "base", "precision", "executed_precision", "placement"),
    *("base_ms", "latency_ms", "speedup", "speedup_low", "speedup_high", "verdict"),
    *("sqnr_db", "output_cosine", "largest_error", "reason"),
]
_all_but_precision = all_fields_but("precision")


@dataclass(frozen=True, repr=False)
class Precisions(Finding):
    """The gain or loss of each precision.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or graph and a precision other than the base. ``base`` is the id at the base precision, ``op``
        the operators, ``speedup`` the latency at the base precision over the latency at this one, with its 95 %
        interval. ``verdict`` is ``faster`` or ``slower`` if the whole interval says so, otherwise ``cannot tell``.
        ``executed_precision`` is what ran, ``placement`` whether it ran on the kernels meant for it. ``sqnr_db`` is the
        signal-to-quantisation-noise ratio of the output against TensorFlow's in fp32 on the same inputs, in decibels.
        ``output_cosine`` and ``largest_error`` are those of :class:`nnbehave.records.Fidelity`. ``reason`` says why
        there is no latency, or what ran instead.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        by = self.frame.groupby(["platform", "precision"], sort=False)
        return "\n".join(line for (platform, name), rows in by for line in _in_words(f"{platform}, {name}", rows))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the speed-up of each operator at each precision; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        labels = self.frame["op"] + ", " + self.frame["precision"]
        ax = plots.new_axes() if ax is None else ax
        return plots.plot_intervals(self.frame, "speedup", labels, "speed-up over the base precision", ax=ax)


def mean_speedup(rows: pd.DataFrame) -> float:
    """Return the geometric mean of the speed-ups that are known."""
    return math.exp(rows["speedup"].dropna().map(math.log).mean())


def _in_words(where: str, rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines that tell what one precision does on one platform."""
    known, unknown = rows[rows["speedup"].notna()], rows[rows["speedup"].isna()]
    if known.empty:
        yield f"{where}: nothing runs ({rows['reason'].iloc[0] or 'no latency'})"
        return
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in known["verdict"].value_counts().items())
    yield f"{where}: {mean_speedup(known):.2f}x on the average of {len(known)}: {verdicts}"
    for word, verdict in (("gains", "faster"), ("loses", "slower")):
        if len(some := known[known["verdict"] == verdict]):
            by_op = some.groupby("op", sort=False)["speedup"].median().sort_values(ascending=word == "loses")
            yield f"  {word}: " + ", ".join(f"{op} {gain:.2f}x" for op, gain in by_op.items())
    if len(unknown):
        yield "  without a latency: " + ", ".join(dict.fromkeys(unknown["op"]))
    if len(compared := rows.dropna(subset=["sqnr_db"])):
        noisiest = min(compared.to_dict("records"), key=lambda row: row["sqnr_db"])
        yield f"  noisiest output: {noisiest['op']}, {noisiest['sqnr_db']:.0f} dB"


def compare_precisions(results: Measurements | pd.DataFrame, base: str = "fp32") -> Precisions:
    """Compare layers and graphs that are equal except for their precision.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
    base : str
        The precision that the others are compared with.

    Raises
    ------
    InvalidInputError
        Nothing was measured both at the base and at another precision.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for conditions, some in grouped(measurements_of(results), Conditions.of).items():
        for alike in grouped(some, lambda one: tuple(map(_all_but_precision, one.subject.layers))).values():
            known = {precision: one for one in alike if (precision := precision_of(one)) is not None}
            if (at_base := known.pop(base, None)) is not None:
                rows += [conditions._asdict() | _compared(one, at_base) for one in known.values()]
    if not rows:
        raise InvalidInputError(f"nothing to compare: measure the same layers at {base} and at another precision")
    return Precisions(pd.DataFrame(rows, columns=_COLUMNS))


def _compared(one: Measurement, base: Measurement) -> dict[str, object]:
    """Return the row of one precision beside the base."""
    gain = ratio(base, one)
    fidelity = one.execution.fidelity
    reason = one.reason or (base.reason if math.isnan(gain.value) else "")
    return {
        "op": operators_of(base.subject.layers),
        "base": ";".join(layer.id for layer in base.subject.layers),
        "precision": precision_of(one),
        "executed_precision": one.execution.precision,
        "placement": one.execution.placement,
        "base_ms": shown_ms(base),
        "latency_ms": shown_ms(one),
        **gain.named("speedup"),
        "verdict": "faster" if gain.low > 1 else "slower" if gain.high < 1 else CANNOT_TELL,
        "sqnr_db": -20 * math.log10(fidelity.output_error) if fidelity.output_error > 0 else math.nan,
        "output_cosine": fidelity.output_cosine,
        "largest_error": fidelity.largest_error,
        "reason": reason,
    }

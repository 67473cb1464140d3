"""Precision: what a narrower one gains on a platform, by operator, where it loses, and what it does to the numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import apart, frame_of, grouped, ratio, records
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = [
    *("platform", "environment", "method", "op", "base", "precision", "executed_precision", "placement"),
    *(
        "base_ms",
        "latency_ms",
        "speedup",
        "speedup_low",
        "speedup_high",
        "verdict",
        "sqnr_db",
        "output_cosine",
        "largest_error",
        "reason",
    ),
]


_DAMAGE = ("output_error", "output_cosine", "largest_error")


@dataclass(frozen=True, repr=False)
class Precisions:
    """What each precision gains or loses.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer or graph and a precision other than the base: ``base`` is the id at the base precision, ``op``
        its operators, ``speedup`` the base's latency over its own with its 95 % interval, ``verdict`` ``faster`` or
        ``slower`` where the whole interval says so, else ``cannot tell``. ``executed_precision`` is what ran,
        ``placement`` whether on the kernels meant for it. ``sqnr_db`` is the signal to quantisation noise ratio of the
        output against TensorFlow's in fp32 on the same inputs, in decibels, ``output_cosine`` and ``largest_error`` are
        as of :class:`nnbehave.Results`. ``reason`` says why there is no latency, or what ran instead.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for (platform, precision), rows in self.frame.groupby(["platform", "precision"], sort=False):
            known = rows.dropna(subset=["speedup"])
            if known.empty:
                lines.append(f"{platform}, {precision}: nothing runs ({rows['reason'].iloc[0] or 'no latency'})")
                continue
            counts = known["verdict"].value_counts()
            said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            middle = math.exp(known["speedup"].map(math.log).mean())
            lines.append(f"{platform}, {precision}: {middle:.2f}x on the average of {len(known)}: {said}")
            for word, some in (
                ("gains", known[known["verdict"] == "faster"]),
                ("loses", known[known["verdict"] == "slower"]),
            ):
                if len(some):
                    by_op = some.groupby("op", sort=False)["speedup"].median().sort_values(ascending=word == "loses")
                    lines.append(f"  {word}: " + ", ".join(f"{op} {gain:.2f}x" for op, gain in by_op.items()))
            if len(lost := rows[rows["speedup"].isna()]):
                lines.append("  without a latency: " + ", ".join(dict.fromkeys(lost["op"])))
            if rows["sqnr_db"].notna().any():
                op, least = min(
                    zip(rows["op"], rows["sqnr_db"], strict=True), key=lambda each: (math.isnan(each[1]), each[1])
                )
                lines.append(f"  noisiest output: {op}, {least:.0f} dB")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw the speed-up of each operator at each precision; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        labels = self.frame["op"] + ", " + self.frame["precision"]
        rows = self.frame.assign(label=labels, value=self.frame["speedup"], low=self.frame["speedup_low"])
        ax = plots.new_axes() if ax is None else ax
        return plots.plot_ratios(
            rows.assign(high=self.frame["speedup_high"]), "speed-up over the base precision", ax=ax
        )


def compare_precisions(results: Any, base: str = "fp32") -> Precisions:
    """Compare layers and graphs that differ in precision alone.

    Parameters
    ----------
    results : Results or pandas.DataFrame
    base : str
        The precision that the others are compared with.

    Raises
    ------
    InvalidInputError
        Nothing was measured both at the base and at another precision.
    """
    import pandas as pd

    frame = frame_of(results, ("layers", "session", "executed_precision", "placement", *_DAMAGE))
    rows: list[dict[str, Any]] = []
    every = records(frame)
    for row in every:
        row["key"] = re.sub(rf"_{row['precision']}(?=_|;|$)", "", row["layers"])
    for what, some in apart(every):
        for _, alike in grouped(some, ["key"]):
            known = {row["precision"]: row for row in alike}
            if base in known:
                others = [row for precision, row in known.items() if precision != base]
                rows += [{**what, **_compared(row, known[base])} for row in others]
    if not rows:
        raise InvalidInputError(f"nothing to compare: measure the same layers at {base} and at another precision")
    return Precisions(pd.DataFrame(rows, columns=_COLUMNS))


def _compared(row: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    gain, low, high = ratio(base, row)
    error = row["output_error"]
    return {
        "op": " + ".join(re.split(r"_h\d", layer)[0] for layer in base["layers"].split(";")),
        "base": base["layers"],
        "precision": row["precision"],
        "executed_precision": row["executed_precision"],
        "placement": row["placement"],
        "base_ms": base["latency_ms"],
        "latency_ms": row["latency_ms"],
        "speedup": gain,
        "speedup_low": low,
        "speedup_high": high,
        "verdict": "faster" if low > 1 else "slower" if high < 1 else "cannot tell",
        **{name: row[name] for name in _DAMAGE[1:]},
        "sqnr_db": -20 * math.log10(error) if error and error > 0 else math.nan,
        "reason": row["reason"] if not math.isnan(gain) or row["reason"] else base["reason"],
    }

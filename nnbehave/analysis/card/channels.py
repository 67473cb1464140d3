"""Findings 1 and 8: whether latency rises in steps with the channels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis.card.card import Verdict
from nnbehave.analysis.card.claims import Claim, Judged, listed
from nnbehave.analysis.finding import Finding
from nnbehave.analysis.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SURE = 0.9  # confidence of a step map from which on its kind counts
_STEPPED, _SMOOTH = ("staircase", "sloped-staircase", "zigzag", "irregular"), ("flat", "linear", "quadratic")
_CURVE = ("space", "slot", "dimension", "environment", "method", "context")
_MOST_LISTED = 8  # channel counts in the advice


@dataclass(frozen=True, repr=False)
class ChannelCurve(Finding):
    """The curve of one sweep over channels.

    Attributes
    ----------
    frame : pandas.DataFrame
        Its row of ``Results.steps()``.
    results : Results
        The measurements.
    """

    frame: pd.DataFrame
    results: Results

    def __repr__(self) -> str:
        return _in_words(self.frame.to_dict("records")[0])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with its steps; return the matplotlib Axes."""
        space, slot, dimension, environment, method, context = self.frame[[*_CURVE]].iloc[0].tolist()
        where = {"space": space, "environment": environment, "method": method, "context": context}
        return self.results.plot(slot=slot, dimension=dimension, **where, ax=ax)


def judge_channels(claim: Claim, results: Results, steps: pd.DataFrame, op: str, dimension: str) -> Judged:
    """Judge whether the latency of an operator rises in steps with its channels.

    Parameters
    ----------
    claim : Claim
    results : Results
    steps : pandas.DataFrame
        ``results.steps()``.
    op, dimension : str
        Of the curves over this dimension of this operator, the one of the most candidates counts.
    """
    operators: dict[str, object] = {}
    for one in results:
        if one.point is not None and (name := one.subject.shared("op")) is not None:
            operators.setdefault(one.point.slot, name)
    curves = steps[(steps["dimension"] == dimension) & (steps["slot"].map(operators) == op)]
    if curves.empty:
        return Judged((claim.unknown(f"no sweep of {op} over {dimension}"),))
    curve = ChannelCurve(curves.sort_values("candidates", ascending=False, kind="stable").head(1), results)
    row = curve.frame.to_dict("records")[0]
    sure = bool(row["confidence"] >= _SURE)
    verdict = Verdict.of(sure and row["kind"] in _STEPPED, sure and row["kind"] in _SMOOTH)
    advice = {
        Verdict.HOLDS: f"keep {row['kept']} of {row['candidates']}: {listed(row['keep'], _MOST_LISTED)}"
        if verdict is Verdict.HOLDS
        else "",
        Verdict.FAILS: "channel counts are worth what they cost: keep all",
    }.get(verdict, "")
    width = _width(row)
    values = {"width": (float(width),) * 3} if width else {}
    return Judged((claim.stated(verdict, repr(curve), advice, values),), {f"{op} channels": curve})


def _width(row: Mapping[Hashable, Any]) -> int | None:
    import pandas as pd

    return None if pd.isna(row["width"]) else int(row["width"])


def _in_words(row: Mapping[Hashable, Any]) -> str:
    """Return the kind of a curve, its step width and what it rests on."""
    import pandas as pd

    width = _width(row)
    text = f"{row['kind']}" + (f" of width {width}" if width else "")
    if not pd.isna(row["low"]):
        text += f", confidence {row['confidence']:.2f}, from {row['measured']} of {row['low']} to {row['high']}"
    return text + (f"; {row['note']}" if row["note"] else "")

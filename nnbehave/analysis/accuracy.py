"""Accuracy: what a model loses at each precision on each platform, beside what it is as it was given.

Where each example has a score, the drop is the mean of what examples lose, with the interval of a mean of paired
differences. To the examples are added, with the weight of two, one that loses, one that gains and two that do neither,
in equal parts as Agresti and Min (2005) do for paired proportions: of a few hundred examples of which none changed, the
interval is not nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import records

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Scores = npt.NDArray[np.float64]

_COLUMNS = [
    *("platform", "precision", "executed_precision", "base_score", "score", "drop", "drop_low", "drop_high"),
    *("verdict", "sqnr_db", "output_cosine", "largest_error", "reason"),
]


@dataclass(frozen=True, repr=False)
class Accuracy:
    """What a model scores at each precision on each platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a platform and precision: ``drop`` is what the mean score falls by from ``base_score``, which is that of
        the model as it was given, with its 95 % interval. ``verdict`` is ``keeps`` where the whole interval lies below
        ``tolerance``, ``loses`` where it lies above, else ``cannot tell``; ``executed_precision`` is what ran.
        ``sqnr_db``, ``output_cosine`` and ``largest_error`` compare the outputs with those of the model as given, on
        the same inputs. ``reason`` says what is missing and why.
    tolerance : float
    """

    frame: pd.DataFrame
    tolerance: float = 0.01

    def __repr__(self) -> str:
        return "\n".join(f"{row['platform']}, {row['precision']}: {_aloud(row)}" for row in records(self.frame))

    def plot(self, ax: Any = None) -> Any:
        """Draw the drop at each precision with its interval, and the tolerance; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        rows = self.frame.assign(label=self.frame["precision"], value=self.frame["drop"], low=self.frame["drop_low"])
        rows = rows.assign(high=self.frame["drop_high"])
        ax = plots.plot_ratios(rows, "drop of the score", ax=plots.new_axes() if ax is None else ax, scale="linear")
        ax.axvline(self.tolerance, color="black", linewidth=0.6, linestyle="--")
        return ax


def _aloud(row: Mapping[str, Any]) -> str:
    said = str(row["verdict"])
    if row["drop"] == row["drop"]:
        said += f": {row['score']:.4g} of {row['base_score']:.4g}"
    if row["drop_low"] == row["drop_low"]:
        said += f", a drop of {row['drop']:.3g} ({row['drop_low']:.3g} to {row['drop_high']:.3g})"
    if row["sqnr_db"] == row["sqnr_db"]:
        said += f"; outputs {row['sqnr_db']:.0f} dB above their error"
    return said + (f"; {row['reason']}" if row["reason"] else "")


def judge_accuracy(base: Any, scored: Sequence[Mapping[str, Any]], tolerance: float = 0.01) -> Accuracy:
    """Compare scores with those of the model as it was given.

    Parameters
    ----------
    base : float or array_like of float, shape (examples,)
        What the model as given scores: a score, or one for each example.
    scored : sequence of mapping
        One for each platform and precision: ``platform precision``, ``scores`` like ``base`` (None where there are
        none), and what else of the columns of ``Accuracy.frame`` is known.
    tolerance : float
        How far the mean score may fall.
    """
    import numpy as np
    import pandas as pd

    expected = np.asarray(base, dtype=float)
    rows = []
    for each in scored:
        row = {"reason": "", "verdict": "cannot tell"} | {k: v for k, v in each.items() if k != "scores"}
        row["base_score"] = float(expected.mean())
        if each.get("scores") is not None:
            row |= _compared(expected, np.asarray(each["scores"], dtype=float), tolerance, row["reason"])
        rows.append(row)
    return Accuracy(pd.DataFrame(rows, columns=_COLUMNS), tolerance)


def _compared(base: Scores, scores: Scores, tolerance: float, reason: str) -> dict[str, Any]:
    found: dict[str, Any] = {"score": float(scores.mean()), "drop": float(base.mean() - scores.mean())}
    if scores.ndim != 1 or base.shape != scores.shape or len(base) < 2:
        why = "one score says nothing of its error: let evaluate return one for each example"
        return found | {"reason": "; ".join(filter(None, [reason, why]))}
    low, high = _interval(base - scores, _span(base, scores))
    verdict = "keeps" if high < tolerance else "loses" if low > tolerance else "cannot tell"
    return found | {"drop_low": low, "drop_high": high, "verdict": verdict}


def _span(base: Scores, scores: Scores) -> float:
    """Return the range of all scores and of none: that all are 1 does not say that they could not be 0."""
    return float(max(base.max(), scores.max(), 0.0) - min(base.min(), scores.min(), 0.0))


def _interval(drops: Scores, span: float) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences, of scores that span so much."""
    count = len(drops) + 2
    mean = drops.sum() / count  # what is added cancels
    variance = (float((drops**2).sum()) + span**2) / count - mean**2
    half = 1.96 * math.sqrt(max(variance, 0.0) / count)
    return float(mean - half), float(mean + half)

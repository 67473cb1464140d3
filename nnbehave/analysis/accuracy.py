"""Accuracy: what a model loses at each precision on each platform, compared with the model as it was given.

Where each example has a score, the drop is the mean over the examples of what each loses, with the interval of a mean
of paired differences. Four pseudo-examples with a total weight of two are added: one that loses, one that gains and two
that do neither. Agresti and Min (2005) add such observations for paired proportions. They keep the interval from being
empty where none of a few hundred examples changed.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.latencies import CANNOT_TELL, Z95

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

    Scores = npt.NDArray[np.float64]

_COLUMNS = [
    *("platform", "precision", "executed_precision", "base_score", "score", "drop", "drop_low", "drop_high"),
    *("verdict", "sqnr_db", "output_cosine", "largest_error", "reason"),
]
_ADDED_WEIGHT = 2  # of the pseudo-examples (Agresti and Min 2005)
_NO_INTERVAL = "one score says nothing of its error: let evaluate return one for each example"


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of a model at one precision on one platform.

    Attributes
    ----------
    platform, precision : str
    scores : array_like of float, optional
        One score, or one for each example. None where it did not run.
    executed_precision : str, optional
        What the kernels computed in.
    sqnr_db, output_cosine, largest_error : float
        The outputs compared with those of the model as given, on the same inputs; NaN where they were not compared.
    reason : str
        What is missing and why.
    """

    platform: str
    precision: str
    scores: npt.ArrayLike | None = None
    executed_precision: str | None = None
    sqnr_db: float = math.nan
    output_cosine: float = math.nan
    largest_error: float = math.nan
    reason: str = ""


@dataclass(frozen=True, repr=False)
class Accuracy(Finding):
    """The scores of a model at each precision on each platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a platform and precision. ``drop`` is how far the mean score falls below ``base_score``, the score of
        the model as it was given, with its 95 % interval. ``verdict`` is ``keeps`` if the whole interval lies below
        ``tolerance``, ``loses`` if it lies above, otherwise ``cannot tell``. ``executed_precision`` is what ran.
        ``sqnr_db`` (in decibels), ``output_cosine`` and ``largest_error`` compare the outputs with those of the model
        as given, on the same inputs. ``reason`` says what is missing and why.
    tolerance : float
        How far the mean score may fall.
    """

    frame: pd.DataFrame
    tolerance: float = 0.01

    def __repr__(self) -> str:
        return "\n".join(_in_words(row) for row in self.frame.to_dict("records"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the drop at each precision with its interval, and the tolerance; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        plots.plot_intervals(self.frame, "drop", self.frame["precision"], "drop of the score", ax=ax, scale="linear")
        ax.axvline(self.tolerance, color="black", linewidth=0.6, linestyle="--")
        return ax


def _in_words(row: Mapping[Hashable, Any]) -> str:
    text = f"{row['platform']}, {row['precision']}: {row['verdict']}"
    if not math.isnan(row["drop"]):
        text += f": {row['score']:.4g} of {row['base_score']:.4g}"
    if not math.isnan(row["drop_low"]):
        text += f", a drop of {row['drop']:.3g} ({row['drop_low']:.3g} to {row['drop_high']:.3g})"
    if not math.isnan(row["sqnr_db"]):
        text += f"; the outputs have an SQNR of {row['sqnr_db']:.0f} dB"
    return text + (f"; {row['reason']}" if row["reason"] else "")


def judge_accuracy(base: npt.ArrayLike, scored: Sequence[Scored], tolerance: float = 0.01) -> Accuracy:
    """Compare scores with those of the model as it was given.

    Parameters
    ----------
    base : float or array_like of float, shape (examples,)
        The score of the model as given, or its score on each example.
    scored : sequence of Scored
        One for each platform and precision, with scores of the shape of ``base``.
    tolerance : float
        How far the mean score may fall.

    Examples
    --------
    >>> import numpy as np
    >>> base = np.ones(1000)
    >>> after = np.where(np.arange(1000) < 60, 0.0, 1.0)  # 60 of 1000 examples are lost
    >>> judge_accuracy(base, [Scored("tflite", "int8", after)])
    tflite, int8: loses: 0.94 of 1, a drop of 0.06 (0.0451 to 0.0747)
    """
    import numpy as np
    import pandas as pd

    expected = np.asarray(base, dtype=float)
    rows = []
    for each in scored:
        row = {name: value for name, value in vars(each).items() if name != "scores"}
        row |= {"verdict": CANNOT_TELL, "base_score": float(expected.mean())}
        if each.scores is not None:
            scores = np.asarray(each.scores, dtype=float)
            row |= {"score": float(scores.mean()), "drop": float(expected.mean() - scores.mean())}
            if scores.ndim != 1 or expected.shape != scores.shape or len(expected) < 2:
                row["reason"] = "; ".join(filter(None, [each.reason, _NO_INTERVAL]))
            else:
                low, high = _interval(expected - scores, _span(expected, scores))
                verdict = "keeps" if high < tolerance else "loses" if low > tolerance else CANNOT_TELL
                row |= {"drop_low": low, "drop_high": high, "verdict": verdict}
        rows.append(row)
    return Accuracy(pd.DataFrame(rows, columns=_COLUMNS), tolerance)


class _Bounds(NamedTuple):
    low: float
    high: float


def _span(base: Scores, scores: Scores) -> float:
    """Return the range of all scores and of 0: scores that are all 1 do not show that a score could not be 0."""
    return float(max(base.max(), scores.max(), 0.0) - min(base.min(), scores.min(), 0.0))


def _interval(drops: Scores, span: float) -> _Bounds:
    """Return the 95 % interval of the mean of paired differences of scores that have a span."""
    weight = len(drops) + _ADDED_WEIGHT
    mean = drops.sum() / weight  # the pseudo-example that loses and the one that gains cancel
    variance = (float((drops**2).sum()) + span**2) / weight - mean**2
    half = Z95 * math.sqrt(max(variance, 0.0) / weight)
    return _Bounds(float(mean - half), float(mean + half))

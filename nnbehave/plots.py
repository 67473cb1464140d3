"""Pictures of results, drawn on axes that the caller may give."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from nnbehave.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

Points = Sequence[tuple[int, float]]


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``. Raises MissingExtraError where there is none."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib: pip install 'nnbehave[plot]'") from error
    return plt


def new_axes() -> Any:
    """Return the axes of a new figure. Raises MissingExtraError where there is no matplotlib."""
    return pyplot().subplots(figsize=(8, 4.5), layout="constrained")[1]


def plot_points(curve: pd.DataFrame, dimension: str, label: str, *, ax: Any) -> Any:
    """Draw the points of one curve with their intervals; return their colour.

    Parameters
    ----------
    curve : DataFrame
        Rows of ``Results.frame`` of one curve; those without a latency are left out.
    dimension : str
        The column for the horizontal axis.
    label : str
    ax : matplotlib Axes
    """
    from pandas.api.types import is_numeric_dtype

    rows = curve.dropna(subset=["latency_ms"])
    if is_numeric_dtype(rows[dimension].infer_objects()):
        rows = rows.sort_values(dimension)
        n = rows[dimension].to_numpy()
    else:  # operators, activations, precisions: in the order of the space
        n = rows[dimension].fillna("none").astype(str).to_numpy()
    y = rows["latency_ms"].to_numpy()
    bars = [y - rows["latency_low_ms"].to_numpy(), rows["latency_high_ms"].to_numpy() - y]
    points = ax.errorbar(n, y, yerr=bars, fmt=".", markersize=4, elinewidth=0.6, alpha=0.75, label=label)
    return points[0].get_color()


def plot_law(law: Points, best: Points, colour: Any, *, ax: Any) -> None:
    """Draw a law as a line through some (n, latency in ms), and a mark at each n worth keeping."""
    if law:
        ax.plot(*zip(*law, strict=True), color=colour, linewidth=1.3, alpha=0.9)
    if best:
        ax.plot(*zip(*best, strict=True), "v", color=colour, markersize=5)


def label_axes(ax: Any, dimension: str) -> Any:
    """Name the axes of latency over a dimension, and return them."""
    ax.set_xlabel(dimension)
    ax.set_ylabel("latency (ms)")
    if isfinite(ax.dataLim.y1):  # it is not where nothing has a latency
        ax.set_ylim(0, 1.05 * ax.dataLim.y1)
    ax.legend(loc="upper left", fontsize="small")
    return ax

"""Pictures of results, drawn on axes that the caller may give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnbehave.analysers import StepMap
from nnbehave.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd


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


def plot_curve(curve: pd.DataFrame, dimension: str, step_map: StepMap | None, label: str, *, ax: Any = None) -> Any:
    """Draw one curve with its intervals, and its steps where a step map is given.

    Parameters
    ----------
    curve : DataFrame
        Rows of ``Results.frame`` of one curve; those without a latency are left out.
    dimension : str
        The column for the horizontal axis.
    step_map : StepMap, optional
    label : str
    ax : matplotlib Axes, optional
        Where to draw; by default on new axes.

    Returns
    -------
    matplotlib Axes
    """
    from pandas.api.types import is_numeric_dtype

    ax = new_axes() if ax is None else ax
    rows = curve.dropna(subset=["latency_ms"])
    if is_numeric_dtype(rows[dimension].infer_objects()):
        rows = rows.sort_values(dimension)
        n = rows[dimension].to_numpy()
    else:  # operators, activations, precisions: in the order of the space
        n = rows[dimension].fillna("none").astype(str).to_numpy()
    y = rows["latency_ms"].to_numpy()
    bars = [y - rows["latency_low_ms"].to_numpy(), rows["latency_high_ms"].to_numpy() - y]
    points = ax.errorbar(n, y, yerr=bars, fmt=".", markersize=4, elinewidth=0.6, alpha=0.75, label=label)
    colour = points[0].get_color()
    if step_map is not None and step_map.kind != "unexplained":
        begins = [step_map.low, *step_map.edges]
        ends = [*(edge - 1 for edge in step_map.edges), step_map.high]
        for begin, end in zip(begins, ends, strict=True):
            law = [step_map.latency(begin), step_map.latency(end)]
            ax.plot([begin - 0.5, end + 0.5], law, color=colour, linewidth=1.4, alpha=0.9)
        if step_map.edges:
            best = step_map.best_of(int(value) for value in n)
            ax.plot(best, [step_map.latency(value) for value in best], "v", color=colour, markersize=6)
    ax.set_xlabel(dimension)
    ax.set_ylabel("latency (ms)")
    ax.set_ylim(0, 1.05 * ax.dataLim.y1)
    ax.legend(loc="upper left", fontsize="small")
    return ax

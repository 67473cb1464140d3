"""Pictures of results and findings, drawn on axes that the caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from nnbehave.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType

    from nnbehave.analysis.card import Card
    from nnbehave.analysis.reuse_curve import ReuseCurve

Points = Sequence[tuple[int, float]]

_FUSION_COLOURS = {"fused": "tab:green", "not fused": "tab:red", "cannot tell": "tab:gray"}
_BOUND_MARKS = {"compute": "^", "memory": "v", "overhead": "x", "": "."}


# ---------------------------------------------------------------------- figures


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    MissingExtraError
        There is no matplotlib.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib: pip install 'nnbehave[plot]'") from error
    return plt


def new_axes() -> Axes:
    """Return the axes of a new figure. Raises MissingExtraError as :func:`pyplot`."""
    axes: Axes = pyplot().subplots(figsize=(8, 4.5), layout="constrained")[1]
    return axes


def panels(count: int) -> list[Axes]:
    """Return several axes of one new figure, in rows of up to three. Raises MissingExtraError as :func:`pyplot`."""
    columns = min(3, count)
    rows = -(-count // columns)
    size = (5.5 * columns, 3.6 * rows)
    figure, grid = pyplot().subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for spare in grid.flat[count:]:
        figure.delaxes(spare)
    return list(grid.flat[:count])


# ---------------------------------------------------------------------- curves


def plot_points(curve: pd.DataFrame, dimension: str, label: str, *, ax: Axes) -> ColorType:
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
    colour: ColorType = points[0].get_color()
    return colour


def plot_law(law: Points, best: Points, colour: ColorType, *, ax: Axes) -> None:
    """Draw a law as a line through pairs of n and latency in ms, and a mark at each n worth keeping."""
    if law:
        ax.plot(*zip(*law, strict=True), color=colour, linewidth=1.3, alpha=0.9)
    if best:
        ax.plot(*zip(*best, strict=True), "v", color=colour, markersize=5)


def label_axes(ax: Axes, dimension: str) -> Axes:
    """Name the axes of latency over a dimension; return the axes."""
    ax.set_xlabel(dimension)
    ax.set_ylabel("latency (ms)")
    if isfinite(ax.dataLim.y1):  # it is not where nothing has a latency
        ax.set_ylim(0, 1.05 * ax.dataLim.y1)
    ax.legend(loc="upper left", fontsize="small")
    return ax


# ---------------------------------------------------------------------- findings


def plot_intervals(
    rows: pd.DataFrame,
    column: str,
    labels: pd.Series[str],
    name: str,
    *,
    ax: Axes,
    scale: Literal["log", "linear"] = "log",
) -> Axes:
    """Draw a ratio with its interval for each row, from the top down; return the axes.

    Parameters
    ----------
    rows : DataFrame
        With ``platform``, the column, and the column with ``_low`` and ``_high`` after its name.
    column : str
        The ratio; on a linear scale, a difference.
    labels : Series of str
        What each row is about.
    name : str
        What the ratio is, for the horizontal axis.
    ax : matplotlib Axes
    scale : {"log", "linear"}
    """
    known = rows.assign(label=labels).dropna(subset=[column])
    places = {label: i for i, label in enumerate(dict.fromkeys(known["label"]))}
    for platform, some in known.groupby("platform", sort=False):
        bars = [some[column] - some[f"{column}_low"], some[f"{column}_high"] - some[column]]
        ax.errorbar(some[column], some["label"].map(places), xerr=bars, fmt=".", elinewidth=0.8, label=platform)
    ax.axvline(1 if scale == "log" else 0, color="black", linewidth=0.6, linestyle=":")
    ax.set_xscale(scale)
    ax.set_yticks(range(len(places)), list(places))
    ax.invert_yaxis()
    ax.set_xlabel(name)
    ax.legend(fontsize="small")
    return ax


def plot_shares(pairs: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the share of each pair's second operator that is saved, with its interval; return the axes.

    Parameters
    ----------
    pairs : DataFrame
        ``Fusion.frame``.
    ax : matplotlib Axes
    """
    known = pairs.dropna(subset=["saved_share"])
    known = known.assign(label=known["first_op"] + " + " + known["second_op"])
    places = {label: i for i, label in enumerate(dict.fromkeys(known["label"]))}
    for verdict, colour in _FUSION_COLOURS.items():
        some = known[known["verdict"] == verdict]
        y = [places[label] for label in some["label"]]
        bars = [some["saved_share"] - some["saved_low"], some["saved_high"] - some["saved_share"]]
        ax.errorbar(some["saved_share"], y, xerr=bars, fmt=".", color=colour, label=verdict, elinewidth=0.8)
    ax.axvline(0.5, color="black", linewidth=0.6, linestyle=":")
    ax.set_xlim(-1.5, 2.5)
    ax.set_yticks(range(len(places)), list(places))
    ax.invert_yaxis()
    ax.set_xlabel("share of the second operator's time that is saved")
    ax.legend(loc="lower right", fontsize="small")
    return ax


def plot_scaling(points: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the growth of latencies over a dimension with their intervals, and that of OPs, dashed; return the axes.

    Parameters
    ----------
    points : DataFrame
        ``Scaling.points``. Where they are over several dimensions, each value is drawn over the smallest of its sweep.
    ax : matplotlib Axes
    """
    known = points.dropna(subset=["ratio"])
    dimensions = list(dict.fromkeys(points["dimension"]))
    sweep_of = ["platform", "environment", "method", "context", "precision", "layer", "dimension"]
    for (platform, *_, layer, dimension), rows in known.groupby(sweep_of, sort=False, dropna=False):
        x = rows["value"] / (rows["value"].iloc[0] if len(dimensions) > 1 else 1)
        bars = [rows["ratio"] - rows["ratio_low"], rows["ratio_high"] - rows["ratio"]]
        label = f"{platform} {layer}: {dimension}"
        lines = ax.errorbar(x, rows["ratio"], yerr=bars, fmt=".-", elinewidth=0.8, label=label)
        ax.plot(x, rows["ops_ratio"], "--", color=lines[0].get_color(), linewidth=0.8)
    ax.set(xscale="log", yscale="log", ylabel="latency over that of the smallest value (dashed: OPs)")
    ax.set_xlabel(dimensions[0] if len(dimensions) == 1 else "value over the smallest")
    if len(known):
        ax.legend(loc="best", fontsize="small")
    return ax


def plot_batches(rows: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw throughput against batch, both in logs, with intervals and the best batch marked; return the axes.

    Parameters
    ----------
    rows : DataFrame
        ``Batches.frame``.
    ax : matplotlib Axes
    """
    curve_of = ["platform", "environment", "method", "context", "precision", "layers"]
    for (platform, *_, layers), some in rows.groupby(curve_of, sort=False, dropna=False):
        y = some["throughput"]
        bars = [y - some["throughput_low"], some["throughput_high"] - y]
        points = ax.errorbar(some["batch"], y, yerr=bars, fmt=".-", elinewidth=0.8, label=f"{platform} {layers}")
        best = some[some["best"]]
        ax.plot(best["batch"], best["throughput"], "v", color=points[0].get_color())
    ax.set(xscale="log", yscale="log", xlabel="batch", ylabel="throughput (inferences/s)")
    ax.legend(loc="best", fontsize="small")
    return ax


def plot_reuse_curve(curve: ReuseCurve, *, ax: Axes) -> Axes:
    """Draw the cost of weights against their reuse distance, in MiB by its logarithm; return the axes."""
    ax.plot([each / 2**20 for each in curve.reuse_bytes], curve.cost_us_per_mib, ".-", label=curve.platform)
    ax.set(xscale="log", xlabel="touched since the last use (MiB)", ylabel="cost of weights (µs/MiB)")
    ax.set_ylim(bottom=0)
    ax.legend(loc="best", fontsize="small")
    return ax


def plot_roofs(layers: pd.DataFrame, roofs: pd.DataFrame, levels: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw layers under their roofs, attained OPs over intensity in logs; return the axes.

    Parameters
    ----------
    layers, roofs, levels : DataFrame
        Those of a ``Roofline``. Each row of ``roofs`` has a colour, each bound a mark, and each level a line, the line
        of the largest working sets being the widest.
    ax : matplotlib Axes
    """
    group = ["platform", "environment", "method", "context", "precision"]
    for i in range(len(roofs)):
        roof, colour = roofs.iloc[i], f"C{i}"
        rows = layers[(layers[group] == roof[group]).all(axis=1) & (layers["attained_gops"] > 0)]
        for bound, mark in _BOUND_MARKS.items():
            some = rows[rows["bound"] == bound]
            y = some["attained_gops"]
            bars = [y - some["attained_low"], some["attained_high"] - y]
            ax.errorbar(some["intensity"], y, yerr=bars, fmt=mark, color=colour, markersize=4, elinewidth=0.6)
        if isfinite(roof["ridge"]):  # it is NaN where a roof is missing
            ends = [min(rows["intensity"].min(), roof["ridge"]) / 2, 2 * max(rows["intensity"].max(), roof["ridge"])]
            bandwidths = levels.loc[(levels[group] == roof[group]).all(axis=1), "bandwidth_gbs"].tolist()
            for bandwidth in bandwidths:
                x = [ends[0], roof["peak_gops"] / bandwidth, ends[1]]
                line = [ends[0] * bandwidth, roof["peak_gops"], roof["peak_gops"]]
                ax.plot(x, line, color=colour, linewidth=1.5 if bandwidth == bandwidths[-1] else 0.7)
        ax.plot([], [], color=colour, label=f"{roof['platform']}, {roof['precision']}")
    ax.set(xscale="log", yscale="log", xlabel="intensity (OPs per byte)", ylabel="attained (G multiply-adds/s)")
    ax.legend(loc="lower right", fontsize="small", title="▲ compute, ▼ memory, × overhead")
    return ax


def plot_card(card: Card) -> Figure:
    """Draw the evidence of a card, one picture each, and the verdicts below; return the Figure."""
    from textwrap import shorten

    pictures = list(card.evidence.items())
    rows = -(-len(pictures) // 3)
    heights = 4.6 * rows, 0.2 * len(card.statements) + 0.3
    figure: Figure = pyplot().figure(figsize=(18, sum(heights)), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).flat
    for axes, (name, found) in zip(top.subplots(rows, 3, squeeze=False).flat, pictures, strict=False):
        found.plot(axes)
        axes.set_title(name, fontsize="medium")
        axes.tick_params(labelsize="x-small")
    for axes in top.axes[len(pictures) :]:
        axes.set_axis_off()
    lines = [
        f"{each.finding}. {each.about}: {each.claim}: {each.verdict.upper()} — {shorten(each.figure, 140)}"
        for each in card.statements
    ]
    bottom.text(0.01, 0.98, "\n".join(lines), va="top", fontsize=9, linespacing=1.5)
    figure.suptitle(f"{card.platform}: behaviour card")
    return figure

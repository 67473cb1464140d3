"""Results and findings as tables for a terminal, and as pictures in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnbehave.errors import InvalidInputError
from nnbehave.records import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnbehave.analysis.results import Results


_WITHOUT = tuple(status.value for status in (Status.UNSUPPORTED, Status.FAILED, Status.TIMEOUT))


def summary(results: Results) -> str:
    """Return as text how many measurements of each status a platform has, and why some have no latency."""
    frame = results.frame
    lines = []
    for platform, rows in frame.groupby("platform", sort=False):
        counts = ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items())
        lines.append(f"{platform}: {counts}")
        bad = rows[rows["status"].isin(_WITHOUT)]
        reasons = bad.groupby(["status", "reason"], sort=False)["subject"].agg(["first", "size"])
        for (status, reason), first, size in reasons.itertuples():
            lines.append(f"  {status} ({size}, such as {first}): {reason}")
    return "\n".join(lines)


def steps_table(table: pd.DataFrame) -> str:
    """Return the steps as text: one line a curve, with the values worth keeping at its end."""
    if table["context"].nunique() > 1:
        table = table.assign(platform=table["platform"] + ", " + table["context"])
    lines = []
    wide = max([18, *table["platform"].str.len()])
    for (space, slot, dimension), rows in table.groupby(["space", "slot", "dimension"], sort=False):
        lines.append(f"{space}: {slot}, {dimension}")
        lines.append(f"  {'platform':<{wide}} {'kind':<17} {'width':>5} {'confidence':>10}  keep")
        for row in rows.to_dict("records"):
            lines.append("  " + _steps_line(row, wide))
    return "\n".join(lines)


def _steps_line(row: dict[Any, Any], wide: int) -> str:
    import pandas as pd

    if pd.isna(row["low"]):
        return f"{row['platform']:<{wide}} {'—':<17} {'':>5} {'':>10}  {row['note']}"
    width = "" if pd.isna(row["width"]) else str(row["width"])
    width += "" if pd.isna(row["outer_width"]) else f"/{row['outer_width']}"
    keep = row["keep"]
    shown = ", ".join(map(str, keep if len(keep) <= 16 else [*keep[:6], "…", *keep[-3:]]))
    line = f"{row['platform']:<{wide}} {row['kind']:<17} {width:>5} {row['confidence']:>10.2f}  "
    line += f"{len(keep)} of {row['candidates']} ({row['low']} to {row['high']}): {shown}"
    return line + (f"\n  {'':<{wide}} ({row['note']})" if row["note"] else "")


def support_table(table: pd.DataFrame) -> str:
    """Return a support matrix as text: a row an operator, a column a precision, and the reasons as notes below."""
    lines = []
    several = table.groupby("platform")["environment"].nunique().max() > 1
    for (platform, environment), cells in table.groupby(["platform", "environment"], sort=False):
        notes: dict[str, int] = {}
        title = f"{platform}, environment {environment}" if several else platform
        matrix = cells.assign(text=[_support_cell(cell, notes) for cell in cells.to_dict("records")]).pivot_table(
            index="op", columns="precision", values="text", aggfunc="first", sort=False
        )
        lines.append(f"{title}\n{matrix.fillna('').rename_axis(index=None, columns=None).to_string()}")
        errors = cells.groupby("precision", sort=False)["output_error"].max().dropna()
        if len(errors):
            told = ", ".join(f"{precision} {error:.2g}" for precision, error in errors.items())
            lines.append(f"  outputs differ from TensorFlow's fp32 outputs by at most: {told}")
        lines += [f"  [{number}] {reason}" for reason, number in notes.items()]
    return "\n".join(lines)


def _support_cell(cell: dict[Any, Any], notes: dict[str, int]) -> str:
    if cell["support"] == "full":
        return "full"
    said = []
    if cell["executed_precision"] not in ("", cell["precision"], "unknown"):
        said.append(f"ran {cell['executed_precision']}")
    if cell["placement"] == "fallback":
        said.append("fallback")
    elif cell["placement"] == "partial":
        said.append("partly fallback")
    if cell["support"] == "none" or not said:
        said.append(f"{cell['support']} [{notes.setdefault(cell['reason'], len(notes) + 1)}]")
    return ", ".join(said)


def draw(results: Results, table: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Draw each curve of the table into a file of its own; yield the files."""
    from nnbehave.analysis.plots import pyplot

    plt = pyplot()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"--png {folder}: {error.strerror}") from None
    # True if a curve has rows from several environments, contexts or methods.
    several = table.duplicated(["space", "slot", "dimension", "platform"]).any()
    for row in table.to_dict("records"):
        what = {key: row[key] for key in ("space", "slot", "dimension", "platform", "environment", "method", "context")}
        parts = [_file_name(v) for key, v in what.items() if several or key not in ("environment", "method", "context")]
        ax = results.plot(**what)
        ax.set_title(f"{row['space']}: {row['slot']} on {row['platform']}")
        file = folder / f"{'-'.join(parts)}.png"
        figure = _figure_of(ax)
        figure.savefig(file, dpi=120)
        plt.close(figure)
        yield file


def draw_platforms(results: Results, table: pd.DataFrame, file: Path) -> None:
    """Draw the curves of the table into one file, with a panel for each platform and dimension."""
    from nnbehave.analysis.plots import panels

    curves = list(dict.fromkeys(zip(table["platform"], table["dimension"], strict=True)))
    axes = panels(len(curves))
    for (platform, dimension), ax in zip(curves, axes, strict=True):
        results.plot(platform, dimension=dimension, ax=ax).set_title(platform)
    save_picture(axes[0], file)


def save_picture(ax: Axes, file: Path) -> None:
    """Write the figure that axes stand in. Raises InvalidInputError if the file cannot be written."""
    try:
        _figure_of(ax).savefig(file, dpi=120)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"--png {file}: {error}") from None


def _file_name(text: Any) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in str(text))


def _figure_of(ax: Axes) -> Figure:
    """Return the figure that axes stand in."""
    from matplotlib.figure import Figure

    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    return figure

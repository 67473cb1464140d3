"""What a platform can do: operators by precision, from results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["platform", "environment", "op", "precision", "support", "executed_precision", "placement"]
_COLUMNS += ["output_error", "layers", "reason"]
_PLACES = ("fallback", "partial", "full")
_NONE = ("unsupported", "failed", "timeout")


def support_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Say of each operator at each precision on each platform how far it is supported.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Results.frame``; rows of any method, ``none`` among them.

    Returns
    -------
    pandas.DataFrame
        One row a cell: ``platform environment op precision support executed_precision placement output_error layers
        reason``.
        ``support`` is ``full``, ``none``, or ``partial``: some layers cannot be run, part of a graph runs elsewhere
        than the platform means it to, or something else was computed in than was asked for. ``executed_precision`` is
        all that ran, ``placement`` the worst of ``full``, ``partial`` and ``fallback``,
        ``output_error`` the largest root mean square difference from TensorFlow's fp32 output, relative to it,
        ``layers`` how many were tried, ``reason`` why it is not full, the most frequent first.
    """
    import pandas as pd  # not to be loaded by those who only read a step map

    rows = frame.assign(op=frame["op"].fillna(frame["arrangement"]))
    rows["level"] = support_levels(rows)
    cells = []
    cell_of = ["platform", "environment", "op", "precision"]
    for (platform, environment, op, precision), cell in rows.groupby(cell_of, sort=False):
        levels = set(cell["level"])
        short = cell[cell["level"] != "full"]
        ran = cell[cell["level"] != "none"]
        types = sorted(set(ran["executed_precision"].dropna()))
        places = set(ran["placement"].dropna())
        cells.append(
            {
                "platform": platform,
                "environment": environment,
                "op": op,
                "precision": precision,
                "support": levels.pop() if len(levels) == 1 else "partial",
                "executed_precision": ", ".join(types),
                "placement": next((place for place in _PLACES if place in places), ""),
                "output_error": cell["output_error"].max(),
                "layers": cell["subject"].nunique(),
                "reason": "; ".join(short["reason"].value_counts().index[:3]),
            }
        )
    return pd.DataFrame(cells, columns=_COLUMNS)


def support_levels(rows: pd.DataFrame) -> pd.Series[str]:
    """Return ``full``, ``partial`` or ``none`` for each row."""
    executed = rows["executed_precision"].fillna("unknown")
    whole = rows["placement"].isin(["full"]) & ((executed == rows["precision"]) | (executed == "unknown"))
    levels = whole.map({True: "full", False: "partial"})
    levels[rows["status"].isin(_NONE)] = "none"
    return levels

"""Support: which operators a platform runs at which precision, and how."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from nnbehave.analysis.inputs import measurements_of
from nnbehave.analysis.latencies import grouped, precision_of
from nnbehave.records import Measurement, Measurements, Status

if TYPE_CHECKING:
    import pandas as pd

Support = Literal["full", "partial", "none"]

_COLUMNS = ["platform", "environment", "op", "precision", "support", "executed_precision", "placement"]
_COLUMNS += ["output_error", "layers", "reason"]
_WORST_PLACE_FIRST = ("fallback", "partial", "full")
_DOES_NOT_RUN = (Status.UNSUPPORTED, Status.FAILED, Status.TIMEOUT)
_MOST_REASONS = 3  # of a cell


def support_matrix(results: Measurements | pd.DataFrame) -> pd.DataFrame:
    """Return how far each operator is supported at each precision on each platform.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        By any method; measurements by the method ``none`` count too.

    Returns
    -------
    pandas.DataFrame
        One row an operator at a precision on a platform: ``platform environment op precision support
        executed_precision placement output_error layers reason``. A graph of several operators stands under its
        arrangement. ``support`` is ``full``, ``none``, or ``partial``: some layers cannot be run, part of a graph runs
        elsewhere than the platform means it to, or the kernels computed in another precision than was asked for.
        ``executed_precision`` lists all precisions that ran, ``placement`` is the worst of ``full``, ``partial`` and
        ``fallback``, ``output_error`` the largest root mean square difference from TensorFlow's fp32 output relative to
        that output, ``layers`` the number of layers tried. ``reason`` says why it is not full, the most frequent reason
        first.
    """
    import pandas as pd

    def cell_of(one: Measurement) -> tuple[str, str, str, str | None]:
        return one.platform, one.environment, operator_of(one), precision_of(one)

    cells = [
        [*cell, *_cell(some)]
        for cell, some in grouped(measurements_of(results), cell_of).items()
        if cell[-1] is not None
    ]
    return pd.DataFrame(cells, columns=_COLUMNS)


def operator_of(one: Measurement) -> str:
    """Return the operator that all layers of a measurement share, or the arrangement of a graph of several."""
    op = one.subject.shared("op")
    return one.subject.arrangement if op is None else str(op)


def support_of(one: Measurement) -> Support:
    """Return how far the subject of one measurement is supported."""
    if one.status in _DOES_NOT_RUN:
        return "none"
    executed = one.execution.precision or "unknown"  # such as of a reshape, which computes nothing
    as_asked = executed in (precision_of(one), "unknown")
    return "full" if one.execution.placement == "full" and as_asked else "partial"


def _cell(some: list[Measurement]) -> tuple[str, str, str, float, int, str]:
    """Return the columns of a cell that are not its key."""
    levels = [support_of(one) for one in some]
    executions = [one.execution for one, level in zip(some, levels, strict=True) if level != "none"]
    places = {each.placement for each in executions}
    reasons = Counter(one.reason for one, level in zip(some, levels, strict=True) if level != "full" and one.reason)
    return (
        levels[0] if len(set(levels)) == 1 else "partial",
        ", ".join(sorted({each.precision for each in executions if each.precision})),
        next((place for place in _WORST_PLACE_FIRST if place in places), ""),
        max((error for one in some if not math.isnan(error := one.execution.fidelity.output_error)), default=math.nan),
        len({one.subject.id for one in some}),
        "; ".join(reason for reason, _ in reasons.most_common(_MOST_REASONS)),
    )

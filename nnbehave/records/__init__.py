"""The record of a measurement: all that passes from measuring to analysis, pruning and reports.

One :class:`Measurement` says what one subject took on one platform by one method, how sure that is, what really ran,
and where the number comes from. :class:`Measurements` holds many of them, as records and as a DataFrame.
"""

from nnbehave.records.columns import COLUMNS
from nnbehave.records.measurement import (
    CONTEXTS_BEFORE,
    FEWEST_COMMON_POINTS,
    Counts,
    Environment,
    Execution,
    Fidelity,
    Interval,
    Latency,
    Measurement,
    Point,
    Provenance,
    Scalar,
    Subject,
)
from nnbehave.records.measurements import Curve, Measurements
from nnbehave.records.status import Status, StopRule

__all__ = [
    "COLUMNS",
    "CONTEXTS_BEFORE",
    "FEWEST_COMMON_POINTS",
    "Counts",
    "Curve",
    "Environment",
    "Execution",
    "Fidelity",
    "Interval",
    "Latency",
    "Measurement",
    "Measurements",
    "Point",
    "Provenance",
    "Scalar",
    "Status",
    "StopRule",
    "Subject",
]

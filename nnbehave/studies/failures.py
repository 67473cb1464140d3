"""A check for studies that need a latency of every graph."""

from __future__ import annotations

from nnbehave.errors import WorkerError
from nnbehave.records import Measurements


def raise_failures(measurements: Measurements) -> None:
    """Raise WorkerError for the first measurement without a latency; the message names its status and the reason."""
    for one in measurements:
        if one.latency is None:
            raise WorkerError(f"{one.subject.id}: {one.status}: {one.reason}")

"""The database of raw measurements: facts alone; latencies are derived from it (:mod:`nnbehave.measurement.derive`)."""

from nnbehave.measurement.store.session_record import SampleRecord, SessionRecord
from nnbehave.measurement.store.store import Store

__all__ = ["SampleRecord", "SessionRecord", "Store"]

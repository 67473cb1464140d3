"""The samples of a store, raw and normalised."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from nnbehave.design.graph import Graph
from nnbehave.measurement.isolation import bound
from nnbehave.measurement.statistics import Observation, RawSample, normalise
from nnbehave.measurement.store import SessionRecord, Store


def bound_of(part: str, graphs: Mapping[str, Graph]) -> str:
    """Return what bounds a part by round figures: ``compute`` or ``memory``; ``compute`` where it is not known."""
    return bound(graphs[part]) if part in graphs else "compute"


def observations_of(session: SessionRecord, graphs: Mapping[str, Graph]) -> list[Observation]:
    """Return what the estimator takes of a session: all samples but those that were taken again."""
    bounds = {part: bound_of(part, graphs) for part in {sample.part for sample in session.samples}}
    return [
        Observation(sample.part, sample.ms, bounds[sample.part], sample.round, sample.process)
        for sample in session.samples
        if not sample.is_discarded
    ]


def raw_samples_of(session: SessionRecord) -> Iterator[RawSample]:
    """Yield all samples of a session as they were taken, those that were taken again too."""
    for sample in session.samples:
        calls_ms = [span / sample.calls_per_span / 1e6 for span in sample.spans_ns]
        yield RawSample(sample.part, calls_ms, sample.round, sample.process)


def derive_samples(store: Store, platforms: Collection[str] | None = None) -> Iterator[dict[str, object]]:
    """Yield every sample of a store as the row of a table: its latency, and what the estimator makes of it.

    ``exponent`` is how strongly samples of its ``bound`` followed the machine's state in that session; it is 0 where
    the data do not support that they did. ``normalised_ms`` is the sample with that state taken out.
    """
    graphs = store.subjects()
    for session in store.sessions(platforms):
        observations = observations_of(session, graphs)
        found = normalise(observations)
        rest = iter(zip(observations, found.values, strict=True))
        references = {part for subject in session.references for part, _ in session.terms.get(subject, ())}
        for sample in session.samples:
            row: dict[str, object] = {"session": session.id, "platform": session.platform, "method": session.method}
            row |= {"context": session.context}
            row |= {"part": sample.part, "round": sample.round, "process": sample.process}
            row |= {"taken_at": sample.taken_at, "raw_ms": sample.ms, "normalised_ms": float("nan")}
            row |= {"exponent": float("nan"), "bound": None, "is_reference": sample.part in references}
            row |= sample.witnesses
            if not sample.is_discarded:
                observation, value = next(rest)
                exponent = found.exponents[observation.bound]
                row |= {"normalised_ms": value, "bound": observation.bound, "exponent": exponent}
            yield row

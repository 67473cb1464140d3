"""What is to be measured on one platform by one method, and what of it the store lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.working_set import weight_bytes, working_set_bytes
from nnbehave.measurement.context import distance_bytes
from nnbehave.measurement.derive import Derivation
from nnbehave.measurement.derive.between_sessions import joining_order
from nnbehave.measurement.isolation import EXACT, Term, terms
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store import SessionRecord, Store
from nnbehave.records import FEWEST_COMMON_POINTS, Measurement, Status

_SPARE_ANCHORS = 1  # for an anchor that fails


@dataclass
class Plan:
    """What is to be measured on one platform by one method.

    Attributes
    ----------
    platform : Platform
    method, context, environment : str
    graphs : dict of str to Graph
        All subjects, by id.
    curves : list of list of str
        The subjects of each curve in the order of the swept dimension; a subject by itself is a curve of one.
    measured : set of str
        Subjects whose latency the store has; they can be anchors.
    missing : list of str
        Subjects to measure.
    references : dict of str to Graph
    inside : Graph or None
        The network in whose loop layers are measured, if that is the context.
    """

    platform: Platform
    method: str
    context: str
    environment: str
    graphs: dict[str, Graph]
    curves: list[list[str]]
    measured: set[str]
    missing: list[str]
    references: dict[str, Graph] = field(default_factory=dict)
    inside: Graph | None = None

    def graph(self, subject: str) -> Graph:
        """Return the graph of a subject or of a reference."""
        return self.graphs[subject] if subject in self.graphs else self.references[subject]

    def terms(self, subject: str) -> tuple[Term, ...]:
        """Return the parts that are run for a subject or a reference."""
        return terms(self.graph(subject), self.method, self.distance_bytes(subject))

    def is_stacked(self, subject: str) -> bool:
        """Return True if copies of a subject are run, so that it is no part itself."""
        return self.method == "stacked" and self.graph(subject).arrangement != "network"

    def distance_bytes(self, subject: str, last_cache_bytes: int = 0) -> int:
        """Return how many bytes are to be touched between two uses of a subject's weights."""
        graph = self.graph(subject)
        if self.inside is not None and self.context == "loop" and graph.arrangement != "network":
            return max(1, working_set_bytes(self.inside) - weight_bytes(graph))
        return distance_bytes(self.context, last_cache_bytes)

    def anchors(self, subjects: Collection[str], preferred: Sequence[Collection[str]]) -> list[str]:
        """Return points measured before that join a session of these subjects to their curves.

        Each curve that some of the subjects belong to gets as many as join sessions and one to spare; where there are
        fewer, all of them. Those of the first pool in ``preferred`` that has enough are taken.
        """
        if self.method in EXACT:
            return []
        chosen: dict[str, None] = {}
        count = FEWEST_COMMON_POINTS + _SPARE_ANCHORS
        for curve in self.curves:
            if not set(curve).isdisjoint(subjects):
                known = [subject for subject in curve if subject in self.measured]
                pools = ([subject for subject in known if subject in pool] for pool in preferred)
                known = next((pool for pool in pools if len(pool) >= count), known)
                if len(known) > count:
                    known = [known[i * (len(known) - 1) // (count - 1)] for i in range(count)]
                chosen |= dict.fromkeys(known)
        return [subject for subject in chosen if subject not in subjects]

    def axes(self, subjects: Collection[str]) -> list[list[str]]:
        """Return the curves over numbers, each with those of the subjects that are its points: they have neighbours."""
        return [[name for name in curve if name in subjects] for curve in self.curves if self._is_numeric(curve)]

    def _is_numeric(self, curve: Sequence[str]) -> bool:
        kinds = {
            (layer.op, layer.precision, layer.activation) for subject in curve for layer in self.graphs[subject].layers
        }
        return len(kinds) == 1


def reference_layers() -> dict[str, Graph]:
    """Return the layers that every session measures in every round, for ``relative_latency``.

    Four are bound by computing, small and large, with few and with many weights, since a machine that is slow for an
    hour is not as slow for all of them. One is bound by memory: it moves 10 MB a call.
    """
    shapes = [(14, 64, 64, 3), (7, 128, 256, 3), (28, 64, 64, 1), (56, 16, 32, 3)]
    layers = [Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=k) for h, i, o, k in shapes]
    graphs = [Graph([layer]) for layer in [*layers, Layer(op="add", height=112, in_channels=64)]]
    return {graph.id: graph for graph in graphs}


# ---------------------------------------------------------------------- what is missing


@dataclass(frozen=True)
class _Known:
    """What a session knows of a subject: whether it answers the question, and whether it has a latency."""

    is_settled: bool
    has_latency: bool


def find_missing(
    store: Store,
    derivation: Derivation,
    key: tuple[str, str, str, str],
    curves: Iterable[Sequence[str]],
    settings: Settings,
    retry: bool,
) -> tuple[set[str], set[str]]:
    """Return the subjects that a store answers for, and those of which it has a latency.

    What a finished session says is read from its outcomes and from the rules that stopped it; no latency is derived.
    Only sessions that were interrupted, and those that are asked to be tried again, are derived.

    Parameters
    ----------
    store : Store
    derivation : Derivation
        Of that store.
    key : (str, str, str, str)
        Platform, environment, method and context.
    curves : iterable of sequence of str
        The subjects; points of a curve are settled only where their sessions can be joined.
    settings : Settings
    retry : bool
    """
    platform, environment, method, context = key
    known: dict[int, dict[str, _Known]] = {}
    for session in store.sessions([platform], with_samples=False):
        if (session.environment, session.method, session.context) == (environment, method, context):
            known[session.id] = _known_of(session, derivation, settings, retry)
    settled: set[str] = set()
    measured: set[str] = set()
    for curve in curves:
        names, joined = set(curve), set(known)
        if len(curve) > 1 and method not in EXACT:
            points = {s: {n for n in names & of.keys() if of[n].has_latency} for s, of in known.items()}
            joined = set(joining_order(points))
            joined |= {s for s, some in points.items() if not some}  # it has nothing to join, only outcomes
        for session_id in joined:
            of = known[session_id]
            settled |= {name for name in names & of.keys() if of[name].is_settled}
            measured |= {name for name in names & of.keys() if of[name].has_latency}
    return settled, measured & settled


def _known_of(session: SessionRecord, derivation: Derivation, settings: Settings, retry: bool) -> dict[str, _Known]:
    """Return what a session knows of each subject that was asked of it."""
    told = session.stops.keys() | session.outcomes.keys() | session.counts.keys()
    if session.method == "none":
        told |= {s for s, parts in session.terms.items() if parts[0][0] in session.loads}
    if retry or session.asked - told:
        found = derivation.of_session(session)
        return {subject: _judged(one, settings, retry) for subject, one in found.items()}
    is_answer = session.is_finished and session.settings.interval <= settings.interval
    known = dict.fromkeys(told, _Known(is_settled=True, has_latency=False))
    for subject, stop in session.stops.items():
        if subject not in session.outcomes:
            known[subject] = _Known(is_answer or stop.half_width <= settings.interval, has_latency=True)
    known |= {s: _Known(True, count.ms > 0) for s, count in session.counts.items()}
    return {subject: one for subject, one in known.items() if subject in session.asked | session.outcomes.keys()}


def _judged(one: Measurement, settings: Settings, retry: bool) -> _Known:
    """Return whether a measurement answers what is asked now, or was tried for and may stay as it is."""
    if one.latency is None:
        return _Known(not retry, has_latency=False)
    is_good = one.status is Status.OK and one.latency.half_width <= settings.interval
    asked = one.provenance
    was_tried = asked.session_finished and asked.interval_asked <= settings.interval and not retry
    return _Known(is_good or was_tried, has_latency=True)

"""The measurements of a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from nnbehave.design.graph import Graph
from nnbehave.measurement.derive.between_sessions import best_of, join_factors
from nnbehave.measurement.derive.within_session import measurements_of
from nnbehave.measurement.isolation import EXACT
from nnbehave.measurement.statistics import Statistic
from nnbehave.measurement.store import SessionRecord, Store
from nnbehave.records import Measurement, Measurements, Point, Scalar


@dataclass(frozen=True)
class Wanted:
    """Which of a store's measurements to derive; None stands for all.

    Attributes
    ----------
    platforms, environments : collection of str or None
    hows : collection of (str, str) or None
        Methods with their contexts.
    space : str or None
        The id of the one space whose curves to take.
    subjects : collection of str or None
        Take these by themselves, in this order, as no points of a curve.
    """

    platforms: Collection[str] | None = None
    environments: Collection[str] | None = None
    hows: Collection[tuple[str, str]] | None = None
    space: str | None = None
    subjects: Collection[str] | None = None

    def includes(self, session: SessionRecord) -> bool:
        """True if measurements of this session are wanted."""
        return (self.environments is None or session.environment in self.environments) and (
            self.hows is None or (session.method, session.context) in self.hows
        )


Members = dict[Point | None, list[str]]  # of each curve its subjects; None: subjects by themselves


class Derivation:
    """Derives measurements from a store; what a finished session gave is derived once.

    Parameters
    ----------
    store : Store
    statistic : Statistic, optional
        Of the spans; by default latencies are those of the library's own estimator.
    """

    def __init__(self, store: Store, statistic: Statistic | None = None) -> None:
        self._store, self._statistic = store, statistic
        self._finished: dict[int, dict[str, Measurement]] = {}
        self._graphs: dict[str, Graph] = {}

    def measurements(self, wanted: Wanted | None = None) -> Measurements:
        """Return the measurements that a store's samples make, in the order that the subjects were added."""
        wanted = wanted or Wanted()
        self._graphs |= self._store.subjects(known=self._graphs)
        members, choices = self._members(wanted)
        found = list(self._derived(wanted, members))
        environments = self._store.environments()
        there = {one.environment for one in found}
        return Measurements(found, {key: facts for key, facts in environments.items() if key in there}, choices)

    def _members(self, wanted: Wanted) -> tuple[Members, dict[Point, list[Scalar]]]:
        """Return the subjects of each curve, and all values that the store's spaces have of each swept dimension."""
        if wanted.subjects is not None:
            return {None: list(wanted.subjects)}, {}
        points = self._store.points(wanted.space)
        members: Members = {}
        choices: dict[Point, list[Scalar]] = {}
        for subject, graph in self._graphs.items():
            curves: list[Point | None] = [*points.get(subject, ())]
            for curve in curves or ([] if wanted.space else [None]):
                members.setdefault(curve, []).append(subject)
                if curve is not None and curve.dimension:
                    choices.setdefault(curve, []).append(getattr(graph.layers[0], curve.dimension))
        return members, choices

    def _derived(self, wanted: Wanted, members: Members) -> Iterator[Measurement]:
        groups: dict[tuple[str, str, str, str], dict[int, dict[str, Measurement]]] = {}
        for session in self._store.sessions(wanted.platforms, with_samples=False):
            if wanted.includes(session):
                key = (session.platform, session.environment, session.method, session.context)
                groups.setdefault(key, {})[session.id] = self.of_session(session)
        for (_, _, method, _), known in groups.items():
            for point, subjects in members.items():
                drifts = point is not None and point.dimension and method not in EXACT
                factors = join_factors(subjects, known) if drifts else dict.fromkeys(known, 1.0)
                for subject in subjects:
                    if one := best_of(subject, known, factors):
                        yield replace(one, point=point)

    def of_session(self, session: SessionRecord) -> dict[str, Measurement]:
        """Return the measurement of each subject of one session, by id."""
        if session.id not in self._finished:
            self._graphs |= self._store.subjects(known=self._graphs)
            one = self._store.session(session.id)  # one session in memory at a time
            found = measurements_of(one, self._graphs, self._statistic)
            if not session.is_finished:
                return found
            self._finished[session.id] = found
        return self._finished[session.id]

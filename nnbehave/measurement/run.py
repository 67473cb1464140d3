"""A session under way: its subjects are converted, its events are written into the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tqdm.auto import tqdm

from nnbehave.design.graph import Graph
from nnbehave.design.working_set import weight_bytes, working_set_bytes
from nnbehave.errors import ConversionError
from nnbehave.measurement.converters import Artifact, ConversionPool, get_converter
from nnbehave.measurement.isolation import EXACT, bound
from nnbehave.measurement.options import Options
from nnbehave.measurement.plan import Plan
from nnbehave.measurement.session.events import Counted, Event, Loaded, Outcome, Sample
from nnbehave.measurement.session.exact import ExactSession
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.shards import memory_of, pieces_of
from nnbehave.measurement.statistics import Estimate, Terms
from nnbehave.measurement.store import Store
from nnbehave.measurement.targets import Target


@dataclass(frozen=True)
class Refusal:
    """Why a subject cannot be run on a platform."""

    status: str
    reason: str


class Run:
    """A session under way. Use it in a ``with``.

    It begins with its first subjects. Between batches its process lies idle.

    Parameters
    ----------
    plan : Plan
    session : Session or ExactSession
    target : Target
    store : Store
    pool : ConversionPool
    options : Options
    label : str
        What progress bars call it.
    """

    def __init__(
        self,
        plan: Plan,
        session: Session | ExactSession,
        target: Target,
        store: Store,
        pool: ConversionPool,
        options: Options,
        label: str,
    ) -> None:
        self._plan, self._session, self._target = plan, session, target
        self._store, self._pool = store, pool
        self._options, self._label = options, label
        self._key: int | None = None
        self._subjects: dict[str, None] = {}
        self._anchors: set[str] = set()  # the same for every batch, so that they are loaded once
        self._artifacts: dict[str, Artifact] = {}
        self._ends_at: float | None = None
        self._bar = tqdm(unit="sample", disable=True)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        self._session.close()
        self._bar.close()
        if self._key is not None and kind is None:
            self._store.end_session(self._key)

    def lacks(self, subjects: Iterable[str]) -> list[str]:
        """Return the subjects that are missing from the store and that this session has not had yet."""
        missing = set(self._plan.missing)
        return [subject for subject in dict.fromkeys(subjects) if subject in missing and subject not in self._subjects]

    def estimates(self) -> dict[str, Estimate]:
        """Return what is known by now of the subjects measured here that have rounds enough for an interval."""
        fewest = 1 if self._plan.method in EXACT else self._options.settings.min_rounds
        return {name: found for name, found in self._session.estimates.items() if found.rounds >= fewest}

    def begin(self, subjects: Sequence[str], rounds: int) -> None:
        """Convert subjects and measure them for some rounds, beside known points of their curves."""
        most = self._options.shard_bytes
        for piece in pieces_of(self._plan, subjects, most):
            unknown = [name for name in self._subjects if name not in self._session.done]
            if memory_of(self._plan, [*unknown, *piece]) > most:
                self._take(self._session.finish())
            self._begin(piece, rounds)

    def _begin(self, subjects: Sequence[str], rounds: int) -> None:
        plan = self._plan
        anchors = plan.anchors(subjects, (self._anchors, self._subjects))
        self._anchors |= set(anchors)
        wanted = {*subjects, *anchors}
        new = [name for name in dict.fromkeys([*plan.references, *subjects, *anchors]) if name not in self._subjects]
        artifacts, refused = self._convert(new)
        key = self._begin_session()
        for subject in [subject for subject in subjects if subject in refused]:
            self._store.add_event(key, Outcome(subject, refused[subject].status, refused[subject].reason))
        ours = [name for name in new if name not in refused]
        if wanted.isdisjoint(ours):  # references are measured for others
            ours = []
        self._subjects |= dict.fromkeys((*ours, *subjects))
        self._artifacts |= artifacts
        graphs = {term.graph.id: term.graph for name in ours for term in plan.terms(name)}
        terms = {name: [(term.graph.id, term.weight) for term in plan.terms(name)] for name in ours}
        alone = {name: plan.graphs[name] for name in subjects if name in ours and plan.is_stacked(name)}
        self._store.add_subjects(graphs.values())
        asked = [name for name in terms if name in plan.graphs]
        self._store.add_terms(key, terms, [name for name in terms if name in plan.references], asked)
        self._session.add(self._parts(graphs, terms), terms, anchors, plan.axes(self._subjects), self._parts(alone, {}))
        self._take(self._session.begin(rounds) if ours else iter(()))
        plan.measured.update(ours)

    def finish(self) -> None:
        """Measure until every subject has met a stopping rule."""
        self._take(self._session.finish())

    def _begin_session(self) -> int:
        if self._key is None:
            plan, hello = self._plan, self._session.hello or self._session.start()
            self._store.add_subjects(plan.references.values())
            where = (str(plan.platform), self._target.name, plan.environment, plan.method, plan.context)
            self._key = self._store.begin_session(*where, self._options.settings, hello.cpus, hello.state)
            self._bar = tqdm(desc=f"measure {self._label}", unit="sample", disable=not self._options.progress)
        return self._key

    def _parts(self, graphs: Mapping[str, Graph], terms: Terms) -> dict[str, Part]:
        """Return the parts that these graphs are, each at the distance of the first subject that it belongs to."""
        plan, hello = self._plan, self._session.hello
        subjects: dict[str, str] = {}
        for subject, parts in terms.items():
            for part, _ in parts:
                subjects.setdefault(part, subject)
        made = {}
        for name, each in graphs.items():
            far = (0, 0)
            if name in subjects:
                subject = subjects[name]
                distance = plan.distance_bytes(subject, hello.last_cache_bytes if hello else 0)
                far = (weight_bytes(plan.graph(subject)), distance)
            precision = plan.platform.runs_at(each.precision)
            made[name] = Part(self._artifacts[name], precision, bound(each), working_set_bytes(each), *far)
        return made

    def _take(self, events: Iterator[Event]) -> None:
        """Let events happen and write them down, until the seconds of the session are spent."""
        assert self._key is not None
        for event in events:
            artifact = self._artifacts[event.part] if isinstance(event, Loaded) else None
            self._store.add_event(self._key, event, artifact)
            if isinstance(event, Sample | Counted):
                self._bar.total = self._session.expected_samples
                self._bar.update()
                if self._are_seconds_spent():
                    break
        self._bar.total = self._bar.n
        self._bar.refresh()

    def _are_seconds_spent(self) -> bool:
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._options.seconds
        return time.monotonic() > self._ends_at

    # ------------------------------------------------------------------ converting

    def _convert(self, subjects: Collection[str]) -> tuple[dict[str, Artifact], dict[str, Refusal]]:
        """Return the artifacts of the subjects' parts, and why some subjects cannot be run."""
        plan = self._plan
        refused: dict[str, Refusal] = {}
        users: dict[str, list[str]] = {}
        graphs: dict[str, Graph] = {}
        for subject in subjects:
            needed = [term.graph for term in plan.terms(subject)]
            if plan.is_stacked(subject) and subject in plan.graphs:
                needed.append(plan.graphs[subject])  # to check its output
            if why := next(filter(None, map(plan.platform.refuses, needed)), ""):
                refused[subject] = Refusal("unsupported", why)
                continue
            for graph in needed:
                graphs[graph.id] = graph
                users.setdefault(graph.id, []).append(subject)
        artifacts: dict[str, Artifact] = {}
        for name, converter, result in self._converted(graphs):
            if isinstance(result, Artifact):
                artifacts[name] = result
            else:
                refused |= dict.fromkeys(users[name], Refusal(result.status, f"conversion to {converter}: {result}"))
        return artifacts, refused

    def _converted(self, graphs: dict[str, Graph]) -> Iterator[tuple[str, str, Artifact | ConversionError]]:
        """Yield for each graph its name, its converter's, and what that gave; graphs of one artifact are made once."""
        platform = self._plan.platform
        at = {name: graph.at(platform.runs_at(graph.precision)) for name, graph in graphs.items()}
        jobs = {graph.id: (get_converter(platform.converter_for(graph.precision)), graph) for graph in at.values()}
        finished = self._pool.convert(list(jobs.values()))
        hidden = not (self._options.progress and jobs)
        bar = tqdm(finished, f"convert {self._label}", len(jobs), unit="graph", disable=hidden)
        made = {graph.id: (converter.name, result) for (converter, graph), result in bar}
        for name, graph in at.items():
            yield name, *made[graph.id]

"""From layers to results: what is missing, shard by shard converted and measured, stored, derived.

A shard is as many layers as a runner has memory for. While one is measured nothing is converted: a converter busy on
the other core of a 2-core machine made most layers 1 to 2 % slower and large ones up to 6 %
(``benchmarks/disturbance.py``). The processes that convert stay, idle, from shard to shard.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from nnbehave.analysis.results import Results
from nnbehave.design.graph import Graph, as_graph
from nnbehave.design.layer import Layer
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.converters import Artifact, ArtifactCache, ConversionPool, get_converter
from nnbehave.measurement.derive import FEWEST_ANCHORS, REFERENCE, derive_rows, half_width
from nnbehave.measurement.isolation import EXACT, Term, bound, stack_depth, terms
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.session.events import Counted, Event, Loaded, Outcome, Sample
from nnbehave.measurement.session.exact import ExactSession
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate
from nnbehave.measurement.store.store import Store
from nnbehave.measurement.targets import Target, get_target

_LOG = logging.getLogger("nnbehave")
_SHARD_BYTES = 1 << 30  # that a runner may take, by the estimate below
_SPARE_ANCHORS = 1  # for one that fails
_LAYERS_PER_SHARD = 300  # so that a sweep that is stopped has most of what it did

Refusals = dict[str, tuple[str, str]]  # of subjects that cannot be run here, the status and the reason


@dataclass
class _Plan:
    """What is to be measured on one platform by one method."""

    platform: Platform
    method: str
    environment: str
    graphs: dict[str, Graph]
    curves: list[list[str]]
    measured: set[str]
    missing: list[str]
    references: dict[str, Graph] = field(default_factory=dict)
    session: Session | ExactSession | None = None  # begun to find out what is there, for the first run to go on in

    def terms(self, subject: str) -> tuple[Term, ...]:
        """Return what is run for a subject or, by its name, for a reference."""
        graph = self.references[subject] if subject in self.references else self.graphs[subject]
        return terms(graph, self.method)

    def end_session(self) -> None:
        """End the session that nobody has gone on in."""
        if self.session is not None:
            self.session.close()
            self.session = None


class Pipeline:
    """The store, the machine and the converters, held from one call of ``measure`` to the next.

    Parameters as of :func:`nnbehave.sweep`. ``uncut`` measures every graph as networks are by default, by a whole call,
    or by the platform's own method where it has no clock; and all in one session where a runner has memory for that,
    since they are for comparing with one another. A context manager.
    """

    def __init__(
        self,
        space: Space | None,
        platforms: str | Sequence[str],
        store: str | Path | None,
        method: str | None,
        settings: Settings,
        retry: bool,
        progress: bool,
        uncut: bool = False,
        target: str = "local",
    ) -> None:
        self.platforms = _platforms(platforms)
        if not self.platforms:
            raise InvalidInputError("nothing to measure: no platforms")
        self._space, self._where, self._method, self._uncut = space, store, method, uncut
        self._settings, self._retry, self._progress = settings, retry, progress
        self._open = ExitStack()
        self._target, self._cache = get_target(target), ArtifactCache()
        self._environments: set[str] = set()
        self._methods: set[str] = set()
        self._subjects: dict[str, None] = {}

    def __enter__(self) -> Pipeline:
        with ExitStack() as opening:
            opening.enter_context(self._target)
            self.platforms = [self._target.adapt(platform) for platform in self.platforms]  # a missing runtime shows
            for platform in self.platforms:
                _check_method(platform, self._method)
            self._store = opening.enter_context(Store(self._where))
            if any(platform.wall_clock for platform in self.platforms):  # converting takes all cores, so for that too
                opening.enter_context(self._target.exclusive(_LOG.warning))
            self._pool = opening.enter_context(ConversionPool(self._settings.seed, self._cache))
            self._space_id = self._store.add_space(self._space) if self._space is not None else None
            self._open = opening.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._open.close()

    def measure(
        self, curves: Sequence[Sequence[Layer | Graph]], platforms: Sequence[Platform] | None = None
    ) -> Results:
        """Measure what the store lacks of some curves, on some of the platforms, and return all results so far."""
        if not any(curves):
            raise InvalidInputError("nothing to measure: no layers")
        platforms = self.platforms if platforms is None else platforms
        plans = [plan for platform in platforms for plan in self._plans(platform, curves)]
        for plan in plans[1:]:  # whose runner would lie idle all the time that the others take
            plan.end_session()
        for plan in plans:
            shards = list(_shards(plan, len(plan.missing) if self._uncut else _LAYERS_PER_SHARD))
            for i, shard in enumerate(shards):
                label = f"{plan.platform}" + (f" {i + 1}/{len(shards)}" if len(shards) > 1 else "")
                with self._run(plan, label) as run:
                    run.begin(shard, self._settings.min_rounds)
                    run.finish()
        return self.results()

    def search(self, platform: Platform, curves: Sequence[Sequence[Layer]]) -> Run:
        """Return a session on a platform, in which points of these curves can be measured batch after batch."""
        (plan,) = self._plans(platform, curves)
        return self._run(plan, f"{platform}")

    def results(self) -> Results:
        """Return what the store has of all that was to be measured so far."""
        subjects = None if self._space_id is not None else list(self._subjects)
        names = [str(platform) for platform in self.platforms]
        return Results.from_store(self._store, names, self._space_id, subjects, self._environments, self._methods)

    def _plans(self, platform: Platform, curves: Sequence[Sequence[Layer | Graph]]) -> list[_Plan]:
        by_curve = [[as_graph(subject) for subject in curve] for curve in curves]
        graphs = [graph for curve in by_curve for graph in curve]
        self._store.add_subjects(graphs)
        self._subjects |= dict.fromkeys(graph.id for graph in graphs)
        plans = []
        for how, some in self._by_method(platform, by_curve):
            plan = _plan(platform, how, self._target, self._store, self._space_id, some, self._settings, self._retry)
            self._open.callback(plan.end_session)
            plans.append(plan)
        self._environments |= {plan.environment for plan in plans}
        self._methods |= {plan.method for plan in plans}
        return plans

    def _run(self, plan: _Plan, label: str) -> Run:
        session = plan.session or _session(plan.platform, plan.method, self._target, self._settings, plan.references)
        plan.session = None
        settings, progress = self._settings, self._progress
        return Run(plan, session, self._target, self._store, self._pool, self._cache, settings, label, progress)

    def _by_method(self, platform: Platform, curves: list[list[Graph]]) -> Iterator[tuple[str, list[list[Graph]]]]:
        """Yield the methods to measure a platform by, each with its curves: whole networks ``whole`` by default."""
        default = platform.methods[0]
        networks = "whole" if "whole" in platform.methods else default
        split: dict[str, list[list[Graph]]] = {}
        for curve in curves:
            of_curve: dict[str, list[Graph]] = {}
            for graph in curve:
                whole = self._uncut or graph.arrangement == "network"
                how = self._method or (networks if whole else default)
                of_curve.setdefault(how, []).append(graph)
            for how, some in of_curve.items():
                split.setdefault(how, []).append(some)
        yield from split.items()


def _platforms(names: str | Sequence[str]) -> list[Platform]:
    """Return the platforms of these names, each once."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f"platforms: expected a name or a list of names, got {names!r}")
    return list({str(platform): platform for platform in map(get_platform, names)}.values())


def _check_method(platform: Platform, method: str | None) -> None:
    if method is not None and method not in (*platform.methods, "none"):
        known = ", ".join((*platform.methods, "none"))
        raise InvalidInputError(f"method: {platform.name!r} can be measured by {known}, got {method!r}")


def _plan(
    platform: Platform,
    method: str,
    target: Target,
    store: Store,
    space_id: str | None,
    curves: list[list[Graph]],
    settings: Settings,
    retry: bool,
) -> _Plan:
    """Find what the store lacks for this platform here."""
    references = {} if method in ("none", *EXACT) else {REFERENCE + graph.id: graph for graph in _references()}
    graphs = {graph.id: graph for curve in curves for graph in curve}
    wanted = None if space_id else list(graphs)
    session = _session(platform, method, target, settings, references)
    with ExitStack() as opening:
        opening.callback(session.close)
        hello = session.start()
        environment = store.add_environment({"machine": hello.machine, "versions": hello.versions})
        rows = list(derive_rows(store, [str(platform)], space_id, wanted, [environment], [method]))
        opening.pop_all()
    unlinked = {row["subject"] for row in rows if isnan(row["join_factor"])}
    settled = {row["subject"]: row["latency_ms"] for row in rows if _is_settled(row, settings, retry)}
    done = settled.keys() - unlinked
    measured = {subject for subject in done if not isnan(settled[subject])}
    names = [[graph.id for graph in curve] for curve in curves]
    missing = [subject for subject in graphs if subject not in done]
    plan = _Plan(platform, method, environment, graphs, names, measured & done, missing, references, session)
    if not missing:
        plan.end_session()
    return plan


def _session(
    platform: Platform, method: str, target: Target, settings: Settings, references: Iterable[str]
) -> Session | ExactSession:
    if method in EXACT:
        return ExactSession(platform, target, settings)
    return Session(platform, target, {}, {}, settings, method, list(references))


def _is_settled(row: dict[str, Any], settings: Settings, retry: bool) -> bool:
    """Whether a row answers what is asked now, or has been tried for and may stay as it is."""
    if isnan(row["latency_ms"]):
        return not retry
    if half_width(row) <= settings.interval and row["status"] == "ok":
        return True
    return bool(row["session_finished"]) and row["interval_asked"] <= settings.interval and not retry


def _anchors(plan: _Plan, subjects: Collection[str], preferred: Sequence[Collection[str]]) -> list[str]:
    """Choose, for each curve that some of the subjects are points of, points that were measured before.

    Of those ``preferred``, the first where they are enough. Where there are fewer than join sessions they are all
    chosen, and the curve is whole in the new session.
    """
    chosen: dict[str, None] = {}
    count = FEWEST_ANCHORS + _SPARE_ANCHORS
    for curve in plan.curves:
        if not set(curve).isdisjoint(subjects):
            known = [subject for subject in curve if subject in plan.measured]
            pools = ([subject for subject in known if subject in some] for some in preferred)
            known = next((pool for pool in pools if len(pool) >= count), known)
            if len(known) > count:
                known = [known[i * (len(known) - 1) // (count - 1)] for i in range(count)]
            chosen |= dict.fromkeys(known)
    return [subject for subject in chosen if subject not in subjects]


def _references() -> list[Graph]:
    """Return the layers that every session measures in every round, for ``relative_latency``.

    Four bound by computing, small and large, with few and with many weights, since a machine that is slow for an hour
    is not as slow for all; and one bound by memory (10 MB a call).
    """
    shapes = [(14, 64, 64, 3), (7, 128, 256, 3), (28, 64, 64, 1), (56, 16, 32, 3)]
    layers = [Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=k) for h, i, o, k in shapes]
    return [Graph([layer]) for layer in [*layers, Layer(op="add", height=112, in_channels=64)]]


# ---------------------------------------------------------------------- shards


def _shards(plan: _Plan, most: int) -> Iterator[list[str]]:
    """Deal the missing subjects out to sessions, a curve's together; one too large for that in turns."""
    budget = _SHARD_BYTES - _held(plan, plan.references)
    left = dict.fromkeys(plan.missing)
    shard: list[str] = []
    for curve in plan.curves:
        points = [subject for subject in curve if left.pop(subject, 0) is None]
        held = _held(plan, points)
        if shard and (_held(plan, shard) + held > budget or len(shard) + len(points) > most):
            yield shard
            shard = []
        count = min(len(points), max(-(-held // budget), -(-len(points) // most)))
        if count > 1:
            yield from (points[i::count] for i in range(count))
        else:
            shard += points
    if shard:
        yield shard


def _pieces(plan: _Plan, subjects: Sequence[str]) -> Iterator[list[str]]:
    """Split subjects where a runner has no memory for all."""
    piece: list[str] = []
    held = 0
    for subject in subjects:
        more = _held(plan, [subject])
        if piece and held + more > _SHARD_BYTES:
            yield piece
            piece, held = [], 0
        piece.append(subject)
        held += more
    if piece:
        yield piece


def _held(plan: _Plan, subjects: Collection[str]) -> int:
    """Estimate what a runner takes to hold subjects: of each copy three times its weights, and what it reads, writes.

    A stack's own layers read what a copy reads and read what it writes.
    """
    graphs = plan.graphs | plan.references
    total = 0
    for subject in subjects:
        layers = graphs[subject].layers
        copies = stack_depth(graphs[subject]) if plan.method == "stacked" else 1
        weights = sum(layer.operator.weights(layer) for layer in layers)
        total += 100_000 + copies * (12 * weights + 4 * sum(layer.operator.moved(layer) for layer in layers))
    return total


def _convert(
    plan: _Plan, subjects: Collection[str], pool: ConversionPool, label: str, progress: bool
) -> tuple[dict[str, Artifact], dict[str, tuple[str, str]]]:
    """Return the artifacts of parts, and for subjects that cannot be run here the status and the reason."""
    artifacts: dict[str, Artifact] = {}
    refused: dict[str, tuple[str, str]] = {}
    users: dict[str, list[str]] = {}
    graphs: dict[str, Graph] = {}
    for subject in dict.fromkeys(subjects):
        needed = [term.graph for term in plan.terms(subject)]
        if plan.method == "stacked" and subject not in plan.references:
            needed.append(plan.graphs[subject])  # for its check
        if why := next(filter(None, map(plan.platform.refuses, needed)), ""):
            refused[subject] = ("unsupported", why)
            continue
        for graph in needed:
            graphs[graph.id] = graph
            users.setdefault(graph.id, []).append(subject)
    wanted = {name: graph.at(plan.platform.runs_at(graph.precision)) for name, graph in graphs.items()}
    jobs = {graph.id: (get_converter(plan.platform.converter_for(graph.precision)), graph) for graph in wanted.values()}
    made = {}
    finished = pool.convert(list(jobs.values()))
    for (converter, graph), result in tqdm(finished, label, len(jobs), unit="graph", disable=not (progress and jobs)):
        made[graph.id] = converter.name, result
    for name, graph in wanted.items():
        by, result = made[graph.id]
        if isinstance(result, Artifact):
            artifacts[name] = result
        else:
            refused |= dict.fromkeys(users[name], (result.status, f"conversion to {by}: {result}"))
    return artifacts, refused


def _is_axis(plan: _Plan, curve: Sequence[str]) -> bool:
    """Whether a curve is over numbers, so that its points have neighbours."""
    kinds = {
        (layer.op, layer.precision, layer.activation) for subject in curve for layer in plan.graphs[subject].layers
    }
    return len(kinds) == 1


class Run:
    """A session under way: what is to be measured in it is converted, what happens is written into the store.

    Use it in a ``with``. It begins with the first subjects; between batches its process lies idle.
    """

    def __init__(
        self,
        plan: _Plan,
        session: Session | ExactSession,
        target: Target,
        store: Store,
        pool: ConversionPool,
        cache: ArtifactCache,
        settings: Settings,
        label: str,
        progress: bool,
    ) -> None:
        self._plan, self._store, self._pool, self._cache, self._label = plan, store, pool, cache, label
        self._session, self._settings, self._target, self._progress = session, settings, target, progress
        self._key: int | None = None
        self._subjects: dict[str, None] = {}
        self._anchors: set[str] = set()  # the same for every batch, so that they are loaded once
        self._artifacts: dict[str, Artifact] = {}
        self._bar = tqdm(unit="sample", disable=True)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: Any) -> None:
        self._session.close()
        self._bar.close()
        if self._key is not None and kind is None:
            self._store.end_session(self._key)

    def lacks(self, subjects: Iterable[str]) -> list[str]:
        """Return those that neither the store has nor this session has had."""
        missing = set(self._plan.missing)
        return [subject for subject in dict.fromkeys(subjects) if subject in missing and subject not in self._subjects]

    def estimates(self) -> dict[str, Estimate]:
        """Return what is known by now of the subjects measured here, those with enough rounds for an interval."""
        fewest = 1 if self._plan.method in EXACT else self._settings.min_rounds
        return {name: found for name, found in self._session.estimates.items() if found.rounds >= fewest}

    def begin(self, subjects: Sequence[str], rounds: int) -> None:
        """Convert subjects and measure them for some rounds, beside points of their curves that are known."""
        for piece in _pieces(self._plan, subjects):
            unknown = [name for name in self._subjects if name not in self._session.done]
            if _held(self._plan, [*unknown, *piece]) > _SHARD_BYTES:
                self._take(self._session.finish())
            self._begin(piece, rounds)

    def _begin(self, subjects: Sequence[str], rounds: int) -> None:
        plan = self._plan
        anchors = [] if plan.method in EXACT else _anchors(plan, subjects, (self._anchors, self._subjects))
        self._anchors |= set(anchors)
        new = [name for name in (*plan.references, *subjects, *anchors) if name not in self._subjects]
        artifacts, refused = _convert(plan, new, self._pool, f"convert {self._label}", self._progress)
        key = self._begin_session()
        for subject in [subject for subject in subjects if subject in refused]:
            self._store.add_event(key, Outcome(subject, *refused[subject]))
        ours = [name for name in new if name not in refused]
        if set(ours) <= set(plan.references):  # the session is for what was lost alone
            ours = []
        self._subjects |= dict.fromkeys((*ours, *subjects))
        self._artifacts |= artifacts
        graphs = {term.graph.id: term.graph for name in ours for term in plan.terms(name)}
        terms = {name: [(term.graph.id, term.weight) for term in plan.terms(name)] for name in ours}
        alone = {name: plan.graphs[name] for name in subjects if name in ours and plan.method == "stacked"}
        axes = [[name for name in curve if name in self._subjects] for curve in plan.curves if _is_axis(plan, curve)]
        self._store.add_subjects(graphs.values())
        self._store.add_terms(key, terms)
        self._session.add(self._parts(graphs), terms, anchors, axes, self._parts(alone))
        self._take(self._session.begin(rounds) if ours else iter(()))
        plan.measured.update(ours)

    def finish(self) -> None:
        """Measure until all of it is known well enough."""
        self._take(self._session.finish())
        self._cache.trim()

    def _begin_session(self) -> int:
        if self._key is None:
            plan, hello = self._plan, self._session.hello or self._session.start()
            platform = str(plan.platform)
            self._store.add_subjects(plan.references.values())
            self._key = self._store.begin_session(
                platform,
                self._target.name,
                plan.environment,
                plan.method,
                self._settings,
                list(hello.cpus),
                {},
                hello.state,
            )
            self._bar = tqdm(desc=f"measure {self._label}", unit="sample", disable=not self._progress)
        return self._key

    def _parts(self, graphs: dict[str, Graph]) -> dict[str, Part]:
        return {
            name: Part(self._artifacts[name], self._plan.platform.runs_at(each.precision), bound(each))
            for name, each in graphs.items()
        }

    def _take(self, events: Iterator[Event]) -> None:
        """Let events happen, and write them down."""
        assert self._key is not None
        for event in events:
            artifact = self._artifacts[event.part] if isinstance(event, Loaded) else None
            self._store.add_event(self._key, event, artifact)
            if isinstance(event, Sample | Counted):
                self._bar.total = self._session.expected_samples
                self._bar.update()
        self._bar.total = self._bar.n
        self._bar.refresh()

"""From layers to results: what is missing, shard by shard converted and measured, stored, derived.

A shard is as many layers as a runner has memory for. While one is measured nothing is converted: a converter busy on
the other core of a 2-core machine made most layers 1 to 2 % slower and large ones up to 6 %
(``benchmarks/disturbance.py``). The processes that convert stay, idle, from shard to shard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from nnbehave.converters import CONVERTERS, Artifact, ArtifactCache, ConversionPool
from nnbehave.derive import FEWEST_ANCHORS, REFERENCE, derive_rows, half_width
from nnbehave.errors import InvalidInputError
from nnbehave.graph import Graph, as_graph
from nnbehave.layer import Layer
from nnbehave.measurement import (
    Block,
    Loaded,
    Outcome,
    Part,
    Session,
    Settings,
    Term,
    bound,
    stack_depth,
    terms,
)
from nnbehave.platforms import Platform, get_platform
from nnbehave.results import Results
from nnbehave.space import Space
from nnbehave.store import Store
from nnbehave.targets import LocalTarget

_LOG = logging.getLogger("nnbehave")
_SHARD_BYTES = 1 << 30  # that a runner may take, by the estimate below
_SPARE_ANCHORS = 1  # for one that fails
_LAYERS_PER_SHARD = 300  # so that a sweep that is stopped has most of what it did


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

    def terms(self, subject: str) -> tuple[Term, ...]:
        """Return what is run for a subject or, by its name, for a reference."""
        graph = self.references[subject] if subject in self.references else self.graphs[subject]
        return terms(graph, self.method)


class Pipeline:
    """The store, the machine and the converters, held from one call of ``measure`` to the next.

    Parameters as of :func:`nnbehave.sweep`; a context manager.
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
    ) -> None:
        self.platforms = _platforms(platforms)
        if not self.platforms:
            raise InvalidInputError("nothing to measure: no platforms")
        for platform in self.platforms:
            _check_method(platform, method)
            platform.version()  # a missing runtime shows before anything is measured
        self._space, self._where, self._method = space, store, method
        self._settings, self._retry, self._progress = settings, retry, progress
        self._open = ExitStack()
        self._target, self._cache = LocalTarget(), ArtifactCache()
        self._environments: set[str] = set()
        self._methods: set[str] = set()
        self._subjects: dict[str, None] = {}
        self._tried: set[tuple[str, str]] = set()  # platform and subject: retried once, not with every batch

    def __enter__(self) -> Pipeline:
        with ExitStack() as opening:
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
        by_curve = [[as_graph(subject) for subject in curve] for curve in curves]
        if not any(by_curve):
            raise InvalidInputError("nothing to measure: no layers")
        platforms = self.platforms if platforms is None else platforms
        graphs = [graph for curve in by_curve for graph in curve]
        self._store.add_subjects(graphs)
        self._subjects |= dict.fromkeys(graph.id for graph in graphs)
        wanted = [(platform, how, some) for platform in platforms for how, some in self._by_method(platform, by_curve)]
        plans = [
            _plan(platform, how, self._target, self._store, self._space_id, some, self._settings, self._again(platform))
            for platform, how, some in wanted
        ]
        for plan in plans:
            self._tried |= {(str(plan.platform), subject) for subject in plan.graphs}
            self._environments.add(plan.environment)
            self._methods.add(plan.method)
            _carry_out(plan, self._target, self._store, self._pool, self._cache, self._settings, self._progress)
        subjects = None if self._space_id is not None else list(self._subjects)
        names = [str(platform) for platform in self.platforms]
        return Results.from_store(self._store, names, self._space_id, subjects, self._environments, self._methods)

    def _again(self, platform: Platform) -> Callable[[str], bool]:
        """Return whether a subject that was tried before is to be tried again."""
        return lambda subject: self._retry and (str(platform), subject) not in self._tried

    def _by_method(self, platform: Platform, curves: list[list[Graph]]) -> Iterator[tuple[str, list[list[Graph]]]]:
        """Yield the methods to measure a platform by, each with its curves: whole networks ``whole`` by default."""
        default = platform.methods[0]
        networks = "whole" if "whole" in platform.methods else default
        split: dict[str, list[list[Graph]]] = {}
        for curve in curves:
            of_curve: dict[str, list[Graph]] = {}
            for graph in curve:
                how = self._method or (networks if graph.arrangement == "network" else default)
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
    target: LocalTarget,
    store: Store,
    space_id: str | None,
    curves: list[list[Graph]],
    settings: Settings,
    retry: Callable[[str], bool],
) -> _Plan:
    """Find what the store lacks for this platform here."""
    session = Session(platform, target, {}, {}, settings)
    try:
        hello = session.start()
    finally:
        session.close()
    environment = store.add_environment({"machine": hello["machine"], "versions": hello["versions"]})
    graphs = {graph.id: graph for curve in curves for graph in curve}
    wanted = None if space_id else list(graphs)
    rows = list(derive_rows(store, [str(platform)], space_id, wanted, [environment], [method]))
    unlinked = {row["subject"] for row in rows if isnan(row["join_factor"])}
    settled = {row["subject"]: row["latency_ms"] for row in rows if _is_settled(row, settings, retry(row["subject"]))}
    done = settled.keys() - unlinked
    measured = {subject for subject in done if not isnan(settled[subject])}
    names = [[graph.id for graph in curve] for curve in curves]
    missing = [subject for subject in graphs if subject not in done]
    references = {} if method == "none" else {REFERENCE + graph.id: graph for graph in _references()}
    return _Plan(platform, method, environment, graphs, names, measured & done, missing, references)


def _is_settled(row: dict[str, Any], settings: Settings, retry: bool) -> bool:
    """Whether a row answers what is asked now, or has been tried for and may stay as it is."""
    if isnan(row["latency_ms"]):
        return not retry
    if half_width(row) <= settings.interval and row["status"] == "ok":
        return True
    return bool(row["session_finished"]) and row["interval_asked"] <= settings.interval and not retry


def _anchors(plan: _Plan, subjects: Collection[str]) -> list[str]:
    """Choose, for each curve that some of the subjects are points of, points that were measured before.

    Where these are fewer than join sessions they are all chosen, and the curve is whole in the new session.
    """
    chosen: dict[str, None] = {}
    for curve in plan.curves:
        if not set(curve).isdisjoint(subjects):
            known = [subject for subject in curve if subject in plan.measured]
            count = FEWEST_ANCHORS + _SPARE_ANCHORS
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


def _carry_out(
    plan: _Plan,
    target: LocalTarget,
    store: Store,
    pool: ConversionPool,
    cache: ArtifactCache,
    settings: Settings,
    progress: bool,
) -> None:
    """Convert and measure what is missing, shard by shard; each repeats points of the curves that it goes on with."""
    shards = list(_shards(plan))
    for i, shard in enumerate(shards):
        label = f"{plan.platform}" + (f" {i + 1}/{len(shards)}" if len(shards) > 1 else "")
        anchors = _anchors(plan, shard)
        wanted = list(dict.fromkeys([*plan.references, *shard, *anchors]))
        artifacts, refused = _convert(plan, wanted, pool, f"convert {label}", progress)
        lost = [Outcome(subject, *refused[subject]) for subject in shard if subject in refused]
        run = [subject for subject in wanted if subject not in refused]
        alone = [subject for subject in shard if subject in run] if plan.method == "stacked" else []
        _session(plan, run, anchors, alone, lost, artifacts, target, store, settings, f"measure {label}", progress)
        plan.measured.update(subject for subject in shard if subject in run)
        cache.trim()


def _shards(plan: _Plan) -> Iterator[list[str]]:
    """Deal the missing subjects out to sessions, a curve's together; one that is too large for that in turns."""
    budget = _SHARD_BYTES - _held(plan, plan.references)
    left = dict.fromkeys(plan.missing)
    shard: list[str] = []
    for curve in plan.curves:
        points = [subject for subject in curve if left.pop(subject, 0) is None]
        held = _held(plan, points)
        if shard and (_held(plan, shard) + held > budget or len(shard) + len(points) > _LAYERS_PER_SHARD):
            yield shard
            shard = []
        count = min(len(points), max(-(-held // budget), -(-len(points) // _LAYERS_PER_SHARD)))
        if count > 1:
            yield from (points[i::count] for i in range(count))
        else:
            shard += points
    if shard:
        yield shard


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
    for subject in subjects:
        needed = [term.graph for term in plan.terms(subject)]
        if plan.method == "stacked" and subject not in plan.references:
            needed.append(plan.graphs[subject])  # for its check
        if lacking := [graph.precision for graph in needed if graph.precision not in plan.platform.precisions]:
            known = ", ".join(plan.platform.precisions)
            refused[subject] = ("unsupported", f"{plan.platform.name} has no {lacking[0]}, only {known}")
            continue
        for graph in needed:
            graphs[graph.id] = graph
            users.setdefault(graph.id, []).append(subject)
    jobs = [(CONVERTERS[plan.platform.converter_for(graph.precision)], graph) for graph in graphs.values()]
    finished = pool.convert(jobs)
    for (converter, graph), result in tqdm(finished, label, len(jobs), unit="graph", disable=not (progress and jobs)):
        if isinstance(result, Artifact):
            artifacts[graph.id] = result
        else:
            why = f"conversion to {converter.name}: {result}"
            refused |= dict.fromkeys(users[graph.id], (result.status, why))
    return artifacts, refused


def _is_axis(plan: _Plan, curve: Sequence[str]) -> bool:
    """Whether a curve is over numbers, so that its points have neighbours."""
    kinds = {
        (layer.op, layer.precision, layer.activation) for subject in curve for layer in plan.graphs[subject].layers
    }
    return len(kinds) == 1


def _session(
    plan: _Plan,
    subjects: Sequence[str],
    anchors: Sequence[str],
    alone: Sequence[str],
    lost: Sequence[Outcome],
    artifacts: dict[str, Artifact],
    target: LocalTarget,
    store: Store,
    settings: Settings,
    label: str,
    progress: bool,
) -> None:
    """Measure subjects, check some of them ``alone``, and write what happens into the store."""
    ours = {subject: plan.terms(subject) for subject in subjects}
    if set(ours) <= set(plan.references):  # nothing to measure: the session is for what was lost alone
        ours = {}
    graphs = {term.graph.id: term.graph for each in ours.values() for term in each}
    parts = {name: Part(artifacts[name], graph.precision, bound(graph)) for name, graph in graphs.items()}
    weights = {subject: [(term.graph.id, term.weight) for term in each] for subject, each in ours.items()}
    axes = [[subject for subject in curve if subject in ours] for curve in plan.curves if _is_axis(plan, curve)]
    references = [name for name in plan.references if name in ours]
    checks = {name: Part(artifacts[name], plan.graphs[name].precision, bound(plan.graphs[name])) for name in alone}
    session = Session(
        plan.platform, target, parts, weights, settings, plan.method, references, anchors, axes, checks=checks
    )
    with tqdm(desc=label, unit="block", disable=not progress) as bar:
        hello = session.start()
        store.add_subjects([*graphs.values(), *plan.references.values()])
        platform = str(plan.platform)
        key = store.begin_session(
            platform, target.name, plan.environment, plan.method, settings, hello["cpus"], weights
        )
        for outcome in lost:
            store.add_event(key, outcome)
        for event in session:
            store.add_event(key, event, (parts | checks)[event.subject].artifact if isinstance(event, Loaded) else None)
            if isinstance(event, Block):
                bar.total = session.expected_blocks
                bar.update()
        bar.total = bar.n
        bar.refresh()
        store.end_session(key)

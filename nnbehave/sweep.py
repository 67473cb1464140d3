"""From a space to results: convert, measure, store, derive. ``nnbehave.sweep`` is this module and its function.

What is heavy is imported inside the functions, since ``import nnbehave`` binds them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnbehave.converters import Artifact, ArtifactCache, Converter
    from nnbehave.errors import ConversionError
    from nnbehave.graph import Graph
    from nnbehave.layer import Layer
    from nnbehave.measurement import Outcome, Settings, Term
    from nnbehave.platforms import Platform
    from nnbehave.results import Results
    from nnbehave.space import Space
    from nnbehave.store import Store
    from nnbehave.targets import LocalTarget

_LOG = logging.getLogger("nnbehave")
_SESSION_BYTES = 1 << 30  # artifacts that one runner holds at a time; it needs some three times that in memory


def sweep(
    space: str | Path | Space | None = None,
    *,
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    layer: Layer | None = None,
    dimension: str | None = None,
    values: Iterable[Any] | None = None,
    sampling: str = "exhaustive",
    method: str | None = None,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
) -> Results:
    """Measure every layer of a space's one-dimension-at-a-time sweeps on some platforms.

    Layers that the store already holds for this machine, runtime and options are not measured again, so that a sweep
    that was interrupted goes on where it was: call it again.

    Parameters
    ----------
    space : str, path or Space
        A shipped space's name, a YAML file, or a space; or give ``layer``, ``dimension`` and ``values``.
    platforms : str or sequence of str
        ``name[:variant][?key=value&…]``; :func:`nnbehave.platforms` lists them.
    store : str or path, optional
        A database URL or the path of a SQLite file, made where there is none; by default nothing is kept.
    layer, dimension, values
        A layer, one of its dimensions, and the values to give it.
    sampling : {"exhaustive"}
        Which of the values to measure.
    method : {"stacked", "whole", "profiled"}, optional
        How a layer is isolated (:mod:`nnbehave.measurement.isolation`); by default the first that its platform lists.
        Whole networks are measured ``whole`` unless another is asked for.
    interval : float
        Measure a layer until its 95 % interval is within this share of its latency: 0.02, or 0.05 to be quick.
    time_limit_s : float
        For loading a layer, and for one block of it.
    seed : int
        Of weights, inputs and the order of rounds.
    retry : bool
        Measure again what failed, timed out or stayed noisy.
    progress : bool
        Show progress bars.

    Returns
    -------
    Results
        Of this space on these platforms.

    Raises
    ------
    InvalidInputError, SpaceError, UnknownPlatformError
        Before anything is measured, where the arguments cannot be used.
    MissingExtraError
        A runtime or TensorFlow is not installed.
    StoreError
        The store cannot be used; what was measured until then is in it.
    """
    from nnbehave.errors import InvalidInputError
    from nnbehave.layer import Layer
    from nnbehave.measurement import Settings
    from nnbehave.space import Space, load_space

    if sampling != "exhaustive":
        raise InvalidInputError(f"sampling: this version measures every value ('exhaustive'), got {sampling!r}")
    if space is None:
        if not isinstance(layer, Layer) or not isinstance(dimension, str) or not isinstance(values, Iterable):
            raise InvalidInputError("give a space, or layer= (a Layer), dimension= (a name) and values= (a sequence)")
        space = Space.from_layer(layer, dimension, list(values))
    elif layer is not None or dimension is not None or values is not None:
        raise InvalidInputError("give a space, or layer=, dimension= and values=, not both")
    elif not isinstance(space, Space):
        space = load_space(space)
    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    curves = [list(curve.layers) for curve in space.sweeps()]
    return _run(curves, space, platforms, store, method, settings, retry, progress)


def measure(
    subjects: Iterable[Layer | Graph],
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    method: str | None = None,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
) -> Results:
    """Measure layers and graphs on some platforms. Parameters, returns and errors as in :func:`sweep`."""
    from nnbehave.measurement import Settings

    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    curves = [[subject] for subject in subjects]
    return _run(curves, None, platforms, store, method, settings, retry, progress)


# ---------------------------------------------------------------------- the pipeline


@dataclass
class _Plan:
    """What is to be measured on one platform by one method."""

    platform: Platform
    method: str
    environment: str
    graphs: dict[str, Graph]
    curves: list[list[str]]
    measured: set[str]
    missing: list[Graph]
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # part to reason

    def terms(self, subject: str) -> tuple[Term, ...]:
        """Return what is run for a subject or, by its name, for a reference."""
        from nnbehave.measurement import terms

        references = {_reference_name(graph): graph for graph in _references()}
        return terms((self.graphs | references)[subject], self.method)


def _run(
    curves: Sequence[Sequence[Layer | Graph]],
    space: Space | None,
    platforms: str | Sequence[str],
    store: str | Path | None,
    method: str | None,
    settings: Settings,
    retry: bool,
    progress: bool,
) -> Results:
    from nnbehave.converters import ArtifactCache
    from nnbehave.errors import InvalidInputError
    from nnbehave.graph import as_graph
    from nnbehave.results import Results
    from nnbehave.store import Store
    from nnbehave.targets import LocalTarget

    by_curve = [[as_graph(subject) for subject in curve] for curve in curves]
    chosen = _platforms(platforms)
    if not any(by_curve) or not chosen:
        raise InvalidInputError("nothing to measure: no layers" if chosen else "nothing to measure: no platforms")
    wanted = [(platform, how, some) for platform in chosen for how, some in _by_method(platform, method, by_curve)]
    for platform in chosen:
        platform.version()  # a missing runtime shows before anything is measured
    target, cache = LocalTarget(), ArtifactCache()
    real_time = any(platform.wall_clock for platform in chosen)
    # Converting takes all cores, so the machine is held for that too.
    with Store(store) as opened, target.exclusive(_LOG.warning) if real_time else nullcontext():
        space_id = opened.add_space(space) if space is not None else None
        opened.add_subjects([graph for curve in by_curve for graph in curve])
        plans = [
            _plan(platform, how, target, opened, space_id, some, settings, retry) for platform, how, some in wanted
        ]
        _convert(plans, settings, cache, progress)
        for plan in plans:
            _measure(plan, target, opened, settings, progress)
        subjects = None if space is not None else list(dict.fromkeys(graph.id for c in by_curve for graph in c))
        environments = {plan.environment for plan in plans}
        methods = {plan.method for plan in plans}
        return Results.from_store(opened, [str(p) for p in chosen], space_id, subjects, environments, methods)


def _platforms(names: str | Sequence[str]) -> list[Platform]:
    """Return the platforms of these names, each once."""
    from nnbehave.errors import InvalidInputError
    from nnbehave.platforms import get_platform

    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f"platforms: expected a name or a list of names, got {names!r}")
    return list({str(platform): platform for platform in map(get_platform, names)}.values())


def _by_method(
    platform: Platform, method: str | None, curves: list[list[Graph]]
) -> Iterator[tuple[str, list[list[Graph]]]]:
    """Yield the methods to measure a platform by, each with its curves: whole networks are ``whole`` by default."""
    from nnbehave.errors import InvalidInputError

    if method is not None and method not in platform.methods:
        known = ", ".join(platform.methods)
        raise InvalidInputError(f"method: {platform.name!r} can be measured by {known}, got {method!r}")
    default = platform.methods[0]
    networks = "whole" if "whole" in platform.methods else default
    split: dict[str, list[list[Graph]]] = {}
    for curve in curves:
        of_curve: dict[str, list[Graph]] = {}
        for graph in curve:
            how = method or (networks if graph.arrangement == "network" else default)
            of_curve.setdefault(how, []).append(graph)
        for how, some in of_curve.items():
            split.setdefault(how, []).append(some)
    yield from split.items()


def _plan(
    platform: Platform,
    method: str,
    target: LocalTarget,
    store: Store,
    space_id: str | None,
    curves: list[list[Graph]],
    settings: Settings,
    retry: bool,
) -> _Plan:
    """Find what the store lacks for this platform here."""
    from nnbehave.derive import FEWEST_ANCHORS, derive_rows
    from nnbehave.measurement import Session

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
    settled = {row["subject"]: row["latency_ms"] for row in rows if _is_settled(row, settings, retry)}
    done = settled.keys() - unlinked
    measured = {subject for subject in done if not isnan(settled[subject])}
    names = [[graph.id for graph in curve] for curve in curves]
    for curve in names:  # too few points to join what is missing to: measure them again beside it
        if not done.issuperset(curve) and len(measured.intersection(curve)) < FEWEST_ANCHORS:
            done -= measured.intersection(curve)
    missing = [graph for subject, graph in graphs.items() if subject not in done]
    return _Plan(platform, method, environment, graphs, names, measured & done, missing)


def _is_settled(row: dict[str, Any], settings: Settings, retry: bool) -> bool:
    """Whether a row answers what is asked now, or has been tried for and may stay as it is."""
    from nnbehave.derive import half_width

    if isnan(row["latency_ms"]):
        return not retry
    if half_width(row) <= settings.interval and row["status"] == "ok":
        return True
    return bool(row["session_finished"]) and row["interval_asked"] <= settings.interval and not retry


def _anchors(plan: _Plan, subjects: Collection[str]) -> list[str]:
    """Choose, for each curve that some of the subjects are points of, points that were measured before."""
    from nnbehave.derive import FEWEST_ANCHORS

    chosen: dict[str, None] = {}
    for curve in plan.curves:
        if not set(curve).isdisjoint(subjects):
            known = [subject for subject in curve if subject in plan.measured]
            if len(known) > FEWEST_ANCHORS:
                known = [known[i * (len(known) - 1) // (FEWEST_ANCHORS - 1)] for i in range(FEWEST_ANCHORS)]
            chosen |= dict.fromkeys(known)
    return [subject for subject in chosen if subject not in subjects]


def _references() -> list[Graph]:
    """Return the layers that every session measures in every round, for ``relative_latency``.

    Four bound by computing, small and large, with few and with many weights, since a machine that is slow for an hour
    is not as slow for all; and one bound by memory (10 MB a call).
    """
    from nnbehave.graph import Graph
    from nnbehave.layer import Layer

    shapes = [(14, 64, 64, 3), (7, 128, 256, 3), (28, 64, 64, 1), (56, 16, 32, 3)]
    layers = [Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=k) for h, i, o, k in shapes]
    return [Graph([layer]) for layer in [*layers, Layer(op="add", height=112, in_channels=64)]]


def _reference_name(graph: Graph) -> str:
    from nnbehave.derive import REFERENCE

    return REFERENCE + graph.id


def _convert(plans: list[_Plan], settings: Settings, cache: ArtifactCache, progress: bool) -> None:
    """Convert all that the plans need, all platforms together."""
    from tqdm.auto import tqdm

    from nnbehave.converters import CONVERTERS, Artifact, convert_all

    jobs: dict[tuple[str, str], tuple[Converter, Graph]] = {}
    for plan in plans:
        converter = CONVERTERS[plan.platform.converter]
        wanted = [graph.id for graph in plan.missing]
        if wanted:
            wanted += [*_anchors(plan, wanted), *map(_reference_name, _references())]
        graphs = [term.graph for subject in wanted for term in plan.terms(subject)]
        jobs |= {(converter.name, graph.id): (converter, graph) for graph in graphs}
    results: dict[tuple[str, str], Artifact | ConversionError] = {}
    finished = convert_all(list(jobs.values()), settings.seed, cache)
    for (converter, graph), result in tqdm(
        finished, "convert", len(jobs), unit="graph", disable=not (progress and jobs)
    ):
        results[converter.name, graph.id] = result
    for plan in plans:
        for (name, part), result in results.items():
            if name != plan.platform.converter:
                continue
            if isinstance(result, Artifact):
                plan.artifacts[part] = result
            else:
                plan.refused[part] = f"conversion to {name}: {result}"


def _measure(plan: _Plan, target: LocalTarget, store: Store, settings: Settings, progress: bool) -> None:
    """Measure a plan in as many sessions as its artifacts need memory for; each repeats points of those before."""
    from nnbehave.measurement import Outcome

    missing = [graph.id for graph in plan.missing]
    refused = [
        Outcome(
            subject,
            "failed",
            next(plan.refused[term.graph.id] for term in plan.terms(subject) if term.graph.id in plan.refused),
        )
        for subject in missing
        if any(term.graph.id in plan.refused for term in plan.terms(subject))
    ]
    lost = {outcome.subject for outcome in refused}
    sizes = {
        subject: sum(plan.artifacts[term.graph.id].size_bytes for term in plan.terms(subject))
        for subject in missing
        if subject not in lost
    }
    for shard in _shards(sizes) or [[] for _ in missing[:1]]:  # with nothing converted, a session for the refused alone
        anchors = [s for s in _anchors(plan, shard) if all(term.graph.id in plan.artifacts for term in plan.terms(s))]
        _session(plan, shard, anchors, refused, target, store, settings, progress)
        plan.measured.update(shard)
        refused = []


def _shards(sizes: dict[str, int]) -> list[list[str]]:
    """Deal subjects out to sessions of at most ``_SESSION_BYTES``, so that each spans all of a curve."""
    count = -(-sum(sizes.values()) // _SESSION_BYTES)
    return [list(sizes)[i::count] for i in range(count)]


def _session(
    plan: _Plan,
    subjects: Collection[str],
    anchors: Sequence[str],
    refused: list[Outcome],
    target: LocalTarget,
    store: Store,
    settings: Settings,
    progress: bool,
) -> None:
    from tqdm.auto import tqdm

    from nnbehave.measurement import Block, Loaded, Part, Session, bound

    platform = str(plan.platform)
    references = [_reference_name(graph) for graph in _references()] if subjects else []
    references = [name for name in references if all(term.graph.id in plan.artifacts for term in plan.terms(name))]
    run = {subject: plan.terms(subject) for subject in [*references, *subjects, *anchors]}
    graphs = {term.graph.id: term.graph for terms in run.values() for term in terms}
    parts = {name: Part(plan.artifacts[name], bound(graph)) for name, graph in graphs.items()}
    terms = {subject: [(term.graph.id, term.weight) for term in each] for subject, each in run.items()}
    axes = [[subject for subject in curve if subject in run] for curve in plan.curves]
    session = Session(plan.platform, target, parts, terms, settings, plan.method, references, anchors, axes)
    bar = tqdm(desc=f"measure {platform}", unit="block", disable=not progress)
    with bar:
        hello = session.start()
        store.add_subjects([*graphs.values(), *_references()])
        key = store.begin_session(platform, target.name, plan.environment, plan.method, settings, hello["cpus"], terms)
        for outcome in refused:
            store.add_event(key, outcome)
        for event in session:
            store.add_event(key, event, parts[event.subject].artifact if isinstance(event, Loaded) else None)
            if isinstance(event, Block):
                bar.total = session.expected_blocks
                bar.update()
        bar.total = bar.n
        bar.refresh()
        store.end_session(key)

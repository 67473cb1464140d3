"""From a space to results: convert, measure, store, derive. ``nnbehave.sweep`` is this module and its function.

What is heavy is imported inside the functions, since ``import nnbehave`` binds them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
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
    from nnbehave.measurement import Outcome, Settings
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
    return _run([list(curve.layers) for curve in space.sweeps()], space, platforms, store, settings, retry, progress)


def measure(
    subjects: Iterable[Layer | Graph],
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
) -> Results:
    """Measure layers and graphs on some platforms. Parameters, returns and errors as in :func:`sweep`."""
    from nnbehave.measurement import Settings

    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    return _run([[subject] for subject in subjects], None, platforms, store, settings, retry, progress)


# ---------------------------------------------------------------------- the pipeline


@dataclass
class _Plan:
    """What is to be measured on one platform."""

    platform: Platform
    environment: str
    graphs: dict[str, Graph]
    curves: list[list[str]]
    measured: set[str]
    missing: list[Graph]
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    refused: list[Outcome] = field(default_factory=list)


def _run(
    curves: Sequence[Sequence[Layer | Graph]],
    space: Space | None,
    platforms: str | Sequence[str],
    store: str | Path | None,
    settings: Settings,
    retry: bool,
    progress: bool,
) -> Results:
    from nnbehave.converters import ArtifactCache
    from nnbehave.errors import InvalidInputError
    from nnbehave.graph import as_graph
    from nnbehave.platforms import get_platform
    from nnbehave.results import Results
    from nnbehave.store import Store
    from nnbehave.targets import LocalTarget

    by_curve = [[as_graph(subject) for subject in curve] for curve in curves]
    graphs = list({graph.id: graph for curve in by_curve for graph in curve}.values())
    names = [platforms] if isinstance(platforms, str) else platforms
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f"platforms: expected a name or a list of names, got {platforms!r}")
    chosen = list({str(platform): platform for platform in map(get_platform, names)}.values())
    if not graphs or not chosen:
        raise InvalidInputError("nothing to measure: no layers" if chosen else "nothing to measure: no platforms")
    for platform in chosen:
        platform.version()  # a missing runtime shows before anything is measured
    target, cache = LocalTarget(), ArtifactCache()
    real_time = any(platform.wall_clock for platform in chosen)
    # Converting takes all cores, so the machine is held for that too.
    with Store(store) as opened, target.exclusive(_LOG.warning) if real_time else nullcontext():
        space_id = opened.add_space(space) if space is not None else None
        opened.add_subjects(graphs)
        plans = [_plan(platform, target, opened, space_id, by_curve, settings, retry) for platform in chosen]
        _convert(plans, settings, cache, progress)
        for plan in plans:
            _measure(plan, target, opened, settings, progress)
        wanted = None if space is not None else [graph.id for graph in graphs]
        environments = {plan.environment for plan in plans}
        return Results.from_store(opened, [str(platform) for platform in chosen], space_id, wanted, environments)


def _plan(
    platform: Platform,
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

    session = Session(platform, target, {}, settings)
    try:
        hello = session.start()
    finally:
        session.close()
    environment = store.add_environment({"machine": hello["machine"], "versions": hello["versions"]})
    graphs = {graph.id: graph for curve in curves for graph in curve}
    wanted = None if space_id else list(graphs)
    rows = list(derive_rows(store, [str(platform)], space_id, wanted, [environment]))
    unlinked = {row["subject"] for row in rows if isnan(row["join_factor"])}
    settled = {row["subject"]: row["latency_ms"] for row in rows if _is_settled(row, settings, retry)}
    done = settled.keys() - unlinked
    measured = {subject for subject in done if not isnan(settled[subject])}
    names = [[graph.id for graph in curve] for curve in curves]
    for curve in names:  # too few points to join what is missing to: measure them again beside it
        if not done.issuperset(curve) and len(measured.intersection(curve)) < FEWEST_ANCHORS:
            done -= measured.intersection(curve)
    missing = [graph for subject, graph in graphs.items() if subject not in done]
    return _Plan(platform, environment, graphs, names, measured & done, missing)


def _is_settled(row: dict[str, Any], settings: Settings, retry: bool) -> bool:
    """Whether a row answers what is asked now, or has been tried for and may stay as it is."""
    from nnbehave.derive import half_width

    if isnan(row["latency_ms"]):
        return not retry
    if half_width(row) <= settings.interval:
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


def _reference() -> Graph:
    """Return the layer that every session measures beside the others, for ``relative_latency``."""
    from nnbehave.graph import Graph
    from nnbehave.layer import Layer

    return Graph([Layer(op="conv", height=14, in_channels=64, out_channels=64, kernel=3)])


def _convert(plans: list[_Plan], settings: Settings, cache: ArtifactCache, progress: bool) -> None:
    """Convert all that the plans need, all platforms together; what cannot be converted is a failed outcome."""
    from tqdm.auto import tqdm

    from nnbehave.converters import CONVERTERS, Artifact, convert_all
    from nnbehave.measurement import Outcome

    jobs: dict[tuple[str, str], tuple[Converter, Graph]] = {}
    for plan in plans:
        converter = CONVERTERS[plan.platform.converter]
        wanted = {graph.id: graph for graph in plan.missing}
        if wanted:
            wanted |= {subject: plan.graphs[subject] for subject in _anchors(plan, wanted)}
            wanted[_reference().id] = _reference()
        jobs |= {(converter.name, subject): (converter, graph) for subject, graph in wanted.items()}
    results: dict[tuple[str, str], Artifact | ConversionError] = {}
    finished = convert_all(list(jobs.values()), settings.seed, cache)
    for (converter, graph), result in tqdm(
        finished, "convert", len(jobs), unit="layer", disable=not (progress and jobs)
    ):
        results[converter.name, graph.id] = result
    for plan in plans:
        for (name, subject), result in results.items():
            if name != plan.platform.converter:
                continue
            if isinstance(result, Artifact):
                plan.artifacts[subject] = result
            else:
                plan.refused.append(Outcome(subject, "failed", f"conversion to {name}: {result}"))


def _measure(plan: _Plan, target: LocalTarget, store: Store, settings: Settings, progress: bool) -> None:
    """Measure a plan in as many sessions as its artifacts need memory for; each repeats points of those before."""
    missing = [graph.id for graph in plan.missing]
    refused = [outcome for outcome in plan.refused if outcome.subject in missing]
    shards = _shards({subject: plan.artifacts[subject].size_bytes for subject in missing if subject in plan.artifacts})
    for shard in shards or [[] for _ in missing[:1]]:  # with nothing converted, a session for the refused alone
        anchors = [subject for subject in _anchors(plan, shard) if subject in plan.artifacts]
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
    anchors: Collection[str],
    refused: list[Outcome],
    target: LocalTarget,
    store: Store,
    settings: Settings,
    progress: bool,
) -> None:
    from tqdm.auto import tqdm

    from nnbehave.derive import REFERENCE
    from nnbehave.measurement import Block, Loaded, Session

    platform = str(plan.platform)
    artifacts = {subject: plan.artifacts[subject] for subject in [*subjects, *anchors]}
    reference = _reference().id
    if subjects and reference in plan.artifacts:
        artifacts[REFERENCE + reference] = plan.artifacts[reference]
    companions = [*anchors, REFERENCE + reference]
    session = Session(plan.platform, target, artifacts, settings, companions)
    bar = tqdm(desc=f"measure {platform}", unit="block", disable=not progress)
    with bar:
        hello = session.start()
        key = store.begin_session(platform, target.name, plan.environment, "whole", settings, hello["cpus"])
        for outcome in refused:
            store.add_event(key, outcome)
        for event in session:
            store.add_event(key, event, artifacts[event.subject] if isinstance(event, Loaded) else None)
            if isinstance(event, Block):
                bar.total = session.expected_blocks
                bar.update()
        bar.total = bar.n
        bar.refresh()
        store.end_session(key)

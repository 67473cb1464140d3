"""The one engine that measures, whoever asks: what is missing is converted, measured and stored, shard by shard.

A shard is as many layers as a runner has memory for. While one is measured nothing is converted: a converter busy on
the other core of a 2-core machine made most layers 1 to 2 % slower and large ones up to 6 %
(``benchmarks/disturbance.py``). The processes that convert stay, idle, from shard to shard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from nnbehave.design.graph import Graph, as_graph
from nnbehave.design.layer import Layer
from nnbehave.design.space import Space
from nnbehave.errors import ConnectionLost, InvalidInputError, WorkerError
from nnbehave.measurement.context import context_name
from nnbehave.measurement.converters import ArtifactCache, ConversionPool
from nnbehave.measurement.derive import Derivation, Wanted
from nnbehave.measurement.isolation import EXACT
from nnbehave.measurement.options import Options
from nnbehave.measurement.plan import Plan, find_missing, reference_layers
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.run import Run
from nnbehave.measurement.session.exact import ExactSession
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.shards import LAYERS_PER_SHARD, shards_of
from nnbehave.measurement.statistics import Statistic
from nnbehave.measurement.store import SessionRecord, Store
from nnbehave.measurement.targets import get_target
from nnbehave.records import Environment, Measurement, Measurements, Status, Subject

_LOG = logging.getLogger("nnbehave")
Curves = Sequence[Sequence[Layer | Graph]]


class Engine:
    """The store, the machine and the converters, held from one call of ``measure`` to the next; a context manager.

    Parameters
    ----------
    platforms : str or sequence of str
    options : Options, optional
    store : str or path, optional
        A database URL or the path of a SQLite file; by default nothing is kept.
    space : Space, optional
        The space that what is measured belongs to.

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
        The arguments cannot be used here.
    """

    def __init__(
        self,
        platforms: str | Sequence[str],
        options: Options | None = None,
        store: str | Path | None = None,
        space: Space | None = None,
    ) -> None:
        self.platforms = _platforms(platforms)
        self.options = options or Options()
        self._space, self._where = space, store
        self._open = ExitStack()
        self._target, self._cache = get_target(self.options.target), ArtifactCache()
        self._environments: set[str] = set()
        self._hows: set[tuple[str, str]] = set()  # methods and contexts
        self._subjects: dict[str, Graph] = {}
        self._waiting: dict[int, Session | ExactSession] = {}  # by the id of a plan: started to say what is there
        self._left_out: dict[str, str] = {}  # by platform, why its runner cannot be had

    def __enter__(self) -> Engine:
        with ExitStack() as opening:
            opening.enter_context(self._target)
            self.platforms = [self._target.adapt(platform) for platform in self.platforms]  # a missing runtime shows
            for platform in self.platforms:
                _check_method(platform, self.options.method)
            self._store = opening.enter_context(Store(self._where))
            self._derivation = self._told = Derivation(self._store)
            if self.options.statistic is not None:
                self._told = Derivation(self._store, Statistic(self.options.statistic))
            if any(platform.wall_clock for platform in self.platforms):  # converting takes all cores, so for that too
                opening.enter_context(self._target.exclusive(_LOG.warning))
            self._pool = opening.enter_context(ConversionPool(self.options.settings.seed, self._cache))
            self._space_id = self._store.add_space(self._space) if self._space is not None else None
            opening.callback(self._end_waiting)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    # ------------------------------------------------------------------ measuring

    def measure(self, curves: Curves) -> Measurements:
        """Measure what the store lacks of some curves; return all measurements so far.

        A platform whose runner cannot be had gets failed measurements with the reason, and the others go on.

        Raises
        ------
        InvalidInputError
            There is nothing to measure.
        WorkerError
            No platform's runner starts.
        ConnectionLost
            The connection to the target broke, and could not be made again for a minute; what was measured is stored.
        """
        if not any(curves):
            raise InvalidInputError("nothing to measure: no layers")
        return self.on_each_platform(lambda platform: self._measure_curves(platform, curves))

    def on_each_platform(self, work: Callable[[Platform], None]) -> Measurements:
        """Do some work on each platform, going on without a platform whose runner cannot be had.

        Raises
        ------
        WorkerError, ConnectionLost
            As :meth:`measure`.
        """
        for platform in self.platforms:
            if str(platform) not in self._left_out:
                try:
                    work(platform)
                except WorkerError as error:
                    self._leave_out(platform, error)
        return self.measurements()

    def _measure_curves(self, platform: Platform, curves: Curves) -> None:
        plans = self.plans(platform, curves)
        self._end_waiting(plans[1:])  # their runners would lie idle while the first plan is measured
        for plan in plans:
            self._measure(plan)

    def _measure(self, plan: Plan) -> None:
        most = len(plan.missing) if self.options.graphs_whole else LAYERS_PER_SHARD
        shards = list(shards_of(plan, self.options.shard_bytes, most))
        for i, shard in enumerate(shards):
            number = f" {i + 1}/{len(shards)}" if len(shards) > 1 else ""
            with self.run(plan, f"{plan.platform}{number}") as run:
                run.begin(shard, self.options.settings.min_rounds)
                run.finish()

    def _leave_out(self, platform: Platform, error: WorkerError) -> None:
        """Go on without a platform; raise where the target is gone, or where no platform is left."""
        self._end_waiting()
        self._left_out[str(platform)] = str(error)
        if isinstance(error, ConnectionLost) or len(self._left_out) == len(self.platforms):
            raise error
        _LOG.warning("%s is left out: %s", platform, error)

    def run(self, plan: Plan, label: str = "") -> Run:
        """Return a session in which subjects of a plan can be measured batch after batch."""
        session = self._waiting.pop(id(plan), None) or self._session(plan.platform, plan.method)
        made = (self._target, self._store, self._pool, self.options)
        return Run(plan, session, *made, label or f"{plan.platform}")

    # ------------------------------------------------------------------ planning

    def plans(self, platform: Platform, curves: Curves) -> list[Plan]:
        """Return what is to be measured on a platform, one plan for each method and context."""
        self._add(curves)
        by_curve = [[as_graph(subject) for subject in curve] for curve in curves]
        return [self._plan(platform, *how, some) for how, some in self._by_method(platform, by_curve).items()]

    def _add(self, curves: Curves) -> None:
        graphs = [as_graph(subject) for curve in curves for subject in curve]
        self._store.add_subjects(graphs)
        self._subjects |= {graph.id: graph for graph in graphs}

    def _by_method(self, platform: Platform, curves: list[list[Graph]]) -> dict[tuple[str, str], list[list[Graph]]]:
        """Return the curves to measure by each method, in each context."""
        split: dict[tuple[str, str], list[list[Graph]]] = {}
        for curve in curves:
            of_curve: dict[tuple[str, str], list[Graph]] = {}
            for graph in curve:
                method = self._method(platform, graph)
                of_curve.setdefault((method, self._context(platform, method, graph)), []).append(graph)
            for how, some in of_curve.items():
                split.setdefault(how, []).append(some)
        return split

    def _method(self, platform: Platform, graph: Graph) -> str:
        """Return the method for a graph: networks are measured ``whole`` by default, the rest by the platform's."""
        default = platform.methods[0]
        is_whole = self.options.graphs_whole or graph.arrangement == "network"
        return self.options.method or ("whole" if is_whole and "whole" in platform.methods else default)

    def _context(self, platform: Platform, method: str, graph: Graph) -> str:
        """Return the name of the context for a graph. A network in a loop of its own is called over and over: warm."""
        if method in ("none", *EXACT):
            return ""
        is_network = graph.arrangement == "network"
        if self.options.inside is not None:  # all in one session
            return context_name(self.options.context or "loop")
        if self.options.context is None:
            return "network" if method == "stacked" and not is_network else "warm"
        context = context_name(self.options.context)
        if context == "loop" and not is_network:
            raise InvalidInputError(f"context: only networks are measured in a 'loop' of their own, not {graph.id}")
        if context not in ("warm", "loop") and (method == "profiled" or not platform.has_contexts):
            where = "by 'profiled'" if method == "profiled" else f"on platform {str(platform)!r}"
            raise InvalidInputError(f"context: {where}, layers are 'warm', got {context!r}")
        return "warm" if is_network and context in ("loop", "network") else context

    def _plan(self, platform: Platform, method: str, context: str, curves: list[list[Graph]]) -> Plan:
        """Start a runner to learn the environment, and find what the store lacks there."""
        session = self._session(platform, method)
        with ExitStack() as opening:
            opening.callback(session.close)
            hello = session.start()
            environment = self._store.add_environment(Environment(hello.machine, hello.versions))
            self._environments.add(environment)
            self._hows.add((method, context))
            names = [[graph.id for graph in curve] for curve in curves]
            key = (str(platform), environment, method, context)
            whole = names if self._space_id is not None else [[name] for curve in names for name in curve]
            asked = (self.options.settings, self.options.retry)
            settled, measured = find_missing(self._store, self._derivation, key, whole, *asked)
            opening.pop_all()
        graphs = {graph.id: graph for curve in curves for graph in curve}
        missing = [subject for subject in graphs if subject not in settled]
        references, inside = self._references(method), self.options.inside
        plan = Plan(platform, method, context, environment, graphs, names, measured, missing, references, inside)
        if missing:
            self._waiting[id(plan)] = session
        else:
            session.close()
        return plan

    def _references(self, method: str) -> dict[str, Graph]:
        has_references = self.options.with_references and method not in ("none", *EXACT)
        return reference_layers() if has_references else {}

    def _session(self, platform: Platform, method: str) -> Session | ExactSession:
        if method in EXACT:
            return ExactSession(platform, self._target, self.options.settings)
        references, settings = list(self._references(method)), self.options.settings
        return Session(platform, self._target, {}, {}, settings, method, references)

    def _end_waiting(self, plans: Sequence[Plan] | None = None) -> None:
        """End the sessions of some plans, or of all, that nobody has gone on in."""
        for key in list(self._waiting) if plans is None else map(id, plans):
            if session := self._waiting.pop(key, None):
                session.close()

    # ------------------------------------------------------------------ what there is

    def measurements(self) -> Measurements:
        """Return what the store has of all that was to be measured so far."""
        names = [str(platform) for platform in self.platforms]
        subjects = None if self._space_id is not None else [*self._subjects]
        wanted = Wanted(names, self._environments, self._hows, self._space_id, subjects)
        found = self._told.measurements(wanted)
        if not self._left_out:
            return found
        return Measurements([*found, *self._failures(found)], found.environments, found.choices)

    def _failures(self, found: Measurements) -> Iterator[Measurement]:
        """Yield a failed measurement of each subject that a platform that was left out has nothing of."""
        known = {(one.platform, one.subject.id) for one in found}
        points = self._store.points(self._space_id) if self._space_id is not None else {}
        for name, reason in self._left_out.items():
            for subject, graph in self._subjects.items():
                one = Measurement(Subject.of(graph), name, self._target.name, "none", "", 0, Status.FAILED, reason)
                if (name, subject) not in known:
                    yield from [replace(one, point=point) for point in points.get(subject, ())] or [one]

    def sessions(self) -> Iterator[SessionRecord]:
        """Yield the sessions on these platforms that the store has, with their samples."""
        yield from self._store.sessions([str(platform) for platform in self.platforms])


def _platforms(names: str | Sequence[str]) -> list[Platform]:
    """Return the platforms of these names, each once."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f"platforms: expected a name or a list of names, got {names!r}")
    if not names:
        raise InvalidInputError("nothing to measure: no platforms")
    return list({str(platform): platform for platform in map(get_platform, names)}.values())


def _check_method(platform: Platform, method: str | None) -> None:
    if method is not None and method not in (*platform.methods, "none"):
        known = ", ".join((*platform.methods, "none"))
        raise InvalidInputError(f"method: {platform.name!r} can be measured by {known}, got {method!r}")

"""Sweeping a space by few measurements: each batch goes where most is left to learn."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Sequence

from nnbehave.analysis.steps import StepSearch
from nnbehave.design.layer import Layer
from nnbehave.design.space import Space, Sweep
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.statistics import Estimate
from nnbehave.records import FEWEST_COMMON_POINTS, Measurements

_LOG = logging.getLogger("nnbehave")
_CURVES_AT_A_TIME = 4  # as many points as a session of an exhaustive sweep has
_ROUNDS = 10  # of a point before the search is told of it; in the end it has as many as any other

Known = dict[int, tuple[float, float]]  # by value: latency and its standard error, in ms


def measure_adaptively(engine: Engine, space: Space, fixed: Sequence[list[Layer]], budget: int | None) -> Measurements:
    """Measure the values of each curve over whole numbers that its search asks for; measure other curves whole."""
    sweeps = space.sweeps()
    numeric = [sweep for sweep in sweeps if all(type(value) is int and value > 0 for value in sweep.values)]
    whole = [*fixed, *(list(sweep.layers) for sweep in sweeps if sweep not in numeric)]
    if whole:
        engine.measure(whole)

    def search(platform: Platform) -> None:
        for i in range(0, len(numeric), _CURVES_AT_A_TIME):
            searches = [_Search(sweep, platform, budget) for sweep in numeric[i : i + _CURVES_AT_A_TIME]]
            _search(engine, platform, searches)
            for each in searches:
                if each.steps.why:
                    _LOG.warning("%s: %s", each.name, each.steps.why)

    return engine.on_each_platform(search)


def _search(engine: Engine, platform: Platform, searches: list[_Search]) -> None:
    """Measure batch after batch of some curves in one session, until no search asks for more.

    A search is told of its points after a few rounds. They go on with the next batch until they are known well enough.
    """
    (plan,) = engine.plans(platform, [search.sweep.layers for search in searches])
    with engine.run(plan) as run:
        for search in searches:
            search.recall(engine.measurements())
        is_settled = True
        while True:
            wanted = run.lacks(subject for search in searches for subject in search.ask())
            if wanted:
                run.begin(wanted, _ROUNDS)
                is_settled = False
                for search in searches:
                    search.tell(run.estimates())
            elif not is_settled:
                run.finish()
                is_settled = True
                for search in searches:
                    search.recall(engine.measurements())
            else:
                return


class _Search:
    """The search of one curve on one platform, and the values that it has asked for so far."""

    def __init__(self, sweep: Sweep, platform: Platform, budget: int | None) -> None:
        self.sweep, self._platform = sweep, str(platform)
        self.name = f"{sweep.slot}, {sweep.dimension} on {platform}"
        self.steps = StepSearch(sweep.values, budget)
        self._subjects = {value: layer.id for value, layer in zip(sweep.values, sweep.layers, strict=True)}
        self._asked: set[int] = set()
        self._stored: Known = {}

    def ask(self) -> list[str]:
        """Return all subjects that were wanted so far, and those wanted now."""
        self._asked |= set(self.steps.ask())
        return [self._subjects[value] for value in sorted(self._asked)]

    def recall(self, measurements: Measurements) -> None:
        """Tell the search of the points that the store has; a value that has no usable latency is lost."""
        values = {subject: value for value, subject in self._subjects.items()}
        self._stored = {
            values[one.subject.id]: (found.ms, found.std_error_ms)
            for one in measurements
            if one.platform == self._platform
            and one.point is not None
            and (one.point.slot, one.point.dimension) == (self.sweep.slot, self.sweep.dimension)
            and (found := one.usable)
            and not math.isnan(one.provenance.join_factor)
        }
        self._tell(self._stored)

    def tell(self, estimates: dict[str, Estimate]) -> None:
        """Tell the search what a session knows by now, with the points of the store brought to its scale."""
        here = {
            value: (found.latency_ms, found.std_error_ms)
            for value, subject in self._subjects.items()
            if (found := estimates.get(subject)) and found.latency_ms > 0 and math.isfinite(found.std_error_ms)
        }
        ratios = [here[value][0] / self._stored[value][0] for value in here.keys() & self._stored.keys()]
        factor = statistics.median(ratios) if len(ratios) >= FEWEST_COMMON_POINTS else 0.0
        before = {value: (factor * latency, factor * error) for value, (latency, error) in self._stored.items()}
        self._tell((before if factor else {}) | here)

    def _tell(self, known: Known) -> None:
        self._asked |= known.keys()
        self.steps.tell(known, self._asked - known.keys())

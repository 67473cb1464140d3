"""Adaptive sweeps: find the steps of each curve with few measurements, each batch chosen from the results so far."""

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
_CURVES_AT_A_TIME = 4  # a session then has about as many points as in an exhaustive sweep
_ROUNDS = 10  # rounds of a new point before its search is told; in the end it gets as many as in any sweep

Known = dict[int, tuple[float, float]]  # by value: the latency and its standard error, in ms


def measure_adaptively(engine: Engine, space: Space, fixed: Sequence[list[Layer]], budget: int | None) -> Measurements:
    """Measure a space with few values of each curve, and return the measurements.

    A curve over positive whole numbers is measured only at the values that its search asks for. Other curves, and the
    layers in ``fixed``, are measured completely.
    """
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

    Searches are told the latencies of a batch after a few rounds. Its points stay in the rounds of the next batches
    until they are known well enough.
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
    """The search for the steps of one curve on one platform, and the values that it has asked for so far."""

    def __init__(self, sweep: Sweep, platform: Platform, budget: int | None) -> None:
        self.sweep, self._platform = sweep, str(platform)
        self.name = f"{sweep.slot}, {sweep.dimension} on {platform}"
        self.steps = StepSearch(sweep.values, budget)
        self._subjects = {value: layer.id for value, layer in zip(sweep.values, sweep.layers, strict=True)}
        self._asked: set[int] = set()
        self._stored: Known = {}

    def ask(self) -> list[str]:
        """Return the ids of all layers that the search has asked for, those of this call included."""
        self._asked |= set(self.steps.ask())
        return [self._subjects[value] for value in sorted(self._asked)]

    def recall(self, measurements: Measurements) -> None:
        """Tell the search the latencies that the store has. A value asked for without a usable latency is lost."""
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
        """Tell the search the latencies of the session so far, and those of the store scaled to this session.

        Those of the store are left out if fewer than ``FEWEST_COMMON_POINTS`` values are in both.
        """
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

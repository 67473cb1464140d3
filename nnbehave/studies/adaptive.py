"""Sweeping a space by few measurements: each batch goes where what is known so far leaves most to learn."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from math import isfinite

from nnbehave.analysis.results import Results, usable
from nnbehave.analysis.steps.search import StepSearch
from nnbehave.design.layer import Layer
from nnbehave.design.space import Space, Sweep
from nnbehave.measurement.derive import FEWEST_ANCHORS
from nnbehave.measurement.engine import Pipeline
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.statistics import Estimate

_LOG = logging.getLogger("nnbehave")
_CURVES_AT_A_TIME = 4  # as many points as a session has, of an exhaustive sweep too
_ROUNDS = 10  # of a point before the search is told of it; in the end it has as many as any other

Known = dict[int, tuple[float, float]]  # by value: latency and its standard error, in ms


def measure_adaptively(pipeline: Pipeline, space: Space, fixed: Sequence[list[Layer]], budget: int | None) -> Results:
    """Measure of each curve over whole numbers what its search asks for, of others and of ``fixed`` all."""
    sweeps = space.sweeps()
    numeric = [sweep for sweep in sweeps if all(type(value) is int and value > 0 for value in sweep.values)]
    whole = [*fixed, *(list(sweep.layers) for sweep in sweeps if sweep not in numeric)]
    if whole:
        pipeline.measure(whole)
    for platform in pipeline.platforms:
        for i in range(0, len(numeric), _CURVES_AT_A_TIME):
            searches = [_Search(sweep, platform, budget) for sweep in numeric[i : i + _CURVES_AT_A_TIME]]
            _search(pipeline, platform, searches)
            for search in searches:
                if search.steps.why:
                    _LOG.warning("%s: %s", search.name, search.steps.why)
    return pipeline.results()


def _search(pipeline: Pipeline, platform: Platform, searches: list[_Search]) -> None:
    """Measure batch after batch of some curves in one session, until no search asks for more.

    Points come to the search after a few rounds, and go on with the next ones until they are known well enough.
    """
    with pipeline.search(platform, [search.sweep.layers for search in searches]) as run:
        for search in searches:
            search.recall(pipeline.results())
        settled = True
        while True:
            wanted = run.lacks(subject for search in searches for subject in search.ask())
            if wanted:
                run.begin(wanted, _ROUNDS)
                settled = False
                for search in searches:
                    search.tell(run.estimates())
            elif not settled:
                run.finish()
                settled = True
                for search in searches:
                    search.recall(pipeline.results())
            else:
                return


class _Search:
    """One curve on one platform, and what of it was asked for so far."""

    def __init__(self, sweep: Sweep, platform: Platform, budget: int | None) -> None:
        self.sweep, self._platform = sweep, str(platform)
        self.name = f"{sweep.slot}, {sweep.dimension} on {platform}"
        self.steps = StepSearch(sweep.values, budget)
        self._subjects = {value: layer.id for value, layer in zip(sweep.values, sweep.layers, strict=True)}
        self._asked: set[int] = set()
        self._stored: Known = {}

    def ask(self) -> list[str]:
        """Return all that was wanted so far, and what is wanted now."""
        self._asked |= set(self.steps.ask())
        return [self._subjects[value] for value in sorted(self._asked)]

    def recall(self, results: Results) -> None:
        """Tell the search what the store has; a value that a step map would leave out is lost."""
        frame, sweep = results.frame, self.sweep
        of_curve = (frame["slot"] == sweep.slot) & (frame["dimension"] == sweep.dimension)
        rows = usable(frame[of_curve & (frame["platform"] == self._platform) & frame["join_factor"].notna()])
        known = zip(rows[sweep.dimension], rows["latency_ms"], rows["std_error_ms"], strict=True)
        self._stored = {int(value): (float(latency), float(error)) for value, latency, error in known}
        self._told(self._stored)

    def tell(self, estimates: dict[str, Estimate]) -> None:
        """Tell the search what a session knows by now, on its scale, and what the store had before, brought to it."""
        here = {
            value: (found.latency_ms, found.std_error_ms)
            for value, subject in self._subjects.items()
            if (found := estimates.get(subject)) and found.latency_ms > 0 and isfinite(found.std_error_ms)
        }
        ratios = [here[value][0] / self._stored[value][0] for value in here.keys() & self._stored.keys()]
        factor = statistics.median(ratios) if len(ratios) >= FEWEST_ANCHORS else 0.0
        before = {value: (factor * latency, factor * error) for value, (latency, error) in self._stored.items()}
        self._told((before if factor else {}) | here)

    def _told(self, known: Known) -> None:
        self._asked |= known.keys()
        self.steps.tell(known, self._asked - known.keys())

"""Sweeping a space by few measurements: each batch goes where what is known so far leaves most to learn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from nnbehave.analysers.active import StepSearch
from nnbehave.layer import Layer
from nnbehave.pipeline import Pipeline
from nnbehave.platforms import Platform
from nnbehave.results import Results, usable
from nnbehave.space import Space, Sweep

_LOG = logging.getLogger("nnbehave")


@dataclass
class _Search:
    """One curve on one platform, and what of it was asked for so far."""

    sweep: Sweep
    steps: StepSearch
    asked: set[int]

    def layers(self) -> list[Layer]:
        by_value = dict(zip(self.sweep.values, self.sweep.layers, strict=True))
        return [by_value[value] for value in sorted(self.asked)]


def measure_adaptively(pipeline: Pipeline, space: Space, fixed: Sequence[list[Layer]], budget: int | None) -> Results:
    """Measure of each curve over whole numbers what its search asks for, of others and of ``fixed`` all.

    The curves of a platform are searched side by side, so that a session holds a batch of each.
    """
    sweeps = space.sweeps()
    numeric = [sweep for sweep in sweeps if all(type(value) is int and value > 0 for value in sweep.values)]
    whole = [*fixed, *(list(sweep.layers) for sweep in sweeps if sweep not in numeric)]
    for platform in pipeline.platforms:
        searches = [_Search(sweep, StepSearch(sweep.values, budget), set()) for sweep in numeric]
        results = _search(pipeline, platform, searches, whole)
        for search in searches:
            if search.steps.why:
                what = f"{search.sweep.slot}, {search.sweep.dimension} on {platform}"
                _LOG.warning("%s: %s", what, search.steps.why)
    return results


def _search(pipeline: Pipeline, platform: Platform, searches: list[_Search], whole: list[list[Layer]]) -> Results:
    """Measure batch after batch on one platform, until no search asks for more.

    A batch comes with all that its curve is known by, of which the pipeline repeats some points: that joins them.
    """
    results = None
    while True:
        batch = []
        for search in searches:
            if wanted := search.steps.ask():
                search.asked |= set(wanted)
                batch.append(search.layers())
        if results is not None and not batch:
            return results
        results = pipeline.measure([*batch, *whole], [platform])
        whole = []
        for search in searches:
            _tell(search, results, str(platform))


def _tell(search: _Search, results: Results, platform: str) -> None:
    """Tell a search what is known of its curve; a value that a step map would leave out is lost."""
    frame, sweep = results.frame, search.sweep
    of_curve = (frame["slot"] == sweep.slot) & (frame["dimension"] == sweep.dimension) & (frame["platform"] == platform)
    rows = usable(frame[of_curve & frame["join_factor"].notna()])
    known = zip(rows[sweep.dimension], rows["latency_ms"], rows["std_error_ms"], strict=True)
    measured = {int(value): (float(latency), float(error)) for value, latency, error in known}
    search.asked |= measured.keys()
    search.steps.tell(measured, search.asked - measured.keys())

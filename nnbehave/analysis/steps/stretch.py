"""A stretch of a curve with the law that was fitted to it."""

from __future__ import annotations

from dataclasses import dataclass

from nnbehave.analysis.steps.columns import Array
from nnbehave.analysis.steps.fitting import Fit, fit_law
from nnbehave.analysis.steps.segmentation import Segment


@dataclass(frozen=True)
class Stretch(Segment):
    """A segment with its fitted law."""

    fit: Fit

    @classmethod
    def of(cls, segment: Segment, n: Array, y: Array, weights: Array) -> Stretch:
        """Fit the law of a segment to its points, given all points of the curve."""
        part = segment.points
        fit = fit_law(segment.law, n[part], y[part], weights[part])
        return cls(segment.family, segment.law, segment.begin, segment.end, fit)

    def values(self, n: Array) -> Array:
        """Return the law at some n."""
        return self.fit.values(n)

"""The machine's curve: what a byte of weights costs, by how many bytes were touched since its last use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import Conditions, grouped
from nnbehave.design.graph import Graph
from nnbehave.design.working_set import weight_bytes
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MIB = 2**20
_FEWEST_WEIGHT_BYTES = 64 * 2**10  # a layer of fewer says little
_FEWEST_DISTANCES = 3
_LEAST_US_PER_MIB = 1.0  # a terabyte a second: less is no cost
_RISEN = (0.1, 0.9)  # shares of the highest cost at which the rise begins and ends


@dataclass(frozen=True, repr=False)
class ReuseCurve(Finding):
    """What weights cost by their reuse distance: the bytes touched from one use of a layer's weights to the next.

    They come from a near cache for nothing, from the last cache at some price, and from memory at a higher one. The
    curve shows where these begin on this machine, whatever its data sheet says: a cloud machine shares its last cache.

    Attributes
    ----------
    platform, environment : str
    reuse_bytes : tuple of float
        The points of the curve: reuse distances with the layer's own weights among them, ascending.
    cost_us_per_mib : tuple of float
        What a MiB of weights costs there beyond what it costs at the nearest, in µs; it never falls.
    error : float
        Root mean square of what the fit leaves of the latencies, as a share of them.
    """

    platform: str
    environment: str
    reuse_bytes: tuple[float, ...]
    cost_us_per_mib: tuple[float, ...]
    error: float

    def cost(self, reuse_bytes: float) -> float:
        """Return the cost of a MiB of weights at a reuse distance in µs, interpolated over its logarithm.

        Nearer than the nearest point and further than the furthest it is that of the end.
        """
        at = np.log2(self.reuse_bytes)
        return float(np.interp(math.log2(max(1.0, min(reuse_bytes, 2.0**60))), at, self.cost_us_per_mib))

    @property
    def rise_bytes(self) -> tuple[float, float]:
        """The reuse distances at which a tenth and nine tenths of the highest cost are reached.

        NaN where it is less than 1 µs a MiB.
        """
        highest = self.cost_us_per_mib[-1]
        if highest < _LEAST_US_PER_MIB:
            return math.nan, math.nan
        tilt = 1e-12 * np.arange(len(self.reuse_bytes))  # so that no two shares are equal
        shares = np.array(self.cost_us_per_mib) / highest + tilt
        low, high = 2 ** np.interp(_RISEN, shares, np.log2(self.reuse_bytes))
        return float(low), float(high)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a point: ``platform environment reuse_bytes cost_us_per_mib``."""
        import pandas as pd

        points = {"reuse_bytes": self.reuse_bytes, "cost_us_per_mib": self.cost_us_per_mib}
        return pd.DataFrame({"platform": self.platform, "environment": self.environment, **points})

    def __repr__(self) -> str:
        low, high = self.rise_bytes
        if math.isnan(low):
            return f"weights on {self.platform} cost the same at every reuse distance"
        return (
            f"weights on {self.platform} come from near up to {low / MIB:.3g} MiB touched since their last use, and "
            f"from memory past {high / MIB:.3g} MiB, for {self.cost_us_per_mib[-1]:.3g} µs a MiB"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the cost against the reuse distance; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_reuse_curve(self, ax=plots.new_axes() if ax is None else ax)


class _Point(NamedTuple):
    """A latency of a layer in µs, the reuse distance of its weights, and how many MiB they are."""

    layer: str
    reuse_bytes: float
    weight_mib: float
    latency_us: float


def find_reuse_curve(results: Measurements | pd.DataFrame, platform: str | None = None) -> ReuseCurve:
    """Find the machine's curve from layers that were measured in several contexts.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        Of layers with 64 KiB of weights or more, at three distances or more.
    platform : str, optional
        Needed where the results are of several.

    Returns
    -------
    ReuseCurve

    Raises
    ------
    InvalidInputError
        There are no such layers, or they are of several platforms, environments or methods.

    Notes
    -----
    Least squares on relative errors: latency = a + weights · cost(reuse distance), with an ``a`` of its own for each
    layer, and a cost that is linear between points over the logarithm of the distance and never falls (non-negative
    least squares of Lawson and Hanson, as in monotone splines: Ramsay, *Statistical Science* 3, 1988). There is a point
    for each octave in which something was measured.
    """
    known = [one for one in single_layers(results) if one.is_usable and not math.isnan(one.distance_bytes)]
    wanted = [one for one in known if platform in (None, one.platform) and _weights(one) >= _FEWEST_WEIGHT_BYTES]
    groups = grouped(wanted, lambda one: Conditions.of(one)._replace(context=""))
    if len(groups) > 1:
        told = "; ".join(f"{each.platform}, {each.method}, {each.environment}" for each in groups)
        raise InvalidInputError(f"results: the curve is of one machine and platform, these are of {told}")
    points = [_point(one) for one in wanted]
    if len({point.reuse_bytes - point.weight_mib * MIB for point in points}) < _FEWEST_DISTANCES:
        raise InvalidInputError(
            f"no layer with weights was measured at {_FEWEST_DISTANCES} distances: measure some with context='warm', "
            "'network', 'cold' and numbers of bytes"
        )
    (conditions,) = groups
    at, cost, error = _fitted(points)
    return ReuseCurve(conditions.platform, conditions.environment, at, cost, error)


def _weights(one: Measurement) -> int:
    return weight_bytes(Graph([layer_of(one)]))


def _point(one: Measurement) -> _Point:
    assert one.latency is not None
    weights = _weights(one)
    return _Point(one.subject.id, one.distance_bytes + weights, weights / MIB, 1e3 * one.latency.ms)


def _fitted(points: Sequence[_Point]) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Return the points of the curve, the cost at each, and the error of the fit."""
    from scipy.optimize import nnls

    logs = np.log2([point.reuse_bytes for point in points])
    octaves = np.floor(logs)
    knots = np.array([logs[octaves == octave].mean() for octave in np.unique(octaves)])
    layers = list(dict.fromkeys(point.layer for point in points))
    latency = np.array([point.latency_us for point in points])
    weights = np.array([point.weight_mib for point in points])
    own: Any = np.array([[point.layer == layer for layer in layers] for point in points], float)
    rises = [np.interp(logs, knots, np.arange(len(knots)) >= k) for k in range(1, len(knots))]
    design = np.column_stack([own, *(weights * rise for rise in rises)]) / latency[:, None]
    found, _ = nnls(design, np.ones(len(points)))
    cost = np.concatenate([[0.0], np.cumsum(found[len(layers) :])])
    error = float(np.sqrt(np.mean((design @ found - 1) ** 2)))
    return tuple(map(float, 2**knots)), tuple(map(float, cost)), error

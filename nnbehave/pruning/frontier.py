"""The Pareto frontier of a search space: the largest capacity of a network within each latency.

Latency and capacity are sums over the layers of a network, so the frontier is computed exactly, slot by slot. After
each slot, of all ways to fill the slots so far, only those stay that no other way beats in both. If a slot takes its
input channels from the slot before, this is done for each number of channels separately. If a frontier has very many
points, their latencies are rounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot, Space, Stage

Latency = Callable[[Layer], float]  # in ms
Capacity = Callable[[Layer], int]
Points = npt.NDArray[np.float64]  # shape (points, 2): latency in ms and capacity, both rising
_MOST_POINTS = 4000  # of a frontier; more are rounded to this many latencies. So large spaces take seconds.


class Rounding(Enum):
    """The direction in which latencies are rounded.

    The latencies of the original space are rounded down and those of the pruned space up, so that the share of the
    capacity that is kept is never overstated.
    """

    DOWN = "down"
    UP = "up"

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values rounded to integers."""
        return np.floor(values) if self is Rounding.DOWN else np.ceil(values)


class Frontier(NamedTuple):
    """The points of a frontier, and the largest rounding of a latency as a share (0: all are exact)."""

    points: Points
    rounding: float


def best_capacities(space: Space, latency: Latency, capacity: Capacity, rounding: Rounding) -> Frontier:
    """Return the frontier of all networks of a space."""
    by_channels = any(slot.follows for slot in space.slots)
    states: dict[int, Points] = {0: np.zeros((1, 2))}  # by the channels that the next slot reads, if that matters
    exact = 1.0
    for stage in space.stages:
        states, rounded = _after_stage(stage, states, by_channels, latency, capacity, rounding)
        exact *= rounded
    ends, error = _best_of_each({0: list(states.values())}, rounding)
    return Frontier(ends[0], exact * (1 + error) - 1)


def capacities_within(points: Points, budgets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the largest capacity within each latency budget; 0 if no network is that fast."""
    last = np.searchsorted(points[:, 0], budgets * (1 + 1e-12), side="right") - 1  # a budget includes its own latency
    return np.where(last >= 0, points[last, 1], 0.0)


def _after_stage(
    stage: Stage,
    states: dict[int, Points],
    by_channels: bool,
    latency: Latency,
    capacity: Capacity,
    rounding: Rounding,
) -> tuple[dict[int, Points], float]:
    """Return the frontiers after a stage, and the factor by which latencies are rounded in it at most."""
    done: dict[int, list[Points]] = {}
    exact = 1.0
    for position, slot in enumerate(stage.slots, 1):
        reached: dict[int, list[Points]] = {}
        for channels, so_far in states.items():
            if slot.optional:
                reached.setdefault(channels, []).append(so_far)
            for layer in _fillings(slot, channels):
                step = np.array([[latency(layer), capacity(layer)]])
                reached.setdefault(layer.out_channels if by_channels else 0, []).append(so_far + step)
        states, error = _best_of_each(reached, rounding)
        exact *= 1 + error
        if position in (stage.depth or (len(stage.slots),)):
            for channels, so_far in states.items():
                done.setdefault(channels, []).append(so_far)
    states, error = _best_of_each(done, rounding)
    return states, exact * (1 + error)


def _fillings(slot: Slot, channels: int) -> Iterator[Layer]:
    """Yield every layer that a slot can hold, given the output channels of the slot before."""
    given = {"in_channels": channels} if slot.follows and channels else {}
    for values in itertools.product(*slot.choices.values()):
        yield slot.base.replace(**given, **dict(zip(slot.choices, values, strict=True)))


def _best_of_each(several: Mapping[int, Sequence[Points]], rounding: Rounding) -> tuple[dict[int, Points], float]:
    """Return the frontier of each list of points, and the largest rounding as a share."""
    found: dict[int, Points] = {}
    largest = 0.0
    for key, some in several.items():
        found[key], error = _thinned(_best(np.concatenate(some)), rounding)
        largest = max(largest, error)
    return found, largest


def _best(points: Points) -> Points:
    """Return the points that no other point beats in latency and capacity, by latency."""
    points = points[np.lexsort((-points[:, 1], points[:, 0]))]
    return points[points[:, 1] > np.concatenate([[-np.inf], np.maximum.accumulate(points[:, 1])[:-1]])]


def _thinned(best: Points, rounding: Rounding) -> tuple[Points, float]:
    """Return a frontier of at most ``_MOST_POINTS`` points, and the share by which latencies were rounded at most.

    Latencies are rounded to a geometric series, so every latency is rounded by the same share at most.
    """
    if len(best) <= _MOST_POINTS:
        return best, 0.0
    none, some = best[best[:, 0] == 0], best[best[:, 0] > 0]
    share = np.log(some[-1, 0] / some[0, 0]) / (_MOST_POINTS - 2)
    steps = rounding(np.log(some[:, 0] / some[0, 0]) / share)
    latencies = some[0, 0] * np.exp(steps * share)
    return _best(np.concatenate([none, np.column_stack([latencies, some[:, 1]])])), float(np.expm1(share))

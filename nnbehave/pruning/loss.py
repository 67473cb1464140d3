"""What pruning loses: for every latency budget, the largest network that is left against the largest that there was.

Latency and capacity are sums over a network's layers, so the best capacity within each budget is found exactly, slot by
slot: of all ways to fill the slots so far only those stay that no other beats in both. Where a slot takes the channels
of the one before, that is done for each number of channels apart. Of very many such ways latencies are rounded, the
original's down and the pruned space's up, so that no more is said to be kept than is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot, Space
from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.table import LatencyTable

if TYPE_CHECKING:
    import pandas as pd

Latency = Callable[[Layer], float]
_CAPACITIES: dict[str, Callable[[Layer], int]] = {
    "channels": lambda layer: layer.out_channels,
    "ops": lambda layer: layer.ops,
    "weights": lambda layer: layer.operator.weights(layer),
}
_MOST_POINTS = 4000  # of a frontier, past which latencies are rounded to that many values

Frontier = npt.NDArray[np.float64]  # shape (points, 2): latency in ms and capacity, both rising


@dataclass(frozen=True, repr=False)
class Loss:
    """What a pruned space has lost.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a budget: ``budget_ms``, the largest capacity of the original space within it and of the pruned one
        (0 where no network of it is that fast), and ``kept``, their ratio, or less by ``rounding``.
    fastest_ms, pruned_fastest_ms : float
        The fastest network of each.
    capacity : str
        What it is counted in.
    rounding : float
        How far a latency may be rounded, as a share: 0 where frontiers were held exactly.
    """

    frame: pd.DataFrame
    fastest_ms: float
    pruned_fastest_ms: float
    capacity: str
    rounding: float

    @property
    def worst(self) -> float:
        """The smallest share of capacity that is kept at any budget."""
        return float(self.frame["kept"].min())

    def __repr__(self) -> str:
        told = f"at every budget at least {self.worst:.2%} of the {self.capacity} are kept"
        if self.fastest_ms:
            told += f"; the fastest network is {self.pruned_fastest_ms / self.fastest_ms - 1:.2%} slower"
        return told + (f" (latencies rounded by up to {self.rounding:.2%})" if self.rounding else "")

    def plot(self, ax: Any = None) -> Any:
        """Draw the largest capacity within each budget, before and after; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        ax.plot(self.frame["budget_ms"], self.frame["original"], label="original")
        ax.plot(self.frame["budget_ms"], self.frame["pruned"], "--", label="pruned")
        ax.set_xlabel("latency budget (ms)")
        ax.set_ylabel(f"largest network ({self.capacity})")
        ax.legend()
        return ax


def what_was_lost(
    pruned: PrunedSpace, latency: Latency | LatencyTable, capacity: str = "channels", budgets: int = 200
) -> Loss:
    """Compare, for each latency budget, the largest network of a pruned space with the largest of the original.

    Parameters
    ----------
    pruned : PrunedSpace
    latency : LatencyTable or callable
        What a layer takes, in ms: a table, or a function of a layer, such as a step map's law of its channels.
    capacity : {"channels", "ops", "weights"}
        Of a network: the sum of its layers' output channels, multiply-adds or weights.
    budgets : int
        How many, evenly between the fastest and the slowest network of the original space.

    Raises
    ------
    InvalidInputError
        Another capacity, a space whose choices are not all of layers (``unmeasured``), no budgets, or a latency that is
        none.
    UnknownLayerError
        The table has no latency of a layer.
    """
    import pandas as pd

    if capacity not in _CAPACITIES:
        raise InvalidInputError(f"capacity: one of {', '.join(_CAPACITIES)}, got {capacity!r}")
    if budgets < 2:
        raise InvalidInputError(f"budgets: 2 or more, got {budgets!r}")
    for slot in pruned.original.slots:
        if slot.unmeasured:
            raise InvalidInputError(f"slot {slot.name!r} has choices that no layer shows: {', '.join(slot.unmeasured)}")
    of_layer = latency.of_layer if isinstance(latency, LatencyTable) else latency
    if not callable(of_layer):
        raise InvalidInputError(f"latency: expected a LatencyTable or a function of a layer, got {latency!r}")
    before, error = _frontier(pruned.original, of_layer, _CAPACITIES[capacity], np.floor)
    after, more = _frontier(pruned.space, of_layer, _CAPACITIES[capacity], np.ceil)
    grid = np.linspace(before[0, 0], before[-1, 0], budgets)
    original, left = (_within(frontier, grid) for frontier in (before, after))
    kept = np.divide(left, original, out=np.ones_like(left), where=original > 0)
    frame = pd.DataFrame({"budget_ms": grid, "original": original, "pruned": left, "kept": kept})
    return Loss(frame, float(before[0, 0]), float(after[0, 0]), capacity, max(error, more))


def _within(frontier: Frontier, budgets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the largest capacity within each budget."""
    last = np.searchsorted(frontier[:, 0], budgets * (1 + 1e-12), side="right") - 1
    return np.where(last >= 0, frontier[last, 1], 0.0)


def _frontier(
    space: Space, latency: Latency, capacity: Callable[[Layer], int], rounded: Callable[[Any], Any]
) -> tuple[Frontier, float]:
    """Return the best capacities over latency of all networks of a space, and how far these are rounded at most."""
    tied = any(slot.follows for slot in space.slots)
    states: dict[int, Frontier] = {0: np.zeros((1, 2))}  # by the channels that the next slot is given, where it matters
    exact = 1.0
    for stage in space.stages:
        done: dict[int, list[Frontier]] = {}
        for position, slot in enumerate(stage.slots, 1):
            reached: dict[int, list[Frontier]] = {}
            for channels, so_far in states.items():
                if slot.optional:
                    reached.setdefault(channels, []).append(so_far)
                for layer in _fillings(slot, channels):
                    step = np.array([[_checked(latency(layer), layer), capacity(layer)]])
                    reached.setdefault(layer.out_channels if tied else 0, []).append(so_far + step)
            states, error = _best_of_each(reached, rounded)
            exact *= 1 + error
            if position in (stage.depth or (len(stage.slots),)):
                for channels, so_far in states.items():
                    done.setdefault(channels, []).append(so_far)
        states, error = _best_of_each(done, rounded)
        exact *= 1 + error
    ends, error = _best_of_each({0: list(states.values())}, rounded)
    return ends[0], exact * (1 + error) - 1


def _checked(latency_ms: float, layer: Layer) -> float:
    if not 0 <= latency_ms < float("inf"):
        raise InvalidInputError(f"the latency of {layer.id} is {latency_ms!r} ms")
    return latency_ms


def _fillings(slot: Slot, channels: int) -> Iterator[Layer]:
    """Yield every layer that a slot can hold, given the channels of what it follows."""
    given = {"in_channels": channels} if slot.follows and channels else {}
    for values in itertools.product(*slot.choices.values()):
        yield slot.base.replace(**given, **dict(zip(slot.choices, values, strict=True)))


def _best_of_each(
    several: dict[int, list[Frontier]], rounded: Callable[[Any], Any]
) -> tuple[dict[int, Frontier], float]:
    """Return the best points of each, and how far the most rounded of them are."""
    best = {key: _best(np.concatenate(some)) for key, some in several.items()}
    found, errors = {}, [0.0]
    for key, points in best.items():
        found[key], error = _thinned(points, rounded)
        errors.append(error)
    return found, max(errors)


def _best(points: Frontier) -> Frontier:
    """Return the points that no other beats in both, by latency."""
    points = points[np.lexsort((-points[:, 1], points[:, 0]))]
    return points[points[:, 1] > np.concatenate([[-np.inf], np.maximum.accumulate(points[:, 1])[:-1]])]


def _thinned(best: Frontier, rounded: Callable[[Any], Any]) -> tuple[Frontier, float]:
    """Return the best points where they are too many with latencies rounded, all by the same share at most."""
    if len(best) <= _MOST_POINTS:
        return best, 0.0
    none, some = best[best[:, 0] == 0], best[best[:, 0] > 0]
    share = np.log(some[-1, 0] / some[0, 0]) / (_MOST_POINTS - 2)
    steps = rounded(np.log(some[:, 0] / some[0, 0]) / share)
    latencies = some[0, 0] * np.exp(steps * share)
    return _best(np.concatenate([none, np.column_stack([latencies, some[:, 1]])])), float(np.expm1(share))

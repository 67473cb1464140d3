"""The loss by pruning: the largest network of a pruned space against that of the original, for every latency budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnbehave.analysis.finding import Finding
from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.frontier import Capacity, Latency, Rounding, best_capacities, capacities_within
from nnbehave.pruning.latency_table import LatencyTable
from nnbehave.pruning.pruned_space import PrunedSpace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_CAPACITIES: dict[str, Capacity] = {
    "channels": lambda layer: layer.out_channels,
    "ops": lambda layer: layer.ops,
    "weights": lambda layer: layer.operator.weights(layer),
}
_FEWEST_BUDGETS = 2


@dataclass(frozen=True, repr=False)
class Loss(Finding):
    """The networks that a space has lost by pruning.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row for each budget: ``budget_ms``; ``original`` and ``pruned``, the largest capacity of a network within
        the budget in each space (0 if no network is that fast); and ``kept``, the second over the first. If latencies
        were rounded, ``kept`` is too low by the share ``rounding`` at most.
    fastest_ms, pruned_fastest_ms : float
        The latency of the fastest network of each space.
    capacity : str
        The unit of capacity: ``channels``, ``ops`` or ``weights``.
    rounding : float
        The largest rounding of a latency, as a share; 0 if no latency was rounded.
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
        words = f"at every budget at least {self.worst:.2%} of the {self.capacity} are kept"
        if self.fastest_ms:
            words += f"; the fastest network is {self.pruned_fastest_ms / self.fastest_ms - 1:.2%} slower"
        return words + (f" (latencies rounded by up to {self.rounding:.2%})" if self.rounding else "")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the largest capacity within each budget, before and after pruning; return the matplotlib Axes.

        Raises
        ------
        MissingExtraError
            There is no matplotlib.
        """
        from nnbehave.analysis import plots

        axes: Axes = plots.new_axes() if ax is None else ax
        axes.plot(self.frame["budget_ms"], self.frame["original"], label="original")
        axes.plot(self.frame["budget_ms"], self.frame["pruned"], "--", label="pruned")
        axes.set_xlabel("latency budget (ms)")
        axes.set_ylabel(f"largest network ({self.capacity})")
        axes.legend()
        return axes


def what_was_lost(
    pruned: PrunedSpace, latency: Latency | LatencyTable, capacity: str = "channels", budgets: int = 200
) -> Loss:
    """Return the largest network of a pruned space and of its original for each latency budget.

    Parameters
    ----------
    pruned : PrunedSpace
    latency : LatencyTable or callable
        The latency of a layer in ms: a table, or a function of a layer, such as the law of a step map over its
        channels.
    capacity : {"channels", "ops", "weights"}
        The capacity of a network: the sum of its layers' output channels, multiply-adds or weights.
    budgets : int
        The number of budgets, evenly spaced from the fastest to the slowest of the best networks of the original.

    Returns
    -------
    Loss

    Raises
    ------
    InvalidInputError
        The capacity is unknown, there are fewer than 2 budgets, the space has choices that no layer shows
        (``unmeasured``), or the latency of a layer is negative or not finite.
    UnknownLayerError
        The table has no latency of a layer.

    Examples
    --------
    >>> import nnbehave as nb
    >>> layer = nb.Layer(op="conv", height=28, in_channels=16, out_channels=32, kernel=3)
    >>> space = nb.Space.from_layer(layer, "out_channels", range(1, 33))
    >>> steps = nb.detect_steps(range(1, 33), [0.1 * -(-n // 8) for n in range(1, 33)], [1e-5] * 32)
    >>> pruned = nb.prune(space, steps, dimension="out_channels")
    >>> nb.what_was_lost(pruned, lambda layer: steps.latency(layer.out_channels))
    at every budget at least 100.00% of the channels are kept; the fastest network is 0.00% slower
    """
    import pandas as pd

    of_layer = _checked(pruned, latency, capacity, budgets)
    before = best_capacities(pruned.original, of_layer, _CAPACITIES[capacity], Rounding.DOWN)
    after = best_capacities(pruned.space, of_layer, _CAPACITIES[capacity], Rounding.UP)
    grid = np.linspace(before.points[0, 0], before.points[-1, 0], budgets)
    original, left = (capacities_within(each.points, grid) for each in (before, after))
    kept = np.divide(left, original, out=np.ones_like(left), where=original > 0)
    frame = pd.DataFrame({"budget_ms": grid, "original": original, "pruned": left, "kept": kept})
    fastest, pruned_fastest = (float(each.points[0, 0]) for each in (before, after))
    return Loss(frame, fastest, pruned_fastest, capacity, max(before.rounding, after.rounding))


def _checked(pruned: PrunedSpace, latency: Latency | LatencyTable, capacity: str, budgets: int) -> Latency:
    """Return the latency as a function of a layer. Raise InvalidInputError for an argument that is not allowed."""
    if capacity not in _CAPACITIES:
        raise InvalidInputError(f"capacity: expected one of {', '.join(_CAPACITIES)}, got {capacity!r}")
    if budgets < _FEWEST_BUDGETS:
        raise InvalidInputError(f"budgets: expected {_FEWEST_BUDGETS} or more, got {budgets!r}")
    for slot in pruned.original.slots:
        if slot.unmeasured:
            names = ", ".join(slot.unmeasured)
            raise InvalidInputError(
                f"pruned: expected choices that layers show, but slot {slot.name!r} also chooses {names}"
            )
    of_layer = latency.of_layer if isinstance(latency, LatencyTable) else latency
    if not callable(of_layer):
        raise InvalidInputError(f"latency: expected a LatencyTable or a function of a layer, got {latency!r}")

    def checked_latency(layer: Layer) -> float:
        found = of_layer(layer)
        if not 0 <= found < float("inf"):
            raise InvalidInputError(f"latency: expected 0 ms or more, got {found!r} ms for {layer.id}")
        return found

    return checked_latency

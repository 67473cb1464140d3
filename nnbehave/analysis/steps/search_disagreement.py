"""Where to measure while several laws explain the points: where they disagree most (query by committee).

Seung, Opper and Sompolinsky, COLT 1992. A law's vote weighs as much as its price makes it likely.
"""

from __future__ import annotations

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.columns import Array
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.families import staircases
from nnbehave.analysis.steps.fitting import fit_law
from nnbehave.analysis.steps.search_state import SearchState
from nnbehave.analysis.steps.segmentation import StretchCosts


def disagreements(state: SearchState, fit: CurveFit) -> list[int]:
    """Return up to a batch of n that tell apart the laws that the points leave; empty when one law is ahead.

    Each n is chosen for the spread of the laws inside groups that agree at the n chosen before it.
    """
    laws = _laws(state, fit)
    price, best = laws[0]
    rivals = [
        (other, law)
        for other, law in laws
        if other < price + thresholds.SURE and np.max(np.abs(law / best - 1)) > thresholds.DIFFERS
    ]
    if not rivals and len(state.known) >= thresholds.FEWEST_MEASURED:
        return []
    prices, values = zip(*(rivals or laws[1:] or laws), strict=True)
    said = np.stack([best, *values]) / np.maximum(best, 1e-12)
    belief = np.exp(-(np.array([price, *prices]) - price) / thresholds.BELIEF)
    is_free = np.isin(state.grid, state.open(state.grid))
    groups = np.zeros(len(said), dtype=int)
    chosen: list[int] = []
    for _ in range(thresholds.BATCH):
        spread = np.where(is_free, _spread_inside(groups, said, belief), -1.0)
        at = int(np.argmax(spread))
        if spread[at] <= 0:
            break
        chosen.append(int(state.grid[at]))
        is_free[at] = False
        groups = 2 * groups + (said[:, at] > np.average(said[:, at], weights=belief))
    return chosen


def _spread_inside(groups: Array, said: Array, belief: Array) -> Array:
    """Return, at each n, the variance of the laws inside their groups, weighted by belief."""
    spread = np.zeros(said.shape[1])
    for group in np.unique(groups):
        among = groups == group
        weight = belief[among] / belief[among].sum()
        mean = weight @ said[among]
        spread += belief[among].sum() * (weight @ (said[among] - mean) ** 2)
    return spread


def _laws(state: SearchState, fit: CurveFit) -> list[tuple[float, Array]]:
    """Return the laws that may hold, the likeliest first: the price of each, and its values on the grid."""
    curve = fit.curve
    weights = fit.weights / fit.noise**2
    periods = fit.scan.likely(fit.clean, fit.weights, thresholds.RIVAL_PERIODS)
    families = list(dict.fromkeys([*fit.costs.families, *(staircases(period) for period in periods)]))
    ends = np.array([0, len(curve.n)])
    costs = StretchCosts(curve.n, fit.clean, weights, families, ends, ends)
    everywhere = state.grid.astype(float)
    laws = []
    for family, cost, index in zip(families, costs.of_whole_curve(), costs.law[:, 0, -1], strict=True):
        price = float(cost + family.price)
        if price < fit.price + thresholds.FOLLOWED:
            law = fit_law(family.laws[int(index)], curve.n, fit.clean, fit.weights)
            laws.append((price, law.values(everywhere)))
    laws.append((fit.price, fit.law(everywhere)))
    return sorted(laws, key=lambda law: law[0])

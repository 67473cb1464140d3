"""Finding the steps of a curve by few measurements: where to measure next, and when that is enough.

The width is found at small n, where jumps are large and layers cheap, and verified in every octave. While several laws
explain the points, the next n are those where they disagree most (:mod:`.search_disagreement`). When one law is ahead
it is tested (:mod:`.search_verification`). Where none holds, jumps are narrowed down (:mod:`.search_bisection`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.curve import Curve
from nnbehave.analysis.steps.curve_fit import fit_curve
from nnbehave.analysis.steps.detection import detect_steps
from nnbehave.analysis.steps.search_bisection import middles_of_jumps
from nnbehave.analysis.steps.search_disagreement import disagreements
from nnbehave.analysis.steps.search_state import SearchState
from nnbehave.analysis.steps.search_verification import deciding, law_holds, unseen_steps, unverified
from nnbehave.analysis.steps.step_map import StepMap
from nnbehave.errors import InvalidInputError

Objective = Callable[[list[int]], Sequence[tuple[float, float]]]


class StepSearch:
    """Where to measure a curve next: ``ask`` for some n, measure them, ``tell`` all that is known; again until none.

    Parameters
    ----------
    candidates : iterable of int
        The n that may be measured.
    budget : int, optional
        The largest number of n to measure; by default all candidates.
    seed : int
        Decides between n that would tell as much.

    Attributes
    ----------
    why : str
        Why the search stopped before the steps were known; empty where it did not.

    Raises
    ------
    InvalidInputError
        There are no candidates.
    """

    def __init__(self, candidates: Iterable[int], budget: int | None = None, seed: int = 0) -> None:
        n = np.array(sorted(set(candidates)), dtype=np.int64)
        if not len(n):
            raise InvalidInputError("candidates: expected at least one n, got no n to measure")
        self._state = SearchState(n, {}, frozenset())
        self._budget = len(n) if budget is None else min(budget, len(n))
        self._rng = np.random.default_rng(seed)
        self._seed = self._choose_seed()
        self.why = ""

    def tell(self, measured: Mapping[int, tuple[float, float]], lost: Iterable[int] = ()) -> None:
        """Take everything known so far.

        Parameters
        ----------
        measured : mapping of int to (float, float)
            Latency and standard error by n, both in ms.
        lost : iterable of int
            The n that have no latency.
        """
        self._state = SearchState(self._state.n, dict(measured), frozenset(lost))

    def ask(self) -> list[int]:
        """Return the n to measure next; empty when the steps are known, or the budget is spent."""
        left = self._budget - len(self._state.known) - len(self._state.lost)
        self.why = ""
        wanted, purpose = self._next()
        if wanted and left <= 0:
            self.why = f"stopped at {len(self._state.known)} points, before {purpose}"
        return wanted[: max(0, left)]

    def result(self) -> StepMap:
        """Return the finding from what is known. A search that stopped early halves its confidence and says why."""
        points = self._state.points
        found = detect_steps(points.n, points.latency_ms, points.std_error_ms)
        if not self.why:
            return found
        reason = "; ".join(filter(None, (found.reason, self.why)))
        return replace(found, confidence=thresholds.STOPPED_EARLY * found.confidence, reason=reason)

    def _next(self) -> tuple[list[int], str]:
        """Return the n to measure next, and their purpose."""
        state = self._state
        purpose = "its first points were measured"
        if wanted := state.open(self._seed):
            return wanted, purpose
        if not (free := state.open(state.n)):
            return [], purpose
        if len(state.known) < thresholds.FEWEST_POINTS:
            if len(state.lost) > 2 * len(self._seed):
                self.why = "too few n have a latency"
                return [], purpose
            count = min(len(free), thresholds.SCATTERED_SEED)
            return [int(n) for n in self._rng.choice(free, count, replace=False)], purpose
        fit = fit_curve(Curve.of(state.points))
        if len(state.known) < thresholds.MOST_WITHOUT_A_LAW and (wanted := disagreements(state, fit)):
            return state.filled(wanted), "one law was ahead of all others"
        if law_holds(state, fit):
            wanted = unverified(state, fit) or deciding(state, fit)
            return state.filled(state.open(wanted)), "its law was verified in every octave"
        wanted = state.open(unseen_steps(state, fit)) or state.open(deciding(state, fit)) or middles_of_jumps(state)
        return state.filled(wanted), "its jumps were narrowed down"

    def _choose_seed(self) -> list[int]:
        """Return the first n, all of them, and others at random, evenly by the logarithm.

        A regular grid would hide the widths that divide its stride.
        """
        n = self._state.n
        count = min(thresholds.SCATTERED_SEED, self._budget // 2)
        dense = min(thresholds.DENSE_SEED, self._budget - count)
        first, rest = n[:dense], n[dense:]
        if len(rest) <= count:
            return [int(k) for k in n]
        chosen = {int(rest[-1])}
        for low, high in pairwise(np.geomspace(rest[0], rest[-1] + 1, count)):
            inside = rest[(rest >= low) & (rest < high)]
            if len(inside):
                chosen.add(int(self._rng.choice(inside)))
        return [*(int(k) for k in first), *sorted(chosen)]


def find_steps(
    objective: Objective, low: int, high: int, *, budget: int | None = None, anchors: int = 0, seed: int = 0
) -> StepMap:
    """Return the steps of a curve between ``low`` and ``high``, found by as few measurements as possible.

    It asks for two to six batches where one law holds, for more where none does. Over 1 to 1000, at an error of
    0.3 % a point, it takes about 60 n for staircases and zig-zags, 55 for lines, and 200 for irregular steps.

    Parameters
    ----------
    objective : callable
        Measures a list of n and returns as many pairs: latency in ms, standard error in ms.
    low, high : int
        Both included.
    budget : int, optional
        The largest number of n to measure, at least 8; by default all. Where it ends the search early, the reason says
        before what, and the confidence is halved.
    anchors : int
        How many known n to measure again with each batch. For an objective that drifts from call to call: each batch
        is scaled by what they say of it.
    seed : int
        Decides between n that would tell as much.

    Returns
    -------
    StepMap

    Raises
    ------
    InvalidInputError
        The range is empty, the budget is below 8, or the objective returned something else than such pairs.

    Examples
    --------
    >>> found = find_steps(lambda ns: [(1 + 0.1 * -(-n // 16), 0.001) for n in ns], 1, 256)
    >>> found.kind, found.width, len(found.measured) < 80
    ('staircase', 16, True)
    """
    _check_arguments(low, high, budget, anchors)
    search = StepSearch(range(low, high + 1), budget, seed)
    known: dict[int, tuple[float, float]] = {}
    rng = np.random.default_rng(seed)
    while wanted := search.ask():
        again = [int(n) for n in rng.choice(sorted(known), min(anchors, len(known)), replace=False)] if known else []
        asked = [*wanted, *again]
        answer = _checked(asked, objective(asked))
        factor = _drift([known[n] for n in again], answer[len(wanted) :])
        known |= {n: (latency * factor, error * factor) for n, (latency, error) in zip(wanted, answer, strict=False)}
        search.tell(known)
    return search.result()


def _check_arguments(low: int, high: int, budget: int | None, anchors: int) -> None:
    """Raise InvalidInputError for an argument of ``find_steps`` that is not allowed."""
    fewest = thresholds.FEWEST_POINTS
    for name, value in (("low", low), ("high", high), ("budget", budget), ("anchors", anchors)):
        if name == "budget" and value is None:
            continue
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
            raise InvalidInputError(f"{name}: expected a whole number, 0 or more, got {value!r}")
    if not 1 <= low <= high:
        raise InvalidInputError(f"low and high: expected 1 <= low <= high, got {low} and {high}")
    if budget is not None and budget < fewest:
        raise InvalidInputError(f"budget: at least {fewest} points are needed, got {budget}")


def _checked(asked: list[int], answer: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the answer of an objective as pairs of floats. Raises InvalidInputError where it is something else."""
    expected = (
        f"objective: expected {len(asked)} pairs, one for each n: a latency above 0 and a standard error, both ms"
    )
    try:
        answers = list(answer)
    except TypeError:
        raise InvalidInputError(f"{expected}; got {answer!r}") from None
    if len(answers) != len(asked):
        raise InvalidInputError(f"{expected}; got {len(answers)} values")
    pairs = []
    for n, pair in zip(asked, answers, strict=True):
        try:
            latency, error = (float(value) for value in pair)
        except (TypeError, ValueError):
            raise InvalidInputError(f"{expected}; got {pair!r} at n={n}") from None
        if not (0 < latency < np.inf and 0 <= error < np.inf):
            raise InvalidInputError(f"{expected}; got {pair!r} at n={n}")
        pairs.append((latency, error))
    return pairs


def _drift(before: Sequence[tuple[float, float]], now: Sequence[tuple[float, float]]) -> float:
    """Return the factor that brings the anchors of a batch to what they were before, on average."""
    if not before:
        return 1.0
    ratios = [np.log(old / new) for (old, _), (new, _) in zip(before, now, strict=True)]
    weights = [1 / ((e / y) ** 2 + (f / z) ** 2 + 1e-8) for (y, e), (z, f) in zip(before, now, strict=True)]
    return float(np.exp(np.average(ratios, weights=weights)))

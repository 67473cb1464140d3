"""Finding the steps of a curve by few measurements: where to measure next, and when that is enough.

The width is found at small n, where jumps are large and layers cheap, and verified in every octave. Where laws that
explain the points so far disagree most, there is most to learn. Where no law holds, jumps are narrowed down by
bisection, and what remains is measured densely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nnbehave.analysis.steps.detection import FEWEST_POINTS, MODEL_ERROR, Curve, detect_steps
from nnbehave.analysis.steps.laws import LEVELS, Form, Stretch, stairs_of
from nnbehave.analysis.steps.naming import main_form, named
from nnbehave.analysis.steps.partition import Costs
from nnbehave.analysis.steps.step_map import StepMap
from nnbehave.errors import InvalidInputError

Array = npt.NDArray[np.float64]
Objective = Callable[[list[int]], Sequence[tuple[float, float]]]

_DENSE = 16  # the first n, all measured
_SCATTERED = 12  # further ones of the seed, spread over the octaves
_FEWEST = 40  # measured n before any law is believed
_BATCH = 8
_RIVALS = 80  # shapes that are asked where they disagree
_SURE = 14.0  # by which the best law must be ahead of those with another step map (BIC)
_EDGES = 2  # that are verified in an octave
_PLACES = 5  # measured in an octave at least
_MATTERS = 0.01  # relative difference between laws that makes another step map
_TEMPER = 6.0  # of the belief in laws behind the best (BIC)
_MOST_OF_LAWS = 80  # measured n; a curve that no law explains by then has none
_CHANGED = 3.0  # standard errors between neighbours that are a jump
_JUMPS = 32  # that are narrowed down at a time, the largest
_NARROW = 3  # n between two with a jump, which are measured at once
_GAP = 24  # between measured n, where no jump is known
_HELD_TO = 0.01  # by which the points of a real runtime may leave a law that is worth following
_OF_JUMPS = 0.15  # of the law's jumps, likewise
_MOST_STEPS = 64  # the ends of which are measured, where the law alone is not trusted
_WIDE = 8  # steps from which each is measured, where their levels are uneven
_LOOKED_AT = 4000  # n at which laws are compared
_STRETCHES = 4  # of a curve; a law with more exceptions does not hold
_MISFIT = 1.6  # mean square of the residuals, in standard errors, above which no law holds


class StepSearch:
    """Where to measure a curve next: ``ask`` for some n, measure them, ``tell`` all that is known, until none is asked.

    Parameters
    ----------
    candidates : iterable of int
        The n that may be measured.
    budget : int, optional
        How many to measure at most; by default all, if need be.
    seed : int
        Of the choice among equals.
    """

    def __init__(self, candidates: Iterable[int], budget: int | None = None, seed: int = 0) -> None:
        self._n = np.array(sorted(set(candidates)), dtype=np.int64)
        if not len(self._n):
            raise InvalidInputError("no n to measure")
        self._budget = len(self._n) if budget is None else min(budget, len(self._n))
        self._all = set(self._n.tolist())
        self._rng = np.random.default_rng(seed)
        self._seed = self._seeds()
        some = np.unique(np.geomspace(1, len(self._n), _LOOKED_AT).astype(int)) - 1
        self._grid = self._n if len(self._n) <= _LOOKED_AT else self._n[some]  # where laws are compared
        self._known: dict[int, tuple[float, float]] = {}
        self._lost: set[int] = set()
        self.why = ""

    def tell(self, measured: Mapping[int, tuple[float, float]], lost: Iterable[int] = ()) -> None:
        """Take all points known so far, (latency, standard error) by n, and the n that have no latency."""
        self._known, self._lost = dict(measured), set(lost)

    def ask(self) -> list[int]:
        """Return the n to measure next; empty when the steps are known, or the budget is spent."""
        left = self._budget - len(self._known) - len(self._lost)
        self.why = ""
        if left <= 0:
            if self._next():
                self.why = f"stopped at {len(self._known)} points, before {self._doing}"
            return []
        return self._next()[:left]

    def _open(self, wanted: Iterable[int]) -> list[int]:
        return [n for n in dict.fromkeys(int(n) for n in wanted) if n not in self._known and n not in self._lost]

    def _next(self) -> list[int]:
        self._doing = "its first points were measured"
        if wanted := self._open(self._seed):
            return wanted
        if not (free := self._open(self._n)):
            return []
        if len(self._known) < FEWEST_POINTS:
            if len(self._lost) > 2 * len(self._seed):
                self.why = "too few n have a latency"
                return []
            return [int(n) for n in self._rng.choice(free, min(len(free), _SCATTERED), replace=False)]
        curve = self._curve()
        self._doing = "one law was ahead of all others"
        wanted = self._disagreements(curve) if len(self._known) < _MOST_OF_LAWS else []
        if wanted:
            return self._filled(wanted)
        if self._holds(curve):
            self._doing = "its law was verified in every octave"
            wanted += self._unverified(curve) or self._open(self._deciding(curve))
        elif not wanted:
            self._doing = "its jumps were narrowed down"
            wanted = self._open(self._unseen_steps(curve)) or self._open(self._deciding(curve)) or self._jumps()
        return self._filled(self._open(wanted)) if wanted else []

    def _filled(self, wanted: list[int]) -> list[int]:
        """Return a batch that is worth its session: what is wanted, and the middles of the widest gaps."""
        while 0 < len(wanted) < _BATCH and (free := self._open(set(self._grid.tolist()) - set(wanted))):
            free.sort()
            taken = np.log(sorted([*self._known, *wanted]))
            after = np.searchsorted(taken, np.log(free)).clip(1, len(taken) - 1)
            distance = np.minimum(np.abs(np.log(free) - taken[after - 1]), np.abs(np.log(free) - taken[after]))
            wanted.append(free[int(np.argmax(distance))])
        return wanted

    # ---------------------------------------------------------------- where

    def _seeds(self) -> list[int]:
        """Choose the first n all, and others at random, evenly by the logarithm: a regular grid would hide widths."""
        count = min(_SCATTERED, self._budget // 2)
        dense = min(_DENSE, self._budget - count)
        n, rest = self._n[:dense], self._n[dense:]
        if len(rest) <= count:
            return [int(k) for k in self._n]
        chosen = {int(rest[-1])}
        for low, high in pairwise(np.geomspace(rest[0], rest[-1] + 1, count)):
            inside = rest[(rest >= low) & (rest < high)]
            if len(inside):
                chosen.add(int(self._rng.choice(inside)))
        return [*(int(k) for k in n), *sorted(chosen)]

    def _curve(self) -> Curve:
        n = np.array(sorted(self._known), dtype=float)
        y, error = np.array([self._known[int(k)] for k in n]).T
        unit = float(np.median(y))
        curve = Curve(n, y / unit, error / y)
        curve.solve()
        return curve

    def _laws(self, curve: Curve) -> list[tuple[float, Array]]:
        """Return the laws that may hold, likeliest first: their price, and what they say at every candidate."""
        weights = curve.weights / curve.noise**2
        shapes = curve.periods.likely(curve.clean, curve.weights, _RIVALS)
        forms = list(dict.fromkeys([*curve.costs.forms, *(stairs_of(*shape) for shape in shapes)]))
        ends = np.array([0, len(curve.n)])
        costs = Costs(curve.n, curve.clean, weights, forms, ends, ends)
        laws = []
        everywhere = self._grid.astype(float)
        for form, price, names in zip(forms, costs.cost[:, 0, -1], costs.names[:, 0, -1], strict=True):
            if price + form.price < curve.price + 3 * _SURE:
                law = curve.fitted(Stretch(form, form.sets[int(names)], 0, len(curve.n)))
                laws.append((float(price + form.price), law.values(everywhere)))
        laws.append((curve.price, curve.law(everywhere)))
        return sorted(laws, key=lambda law: law[0])

    def _disagreements(self, curve: Curve) -> list[int]:
        """Return the n that tell the laws apart which the points leave."""
        laws = self._laws(curve)
        price, best = laws[0]
        rivals = [(p, law) for p, law in laws if p < price + _SURE and np.max(np.abs(law / best - 1)) > _MATTERS]
        if not rivals and len(self._known) >= _FEWEST:
            return []
        prices, values = zip(*(rivals or laws[1:] or laws), strict=True)
        said = np.stack([best, *values]) / np.maximum(best, 1e-12)
        belief = np.exp(-(np.array([price, *prices]) - price) / _TEMPER)
        free = np.isin(self._grid, self._open(self._grid))
        groups = np.zeros(len(said), dtype=int)
        chosen: list[int] = []
        for _ in range(_BATCH):
            spread = np.zeros(len(self._grid))
            for group in np.unique(groups):
                among = groups == group
                weight = belief[among] / belief[among].sum()
                mean = weight @ said[among]
                spread += belief[among].sum() * (weight @ (said[among] - mean) ** 2)
            spread = np.where(free, spread, -1.0)
            at = int(np.argmax(spread))
            if spread[at] <= 0:
                break
            chosen.append(int(self._grid[at]))
            free[at] = False
            groups = 2 * groups + (said[:, at] > np.average(said[:, at], weights=belief))
        return chosen

    def _holds(self, curve: Curve) -> bool:
        """Whether one law, with a few exceptions, says which n are worth keeping.

        How far above the fastest of all larger n a point is does not matter, nor do the ends of steps that are all
        measured anyhow.
        """
        if named(curve, 1.0, ()).kind in ("irregular", "unexplained") or len(curve.stretches) > _STRETCHES:
            return False
        law = curve.law(self._grid.astype(float))
        fastest = np.minimum.accumulate(law[::-1])[::-1][np.searchsorted(self._grid, curve.n)]
        limit = fastest * (1 + _CHANGED * curve.sigma * _held_to(curve))
        off = np.minimum(curve.clean, limit) / np.minimum(curve.lawful, limit) - 1
        form = main_form(curve)
        ends = self._every_end(form) if form and form.width and form.width >= _WIDE else []
        judged = ~curve.outlying & ~np.isin(curve.n, ends)
        return float(np.mean((off / curve.sigma / _held_to(curve))[judged] ** 2)) < _MISFIT

    def _unverified(self, curve: Curve) -> list[int]:
        """Return n at which the law has still to be tested: edges in every octave, and places between them."""
        low, high = int(self._n[0]), int(self._n[-1])
        wanted: list[int] = []
        rng = np.random.default_rng(len(self._known))
        main = main_form(curve)
        every = self._n if main and main.width else self._n[:0]
        if main and main.width and main.phase is not None:
            every = every[(every - main.phase - 1) % main.width == 0]
        edges = [int(e) for e in every if int(e) - 1 in self._all]
        while high > max(low, _DENSE):
            octave = [e for e in edges if high / 2 < e <= high]
            both = [e for e in octave if e in self._known and e - 1 in self._known]
            octave = [e for e in octave if e not in both]
            lacking = max(0, _EDGES - len(both))
            chosen = rng.choice(octave, min(len(octave), lacking), replace=False)
            wanted += [n for edge in chosen for n in (int(edge) - 1, int(edge))]
            inside = [int(n) for n in self._n[(self._n > high / 2) & (self._n <= high)]]
            places = _PLACES + (_BATCH if _is_off(curve, high / 2, high) else 0)
            lacking = places - sum(n in self._known for n in inside) - 2 * len(chosen)
            free = self._open(inside)
            if lacking > 0 and free:
                wanted += [int(n) for n in rng.choice(free, min(len(free), lacking), replace=False)]
            high //= 2
        if any(stretch.names == LEVELS for stretch in curve.stretches):
            wanted += self._unseen_steps(curve)
        for left, right in pairwise(curve.stretches):  # where one law ends and another begins
            before, after = int(curve.n[right.begin - 1]), int(curve.n[right.begin])
            between = [int(n) for n in self._n[(self._n > before) & (self._n < after)]]
            if between and not _goes_on(left, right):
                wanted.append(between[len(between) // 2])
        return self._open(wanted)

    def _deciding(self, curve: Curve) -> list[int]:
        """Return where the answer is decided: at n that would outdo whole steps, and where points are off their law
        at all ends of steps, and at the answer.
        """
        form, best = main_form(curve), [n for n in self.result().best_channels() if n in self._all]
        if form is None or form.width is None or form.width < _WIDE or len(best) > _MOST_STEPS:
            return []
        uneven = any(stretch.names == LEVELS or stretch.form.kind == "pattern" for stretch in curve.stretches)
        if uneven or _is_off(curve, 0, np.inf):
            return self._every_end(form) + best
        step = form.step(np.array(best, dtype=float))
        return [n for n, more in zip(best[1:], np.diff(step) > 1, strict=True) if more]

    def _every_end(self, form: Form) -> list[int]:
        """Return the last n of all steps, where these are few."""
        last = self._n[:-1][np.diff(form.step(self._n.astype(float))) > 0]
        return [int(n) for n in last] if len(last) <= _MOST_STEPS else []

    def _unseen_steps(self, curve: Curve) -> list[int]:
        """Return the last n of each step without a point: where levels are uneven, measuring alone tells them."""
        form = main_form(curve)
        if form is None or form.width is None or form.width < _WIDE:
            return []
        step = form.step(self._n.astype(float))
        unseen = sorted(set(step.tolist()) - set(form.step(curve.n).tolist()))
        return [int(self._n[step == k][-1]) for k in unseen]

    def _jumps(self) -> list[int]:
        """Return the middles of the gaps over which the latency changes, else of the widest gaps."""
        n = np.array(sorted(self._known))
        y, error = np.array([self._known[int(k)] for k in n]).T
        error = np.hypot(error, MODEL_ERROR * y)
        wide = np.flatnonzero(np.diff(np.searchsorted(self._n, n)) > 1)
        change = np.abs(np.diff(y)) / np.hypot(error[1:], error[:-1])
        jump = [i for i in wide if change[i] > _CHANGED and abs(y[i + 1] / y[i] - 1) > _MATTERS]
        jump = sorted(jump, key=lambda i: -abs(y[i + 1] / y[i] - 1))[:_JUMPS]  # by then there may be a law
        if not jump:
            jump = [i for i in wide if n[i + 1] - n[i] > _GAP]
        wanted: list[int] = []
        for i in jump:
            inside = self._n[(self._n > n[i]) & (self._n < n[i + 1])]
            middle = len(inside) // 2
            wanted += [int(k) for k in (inside if len(inside) <= _NARROW else inside[middle : middle + 1])]
        return self._open(wanted)

    def result(self) -> StepMap:
        """Return the finding from what is known."""
        n = sorted(self._known)
        found = detect_steps(n, [self._known[k][0] for k in n], [self._known[k][1] for k in n])
        if self.why:
            found = replace(
                found, confidence=found.confidence / 2, reason="; ".join(filter(None, (found.reason, self.why)))
            )
        return found


def _held_to(curve: Curve) -> float:
    """Return the relative error of a typical point that the law need not explain: noise, and what hardly matters.

    That is a share of the jumps of its last octave, which decide which n are worth keeping.
    """
    form, last = main_form(curve), float(curve.n[-1])
    jump = 0.0
    if form is not None and form.width is not None and form.width > 1:
        n = np.arange(max(curve.n[0], last / 2), last)
        law = curve.law(n)
        first = np.flatnonzero(np.diff(form.step(n))) + 1
        if len(first):
            jump = float(np.median(np.abs(law[first] / law[first - 1] - 1)))
    return float(np.hypot(curve.given or curve.noise, max(_HELD_TO, _OF_JUMPS * jump)))


def _is_off(curve: Curve, low: float, high: float) -> bool:
    """Whether the points of an octave are further from the law than chance explains."""
    inside = (curve.n > low) & (curve.n <= high) & ~curve.outlying
    error = _held_to(curve) * curve.sigma[inside]
    squares = (curve.clean[inside] / curve.lawful[inside] - 1) ** 2 / error**2
    return bool(len(squares) and squares.mean() > 1 + 2 * (2 / len(squares)) ** 0.5)


def _goes_on(left: Stretch, right: Stretch) -> bool:
    return left.form == right.form and left.form.width is not None


def find_steps(
    objective: Objective, low: int, high: int, *, budget: int | None = None, anchors: int = 0, seed: int = 0
) -> StepMap:
    """Find the steps of a curve between ``low`` and ``high`` by measuring as few n as it can.

    It asks for some two to six batches where one law holds, for more where none does. What to expect over 1 to 1000
    at an error of 0.3 % a point: some 60 n for staircases and zig-zags, 55 for lines, 200 for irregular steps.

    Parameters
    ----------
    objective : callable
        Given a list of n, measures them and returns as many pairs (latency in ms, standard error in ms).
    low, high : int
        Both included.
    budget : int, optional
        How many n to measure at most; by default all, if need be. Where it ends the search early, the reason says at
        what, and the confidence is halved.
    anchors : int
        How many n that are known to measure again with each batch. For an objective that drifts from call to call:
        each batch is scaled by what they say of it.
    seed : int
        Of the choice among n that would tell as much.

    Returns
    -------
    StepMap

    Raises
    ------
    InvalidInputError
        The range is empty, the budget too small to tell anything (8), or the objective returned something else.
    """
    for name, value in (
        ("low", low),
        ("high", high),
        ("budget", 8 if budget is None else budget),
        ("anchors", anchors),
    ):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
            raise InvalidInputError(f"{name}: expected a whole number, got {value!r}")
    if not 1 <= low <= high:
        raise InvalidInputError(f"low and high: expected 1 <= low <= high, got {low} and {high}")
    if budget is not None and budget < FEWEST_POINTS:
        raise InvalidInputError(f"budget: at least {FEWEST_POINTS} points are needed, got {budget}")
    search = StepSearch(range(low, high + 1), budget, seed)
    known: dict[int, tuple[float, float]] = {}
    rng = np.random.default_rng(seed)
    while wanted := search.ask():
        again = [int(n) for n in rng.choice(sorted(known), min(anchors, len(known)), replace=False)] if known else []
        answer = _pairs(objective([*wanted, *again]), len(wanted) + len(again))
        factor = _factor([known[n] for n in again], answer[len(wanted) :])
        known |= {n: (latency * factor, error * factor) for n, (latency, error) in zip(wanted, answer, strict=False)}
        search.tell(known)
    return search.result()


def _pairs(answer: Sequence[tuple[float, float]], count: int) -> list[tuple[float, float]]:
    try:
        pairs = np.array([(float(latency), float(error)) for latency, error in answer])
    except (TypeError, ValueError):
        pairs = np.empty((0, 2))
    if pairs.shape != (count, 2) or not np.isfinite(pairs).all() or (pairs[:, 0] <= 0).any() or (pairs[:, 1] < 0).any():
        raise InvalidInputError(
            f"the objective is to return {count} pairs, one for each n: a latency above 0 and its standard error"
        )
    return [(float(latency), float(error)) for latency, error in pairs]


def _factor(before: Sequence[tuple[float, float]], now: Sequence[tuple[float, float]]) -> float:
    """Return what to multiply a batch by, for its anchors to be on the average what they were."""
    if not before:
        return 1.0
    ratios = [np.log(old / new) for (old, _), (new, _) in zip(before, now, strict=True)]
    weights = [1 / ((e / y) ** 2 + (f / z) ** 2 + 1e-8) for (y, e), (z, f) in zip(before, now, strict=True)]
    return float(np.exp(np.average(ratios, weights=weights)))

"""Finding the steps in a curve of latency over one dimension.

Every width from 2 to 128, at every phase, is tried on all points at once, so that the many small late jumps of a
staircase are judged together; a segmentation would judge them one by one and lose those below the noise. The most
promising become laws, which compete with flat, straight and bent ones, each for all or for a stretch of the curve, on
misfit and a price for each parameter (BIC). What wins names the kind (:mod:`.naming`), and must then
explain the points, or the answer is ``unexplained``.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbehave.analysis.steps.laws import FLAT, LINE, LOOK, PARABOLA, Form, Stretch, stairs_of
from nnbehave.analysis.steps.naming import UNEXPLAINED, named
from nnbehave.analysis.steps.partition import Costs, jumps
from nnbehave.analysis.steps.periods import Periods
from nnbehave.analysis.steps.step_map import StepMap
from nnbehave.errors import InvalidInputError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST_POINTS = 8
_LARGEST = 2**20  # n; what is found is listed for every n between
_FLOOR = 1e-4  # smallest relative error that is believed
MODEL_ERROR = 0.003  # curves of real runtimes leave their law by about this much, however well they are measured
_FAR = 4.5  # sigmas off, beyond which a point whose neighbours are not is an outlier
_OUTSIDE = 3.0  # sigmas outside its neighbours that a point may have at first
_EXCURSION = 12  # points of another law between two of the same may be there for a few outliers
_FAST = 0.08  # but where a step ends, one that much faster may be a kernel made for it
_FAST_STEPS = 3  # in the first steps
_MARGIN = 10.0  # by which several laws must be better (BIC) than a smooth one
_MANY = 0.04  # of the points outliers: more than accidents
_PASSES = 3
_GROWS = 6  # periods over which the growth of a pattern can be told
_OF_A_LINE = 3  # points at each place for it
_LIKELY = 8  # laws for the whole curve that are tried again once the outliers are known
_SHIFT = 8  # points by which a boundary may be off at first


def detect_steps(n: Any, latency_ms: Any, std_error_ms: Any = None) -> StepMap:
    """Find how latency follows ``n``: flat, linear, quadratic, in steps of one width or of many, or unexplained.

    The answer does not depend on the order of the points nor on the unit of the latencies. A step finer than the
    gaps between the measured n cannot be seen; on such a curve the answer is the law that the points show.

    Parameters
    ----------
    n : array_like of int, shape (points,)
        Where the curve was measured; no n twice, gaps allowed.
    latency_ms : array_like of float, shape (points,)
    std_error_ms : array_like of float, shape (points,), optional
        Standard errors; estimated from the curve where they are left out.

    Returns
    -------
    StepMap

    Raises
    ------
    InvalidInputError
        Empty, of unequal length, not finite, not above zero, or with an n twice.
    """
    points, y, relative_error = _validated(n, latency_ms, std_error_ms)
    unit = float(np.median(y))
    measured = tuple((int(a), float(b)) for a, b in zip(points, y, strict=True))
    if len(points) < FEWEST_POINTS:
        reason = f"{len(points)} points; at least {FEWEST_POINTS} are needed"
        return replace(UNEXPLAINED, reason=reason, measured=measured)
    curve = Curve(points.astype(float), y / unit, relative_error)
    curve.solve()
    return named(curve, unit, measured)


class Curve:
    """A curve scaled to a median of one, and the laws that explain it best.

    Attributes
    ----------
    noise : float
        Relative spread of a point of ``sigma`` one.
    weights : array
        Of the points, 0 of outliers: inverse squares of their errors, in units of ``noise``.
    stretches : list of Stretch
    lawful : array
        The law at the points.
    outlying : array of bool
    clean : array
        The latencies, with the law's for outliers.
    costs : Costs
        Of all that was tried; ``price`` is that of the stretches.
    """

    def __init__(self, n: Array, y: Array, relative_error: Array | None) -> None:
        self.n, self.y = n, y
        error = np.full(len(n), MODEL_ERROR) if relative_error is None else np.hypot(relative_error, MODEL_ERROR)
        self.given = None if relative_error is None else float(np.median(error))
        self.sigma = error / np.median(error)  # relative to one another
        self.noise = self._at_least(_local_noise(np.log(y), self.sigma))
        self.periods = Periods(n)

    def solve(self) -> None:
        """Find the stretches: first with the outliers drawn in, then without them, until these stay the same.

        Where that leaves many, they may be what repeats: then the points are also taken as they are.
        """
        self._solve(self._tamed())
        if self.outlying.mean() > _MANY:
            other = copy(self)
            other._solve(self.y)
            if other.price + _FAR**2 * other.outlying.sum() < self.price + _FAR**2 * self.outlying.sum():
                vars(self).update(vars(other))

    def _solve(self, clean: Array) -> None:
        self.clean = clean
        self.weights = 1 / (self.clean * self.sigma) ** 2
        self._forms = self._candidates()
        self._look()
        self._cut()
        self._keep_likely()
        self.outlying, alone = np.zeros(len(self.y), dtype=bool), set[int]()
        drawn_in = bool((self.clean != self.y).any())
        for _ in range(_PASSES):
            outlying, fast = self._outliers()
            noise = self._at_least(_local_noise(self.clean - self.lawful, self.lawful * self.sigma))
            same = np.array_equal(outlying, self.outlying) and fast <= alone and not drawn_in
            if same and abs(noise / self.noise - 1) < 0.1:
                break
            drawn_in = False
            self.outlying, alone = outlying, alone | fast
            self.weights = np.where(outlying, 0.0, 1 / (self.lawful * self.sigma) ** 2)
            self.clean = np.where(outlying, self.lawful, self.y)
            self.noise = noise
            self._cut(tuple(sorted(alone)))

    def _at_least(self, noise: float) -> float:
        """Return an estimate of the noise that is not below what the points were given."""
        return max(_FLOOR, noise, 0.0 if self.given is None else 0.9 * self.given)

    # ---------------------------------------------------------------- candidates

    def _tamed(self) -> Array:
        """Return the latencies with what is far outside its neighbours brought near them."""
        logs = np.log(self.y)
        around = np.lib.stride_tricks.sliding_window_view(np.pad(logs, 3, mode="reflect", reflect_type="odd"), 7)
        near = np.sort(around[:, [0, 1, 2, 4, 5, 6]], axis=1)  # of which one may be far off itself
        limit = np.maximum(_OUTSIDE * self.noise * self.sigma, 0.005)
        tame = np.clip(logs, near[:, 1] - limit, near[:, 4] + limit)
        return np.where(tame == logs, self.y, np.exp(tame))

    def _candidates(self) -> list[Form]:
        """Return the laws that are worth trying: the smooth ones, and those of the most promising widths."""
        y, weights = self.clean, self.weights
        shapes = self.periods.stairs(y, weights)
        # Of width 2 a rise inside one phase's steps is a jump between the other's: only the names differ.
        shapes += [(2, 1 - phase) for width, phase in shapes if width == 2]
        stairs = [stairs_of(*shape) for shape in shapes]
        nested: list[Form] = []
        if stairs:
            ends = np.array([0, len(self.n)])
            alone = Costs(self.n, y, weights / self.noise**2, stairs, ends, ends).cost[:, 0, -1]
            best = stairs[int(np.argmin(alone))]
            rest = y - self.fitted(Stretch(best, ("n", "s"), 0, len(self.n))).values(self.n)
            assert best.width is not None
            assert best.phase is not None
            for shape in self.periods.stairs(rest, weights)[:8]:
                inner, outer = sorted([shape, (best.width, best.phase)])
                if inner[0] < outer[0] and outer[0] % inner[0] == 0:
                    nested.append(stairs_of(*inner, *outer))
        widths = self.periods.patterns(y, weights, 3)
        patterns = [form for w in widths if len(np.unique(self.n % w)) == w for form in self._patterns(w)]
        return [FLAT, LINE, PARABOLA, *stairs, *nested, *patterns]

    def _patterns(self, width: int) -> Iterator[Form]:
        """Yield the pattern that repeats with a width on top of a line, and, with enough points, one that grows."""
        x, y, weights = self.n / self.n[-1], self.clean, self.weights
        place = ((self.n - 1) % width).astype(int)
        count = np.maximum(np.bincount(place, weights, minlength=width), 1e-300)
        mean_x, mean_y = (np.bincount(place, weights * v, minlength=width) / count for v in (x, y))
        within = x - mean_x[place]
        slope = (weights * within * (y - mean_y[place])).sum() / max(1e-12, float((weights * within**2).sum()))
        shape = mean_y - slope * mean_x
        price = (width - 2) * np.log(len(self.n)) + LOOK
        yield Form("pattern", (("n", "p"),), width, 0, pattern=tuple(shape - shape.mean()), price=float(price))
        spread = np.bincount(place, weights * within**2, minlength=width)
        periods = (self.n[-1] - self.n[0]) / width
        if periods >= _GROWS and np.bincount(place, minlength=width).min() >= _OF_A_LINE and spread.min() > 0:
            slopes = np.bincount(place, weights * within * y, minlength=width) / spread
            shape = mean_y - slopes * mean_x
            centred = tuple(shape - shape.mean()), tuple(slopes - slopes.mean())
            price = 2 * (width - 2) * np.log(len(self.n)) + LOOK
            sets = (("n", "p", "g"),)
            yield Form("pattern", sets, width, 0, pattern=centred[0], growth=centred[1], price=float(price))

    # ---------------------------------------------------------------- cutting

    def _keep_likely(self) -> None:
        """Leave, of the laws with a period, the likeliest for the whole curve and those of stretches."""
        alone = self.costs.cost[:, 0, -1]
        used = [stretch.form for stretch in self.stretches]
        last = np.sort(alone)[min(len(alone), _LIKELY) - 1]
        self._forms = [
            form
            for form, cost in zip(self._forms, alone, strict=True)
            if form.width is None or form in used or cost <= last
        ]

    def _look(self) -> None:
        """Find the noise, which is what the best of all laws leave between neighbours, and where laws may change."""
        size = len(self.n)
        rests, noises = [], [self.noise]
        for form in self._forms:
            names = form.sets[1] if form.kind == "stairs" else form.sets[0]
            fitted = self.fitted(Stretch(form, names, 0, size))
            rests.append(self.clean - fitted.values(self.n))
            free = max(0.2, 1 - (len(fitted.coefficients) + len(form.pattern) + len(form.growth)) / size)
            noises.append(_local_noise(rests[-1], self.clean * self.sigma) / free**0.5)
        self.noise = self._at_least(min(noises))
        error = self.noise * self.sigma
        of_periods = [rest for rest, form in zip(rests, self._forms, strict=True) if form.width]
        few = [jumps(rest, error * self.clean, 3, (8, 16, 32, 64)) for rest in of_periods]
        self._few = np.unique(np.concatenate([*few, [0, size]])).astype(np.int64)
        self._many = jumps(np.log(self.clean), error, 120, (1, 2, 4, 8, 16, 32))

    def _cut(self, alone: tuple[int, ...] = ()) -> None:
        """Find the best stretches and their law; points ``alone`` may be stretches by themselves."""
        few = np.union1d(self._few, [i for j in alone for i in (j, j + 1)]).astype(np.int64)
        places = np.union1d(few, self._many)
        weights = self.weights / self.noise**2
        self.costs = Costs(self.n, self.clean, weights, self._forms, places, few, alone)
        self.price, stretches = self.costs.best()
        price, single = self.costs.best(single=True)
        if single[0].form.width is None and price < self.price + _MARGIN:
            self.price, stretches = price, single
        self.stretches = self._shifted([self.fitted(stretch) for stretch in stretches])
        law = [stretch.values(self.n[stretch.begin : stretch.end]) for stretch in self.stretches]
        self.lawful = np.maximum(np.concatenate(law), 0.1 * self.clean)

    def _shifted(self, stretches: list[Stretch]) -> list[Stretch]:
        """Move each boundary to where the laws beside it say that it is, and fit them again.

        Where a period goes on beyond it, that is where a step begins, unless the points know better.
        """
        for left, right in pairwise(stretches):
            goes_on = right.form.width if right.form == left.form else None
            reach = max(_SHIFT, goes_on or 0)
            begin = max(left.begin + _least(left), right.begin - reach)
            end = min(right.end - _least(right), right.begin + reach)
            if not begin <= right.begin <= end:
                continue
            part = slice(begin, end)
            off = [self.weights[part] * (self.clean[part] - law.values(self.n[part])) ** 2 for law in (left, right)]
            moved = np.concatenate([[0.0], np.cumsum(off[0] - off[1])]) / self.noise**2  # from ``begin`` up to each
            best = int(np.argmin(moved))
            if goes_on and right.form.phase is not None and end < len(self.n):
                on_grid = (self.n[begin : end + 1] - right.form.phase - 1) % goes_on == 0
                likely = np.where(on_grid, moved, np.inf)
                best = int(np.argmin(likely)) if likely.min() < moved[best] + _MARGIN else best
            left.end = right.begin = begin + best
        return [self.fitted(stretch) for stretch in stretches]

    def law(self, n: Array) -> Array:
        """Return what the laws of the stretches say at some n, each from the first of its points on."""
        begins = [self.n[stretch.begin] for stretch in self.stretches]
        which = np.clip(np.searchsorted(begins, n, side="right") - 1, 0, None)
        every = np.stack([stretch.values(n) for stretch in self.stretches])
        result: Array = np.maximum(every[which, np.arange(len(n))], 1e-3 * float(self.lawful.min()))
        return result

    def fitted(self, stretch: Stretch) -> Stretch:
        """Fit the law of a stretch to its points."""
        return stretch.fitted(self.n, self.clean, self.weights)

    def _outliers(self) -> tuple[Flags, set[int]]:
        """Return which points are far off alone, and the indices of those that are kernels made for one n."""
        law = self.lawful.copy()
        for i, (before, stretch) in enumerate(pairwise(self.stretches)):
            after = self.stretches[i + 2].form if i + 2 < len(self.stretches) else None
            length, framed = stretch.end - stretch.begin, after == before.form
            near = self.n[stretch.end - 1] - self.n[stretch.begin] < 3
            if near or (framed and length <= _EXCURSION):  # what would it be, were it like its neighbours?
                part = slice(stretch.begin, stretch.end)
                law[part] = np.maximum(before.values(self.n[part]), 0.1 * law[part])
        relative = self.y / law - 1
        far = np.abs(relative) > _FAR * self.sigma * self.noise
        outlying = far & (np.convolve(far, np.ones(5), "same") <= 2)
        fast: list[int] = []
        for stretch in self.stretches:
            if stretch.form.width is None or stretch.form.phase is None:
                continue
            ends = (self.n - stretch.form.phase) % stretch.form.width == 0
            near = self.n <= self.n[0] + _FAST_STEPS * stretch.form.width
            fast += [int(i) for i in np.flatnonzero(outlying & ends & near & (relative < -_FAST)) if i + 1 < len(far)]
        outlying[fast] = False
        return outlying, set(fast)


def _least(stretch: Stretch) -> int:
    """Return how many points a stretch is not made shorter than."""
    return stretch.form.width + 1 if stretch.form.width else 10 if stretch.form.kind == "linear" else 3


def _local_noise(values: Array, unit: Array) -> float:
    """Return the noise, in units, as neighbours show it."""
    return float(1.4826 * np.median(np.abs(np.diff(values)) / np.hypot(unit[1:], unit[:-1])))


def _validated(n: Any, latency_ms: Any, std_error_ms: Any) -> tuple[npt.NDArray[np.int64], Array, Array | None]:
    try:
        points, y = np.asarray(n, dtype=float), np.asarray(latency_ms, dtype=float)
        errors = None if std_error_ms is None else np.asarray(std_error_ms, dtype=float)
    except (TypeError, ValueError):
        raise InvalidInputError("n, latency_ms and std_error_ms are arrays of numbers") from None
    for name, values in (("n", points), ("latency_ms", y), ("std_error_ms", errors)):
        if values is None:
            continue
        if values.ndim != 1 or not len(values):
            raise InvalidInputError(f"{name}: expected one dimension and at least one point, got {values.shape}")
        if len(values) != len(points):
            raise InvalidInputError(f"{name} has {len(values)} values for {len(points)} n")
        if not np.isfinite(values).all():
            raise InvalidInputError(f"{name}: {int((~np.isfinite(values)).sum())} values are not finite")
    if (points != np.round(points)).any():
        raise InvalidInputError("n: expected whole numbers")
    if (points > _LARGEST).any():
        raise InvalidInputError(f"n: at most {_LARGEST}, got {points.max():g}")
    if (points < 1).any():
        raise InvalidInputError(f"n: must be 1 or more, got {points.min():g}")
    if (y <= 0).any():
        raise InvalidInputError(f"latency_ms: must be above 0, got {y.min():g}")
    if errors is not None and (errors < 0).any():
        raise InvalidInputError(f"std_error_ms: must not be negative, got {errors.min():g}")
    order = np.argsort(points, kind="stable")
    points = points[order].astype(np.int64)
    if (np.diff(points) == 0).any():
        raise InvalidInputError(f"n: {points[:-1][np.diff(points) == 0][0]} is there twice")
    return points, y[order], None if errors is None else (errors / y)[order]

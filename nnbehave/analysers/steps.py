"""Finding the steps in a curve of latency over one dimension.

Every width from 2 to 128 is fitted to all points at once, so that the many small late jumps of a staircase are
judged together; a segmentation would judge them one by one and lose those below the noise. The fits compete, with
the flat and the linear law, on a robust misfit and a price for each parameter (BIC); the winner must then explain
the points, or the answer is ``unexplained``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbehave.analysers.fitting import Array, Pieces, fit, local_noise
from nnbehave.analysers.step_map import StepMap
from nnbehave.errors import InvalidInputError

_MAX_WIDTH = 128
_FEWEST_POINTS = 8
_FEWEST_STEPS = 3
_FINALISTS = 16  # shapes that a quick fit leaves for the robust one
_FREED = 8  # the best of these that are then also tried with a level of its own for each step
_CLIP = 16.0  # a point four sigmas off costs no more than that, however far it is
_FLOOR = 1e-4  # smallest relative error that is believed
_MODEL_ERROR = 0.005  # curves of real runtimes leave their law by about this much, however well they are measured
_TOLERATED = 0.015  # relative spread around a law that needs no other explanation
_STEP_SHARE = 0.85  # of a rise over one width: above it the slope is none, below 1 − it the steps are none


def detect_steps(n: Any, latency_ms: Any, std_error_ms: Any = None) -> StepMap:
    """Find how latency follows ``n``: flat, linear, a staircase of constant width, or unexplained.

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
    if len(points) < _FEWEST_POINTS:
        reason = f"{len(points)} points; at least {_FEWEST_POINTS} are needed"
        return _step_map(_UNEXPLAINED, points, y, 0.0, reason)
    unit = float(np.median(y))
    curve = _Curve(points.astype(float), y / unit, relative_error)
    laws = [*curve.smooth(), *curve.staircases()]
    curve.score(laws)
    laws.sort(key=lambda law: law.score)
    laws += [curve.with_free_levels(law) for law in laws[:_FREED] if law.width and law.width > 3 and not law.slope]
    curve.score(laws)
    best = min(laws, key=lambda law: law.score)
    if best.kind == "bent":  # a bend that is too slight to matter is none
        straight = [law for law in laws if law.kind == "linear" and not curve.misfit(law)]
        best = straight[0] if straight else best
    if why_not := curve.misfit(best):
        nearest = best.kind + (f" of width {best.width}" if best.width else "")
        return _step_map(_UNEXPLAINED, points, y, 0.0, f"the nearest law is {nearest}, but {why_not}")
    rivals = [law.score for law in laws if law.identity != best.identity]
    gap = min(rivals) - best.score if rivals else 0.0
    confidence = float(1 / (1 + np.exp(-max(0.0, gap) / 2))) * (1 - curve.outliers(best))
    return _step_map(best.in_units(unit), points, y, confidence, curve.blind_to(best))


@dataclass
class _Law:
    """A law fitted to a curve: a level at the beginning of each step and one slope for all."""

    kind: str
    edges: tuple[int, ...]
    levels: tuple[float, ...]
    slope: float
    residuals: Array  # relative
    parameters: int
    price: float
    width: int | None = None
    phase: int | None = None
    score: float = np.inf

    @property
    def identity(self) -> tuple[str, int | None, int | None]:
        """What makes it another answer; a staircase with a slope is no other answer than one without."""
        return ("staircase" if self.width else self.kind), self.width, self.phase

    def in_units(self, unit: float) -> _Law:
        levels = tuple(level * unit for level in self.levels)
        return replace(self, levels=levels, slope=self.slope * unit)


_UNEXPLAINED = _Law("unexplained", (), (), 0.0, np.empty(0), 0, 0.0)


class _Curve:
    """A curve scaled to a median of one, and the laws that can be fitted to it."""

    def __init__(self, n: Array, y: Array, relative_error: Array | None) -> None:
        self.n, self.y = n, y
        self.error = relative_error
        model = np.full(len(n), _MODEL_ERROR)
        sigma = model if relative_error is None else np.hypot(relative_error, model)
        self.sigma = sigma / np.median(sigma)  # relative to one another
        self._local_noise = local_noise(np.log(y) / self.sigma)  # an upper bound, for it takes in the jumps
        self.scale = max(_FLOOR, self._local_noise)
        self._first_steps: Pieces | None = None

    # ---------------------------------------------------------------- laws

    def smooth(self) -> list[_Law]:
        """Fit the laws without steps. A bent one is none that is reported; it keeps stairs from being seen in it."""
        ones, n = np.ones(len(self.n)), self.n / self.n[-1]
        laws = []
        for kind, columns in (("flat", [ones]), ("linear", [ones, n]), ("bent", [ones, n, n**2])):
            (coefficients,) = fit(np.stack(columns)[None], self.y, (1 / (self.y * self.sigma) ** 2)[None])
            fitted = coefficients @ np.stack(columns)
            slope = float(coefficients[1] / self.n[-1]) if kind == "linear" else 0.0
            price = len(columns) * np.log(len(self.n))
            residuals = (self.y - fitted) / self.y
            laws.append(_Law(kind, (), (float(fitted[0]),), slope, residuals, len(columns), price))
        return laws

    def staircases(self) -> list[_Law]:
        """Fit staircases of every width, at phase 0 and at the phase that its jumps suggest.

        Their levels rise in a straight line, in a bent one (caches do that), or in a straight one with a slope inside
        the steps. The rise is fitted to all steps but the first. Runtimes leave it there (small layers take other
        kernels: XNNPACK has a first step at half the width), so the first step is cut into constant pieces, as many
        as pay for themselves.
        """
        span = self.n[-1] - self.n[0]
        narrowest = max(2, 2 * int(np.median(np.diff(self.n))))
        widths = np.arange(narrowest, min(_MAX_WIDTH, int(span / _FEWEST_STEPS)) + 1)
        if not len(widths):
            return []
        shapes = [(int(w), 0) for w in widths]
        shapes += [(int(w), phase) for w in widths if (phase := self._likely_phase(int(w))) != 0]
        width, phase = np.array(shapes, dtype=float).T
        steps = np.ceil((self.n[None] - phase[:, None]) / width[:, None])
        weights = (steps > steps[:, :1]) / (self.y * self.sigma) ** 2
        self._first_steps = Pieces(self.n, self.y, self.sigma * self.scale, 2 * _MAX_WIDTH)
        found: list[_Law] = []
        ones, n = np.ones_like(steps), np.broadcast_to(self.n, steps.shape)
        for kind, third in (("staircase", steps**2), ("sloped-staircase", n)):
            columns = np.stack([ones, steps, third], axis=1)
            quick = fit(columns, self.y, weights, rounds=1)
            off = (self.y - (quick[:, None] @ columns)[:, 0]) / (self.y * self.sigma * self.scale)
            misfit = np.where(weights > 0, np.minimum(off * off, _CLIP), 1.0)
            likely = np.argsort(misfit.sum(axis=1))[:_FINALISTS]
            for used in (2, 3) if kind == "staircase" else (3,):
                coefficients = fit(columns[likely, :used], self.y, weights[likely])
                laws = [self._staircase(kind, shapes[j], coefficients[i], steps[j]) for i, j in enumerate(likely)]
                found += [law for law in laws if law is not None]
        return found

    def _staircase(self, kind: str, shape: tuple[int, int], coefficients: Array, steps: Array) -> _Law | None:
        width, phase = shape
        base, jump, third = (*coefficients, 0.0)[:3]
        slope, bend = (float(third), 0.0) if kind == "sloped-staircase" else (0.0, float(third))
        if slope:
            share = jump / (jump + slope * width) if jump * slope > 0 else 1 - _STEP_SHARE
            if not 1 - _STEP_SHARE < share < _STEP_SHARE:
                return None  # a plain staircase or a line says it better
        numbers = np.arange(steps[0] + 1, steps[-1] + 1)
        edges = [int(phase + (k - 1) * width + 1) for k in numbers]
        levels = (base + jump * numbers + bend * numbers**2 + slope * np.array(edges)).tolist()
        assert self._first_steps is not None
        inner_edges: list[int] = []
        first_levels = [float(base + jump * steps[0] + slope * self.n[0])]
        if not slope:
            inner_edges, first_levels = self._first_steps.of(int(np.searchsorted(self.n, edges[0])))
        # A level and a place for each cut of the first step; the last price is for having looked at so many shapes.
        parameters = len(coefficients) + 1 + 2 * len(inner_edges)
        price = parameters * np.log(len(self.n)) + 2 * np.log(4 * _MAX_WIDTH)
        where = (*inner_edges, *edges), (*first_levels, *levels)
        law = _Law(kind, *where, slope, self.y, parameters, price, width, phase)
        law.residuals = (self.y - self._values(law)) / self.y
        return law

    def _values(self, law: _Law) -> Array:
        step = np.searchsorted(law.edges, self.n, side="right")
        begins = np.array([self.n[0], *law.edges])
        result: Array = np.array(law.levels)[step] + law.slope * (self.n - begins[step])
        return result

    def _likely_phase(self, width: int) -> int:
        """Return the phase at which the jumps between neighbours, folded by the width, are largest."""
        rise = np.diff(self.y) / np.diff(self.n) / self.y[1:]
        residue = (self.n[1:].astype(int) - 1) % width
        total = np.bincount(residue, np.clip(rise, -0.5, 0.5), minlength=width)
        count = np.bincount(residue, minlength=width)
        mean = np.abs(np.divide(total, count, out=np.zeros(width), where=count > 0))
        return int(np.argmax(mean))

    # ---------------------------------------------------------------- choosing

    def score(self, laws: list[_Law]) -> None:
        """Give each law its misfit and price, in units of what the winner leaves over.

        The least that any law leaves over serves to find a first winner, and no longer: among so many laws some are
        near the points by luck.
        """
        freedom = np.array([max(0.2, 1 - law.parameters / len(self.n)) for law in laws])
        residuals = np.array([law.residuals / self.sigma for law in laws])
        spreads = 1.4826 * np.median(np.abs(residuals), axis=1) / freedom**0.5
        prices = np.array([law.price for law in laws])
        winner = int(np.argmin(spreads))
        for _ in range(3):
            self.scale = max(_FLOOR, min(self._local_noise, float(spreads[winner])))
            scores = np.minimum((residuals / self.scale) ** 2, _CLIP).sum(axis=1) + prices
            winner = int(np.argmin(scores))
        for law, score in zip(laws, scores, strict=True):
            law.score = float(score)

    def with_free_levels(self, law: _Law) -> _Law:
        """Return a staircase with a level of its own for each step: caches bend the straight rise of the levels."""
        steps = np.searchsorted(law.edges, self.n, side="right")
        levels = np.array(law.levels)
        seen, first, count = np.unique(steps, return_index=True, return_counts=True)
        within = self.y[np.lexsort((self.y, steps))]  # sorted inside each step
        levels[seen] = (within[first + (count - 1) // 2] + within[first + count // 2]) / 2
        added = len(levels) - law.parameters
        price = law.price + added * np.log(len(self.n))
        free = replace(law, levels=tuple(levels.tolist()), price=price, parameters=len(levels))
        free.residuals = (self.y - self._values(free)) / self.y
        return free

    # ---------------------------------------------------------------- doubting

    def outliers(self, law: _Law) -> float:
        """Return the share of points that are over four sigmas off."""
        return float(np.mean(np.abs(law.residuals / self.sigma / self.scale) > 4))

    def misfit(self, law: _Law) -> str:
        """Return why the law does not explain the points; empty where it does."""
        spread = 1.4826 * float(np.median(np.abs(law.residuals)))
        noise = local_noise(law.residuals) if self.error is None else float(np.median(self.error))
        jump = float(np.median(np.abs(np.diff(law.levels)))) if law.edges else 0.0
        if law.kind == "bent":
            return "a bend without steps is not among the kinds that are named"
        if spread > max(2 * noise, _TOLERATED, 0.25 * jump):
            return f"the points lie {spread:.1%} off it, where {noise:.1%} would be noise"
        if (share := self.outliers(law)) > 0.2:
            return f"{share:.0%} of the points are far off it"
        clipped = np.clip(law.residuals / self.sigma / self.scale, -3, 3)
        clipped -= clipped.mean()
        memory = float(np.mean(clipped[1:] * clipped[:-1]) / max(1e-12, np.mean(clipped**2)))
        if memory * len(clipped) ** 0.5 > 5 and spread > _TOLERATED:
            return "neighbouring points leave it in the same direction"
        if (share := self.contradicted(law)) > 0.15:
            return f"{share:.0%} of its edges that should be seen are not there"
        period, swing = self._ripple(law)
        if period and swing > max(_TOLERATED, 0.5 * jump):
            return f"the points swing around it by {swing:.1%} with period {period}"
        return ""

    def contradicted(self, law: _Law) -> float:
        """Return the share of the edges to be seen at which there is no jump, or a point beside them says otherwise."""
        jumps = np.abs(np.diff(law.levels))
        usual = float(np.quantile(jumps, 0.75)) if len(jumps) else 0.0
        wrong = seen = 0
        for k, edge in enumerate(law.edges):
            before, after = law.levels[k], law.levels[k + 1]
            i = int(np.searchsorted(self.n, edge))
            if not 0 < i < len(self.n):
                continue
            noise = self.y[i] * self.scale * max(self.sigma[i - 1], self.sigma[i])
            if max(jumps[k], usual) < 6 * noise:
                continue
            seen += 1
            middle, rises = (before + after) / 2, after > before
            other_side = (self.y[i] > middle) != rises or (self.y[i - 1] > middle) == rises
            wrong += bool(other_side or jumps[k] < 0.25 * usual)
        return wrong / seen if seen else 0.0

    def _ripple(self, law: _Law) -> tuple[int, float]:
        """Return the period of a pattern that the residuals repeat, and its swing; period 0 for none."""
        n = self.n.astype(int)
        residuals = np.clip(law.residuals, -4 * self.scale, 4 * self.scale)
        if not residuals.any():
            return 0, 0.0
        best = (0.0, 0, 0.0)
        for period in range(2, min(33, len(n) // 4)):
            count = np.bincount(n % period, minlength=period)
            mean = np.bincount(n % period, residuals, minlength=period) / np.maximum(count, 1)
            between = float((count * mean**2).sum())
            within = max(float((residuals**2).sum()) - between, 1e-12)
            strength = (between / period) / (within / max(1, len(n) - period))  # an F ratio
            if strength > best[0]:
                best = strength, period, float(np.ptp(mean))
        return (best[1], best[2]) if best[0] > 6 else (0, 0.0)

    def blind_to(self, law: _Law) -> str:
        """Return, beside a law without steps, the smallest jump that would have been seen."""
        if law.width:
            return ""
        # Two halves of 16 neighbours, told apart at four sigmas: the least favourable of the usual widths.
        smallest = 4 * self.scale * (2 / min(16, len(self.n) / 4)) ** 0.5
        return f"repeated jumps under {max(smallest, 1e-3):.1%} of the latency would not have been seen"


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


def _step_map(law: _Law, n: npt.NDArray[np.int64], y: Array, confidence: float, reason: str) -> StepMap:
    measured = tuple((int(a), float(b)) for a, b in zip(n, y, strict=True))
    return StepMap(law.kind, law.width, law.phase, law.edges, law.levels, law.slope, confidence, reason, measured)

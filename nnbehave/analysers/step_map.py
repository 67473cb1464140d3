"""The finding about one sweep: how latency follows a dimension. Needs only the standard library."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnbehave.errors import InvalidInputError

_FORMAT = 1


@dataclass(frozen=True)
class StepMap:
    """How latency follows one dimension ``n`` (a channel count, say): the fitted law and what it was fitted to.

    Attributes
    ----------
    kind : str
        ``flat``, ``linear``, ``staircase``, ``sloped-staircase`` or ``unexplained``.
    width, phase : int or None
        Of a staircase: steps begin at every n with ``(n − phase) mod width = 1``.
    edges : tuple of int
        The n at which a new step begins: the jump lies between n−1 and n. Edges inside the first step, where there
        are any, are among them.
    levels : tuple of float
        Latency in ms at the beginning of each step, the one before the first edge included.
    slope : float
        Rise inside a step, in ms for each n.
    confidence : float
        Between 0 and 1: how sure the kind, the width and the phase are; 0 for ``unexplained``.
    reason : str
        Why the curve is ``unexplained``, or what the detection could not have seen.
    measured : tuple of (int, float)
        The points (n, latency in ms) it was fitted to, by n.
    """

    kind: str
    width: int | None
    phase: int | None
    edges: tuple[int, ...]
    levels: tuple[float, ...]
    slope: float
    confidence: float
    reason: str
    measured: tuple[tuple[int, float], ...]

    @property
    def low(self) -> int:
        """Smallest measured n."""
        return self.measured[0][0]

    @property
    def high(self) -> int:
        """Largest measured n."""
        return self.measured[-1][0]

    def latency(self, n: int) -> float:
        """Return the law's latency in ms at ``n``, measured or between measured points.

        Where the curve is ``unexplained`` this interpolates between the measured points.

        Raises
        ------
        InvalidInputError
            ``n`` lies outside the measured range.
        """
        self._check(n)
        if self.kind == "unexplained":
            right = bisect_left(self.measured, (n,))
            (n1, y1), (n0, y0) = self.measured[right], self.measured[max(0, right - 1)]
            return y1 if n1 == n else y0 + (y1 - y0) * (n - n0) / (n1 - n0)
        step = bisect_right(self.edges, n)
        begin = self.edges[step - 1] if step else self.low
        return self.levels[step] + self.slope * (n - begin)

    def best_channels(self, low: int | None = None, high: int | None = None, tolerance: float = 0.0) -> list[int]:
        """Return the n between ``low`` and ``high`` for which no larger n is as fast: the law's Pareto set.

        Parameters
        ----------
        low, high : int, optional
            Both included; by default all that was measured. ``high`` is always in the result.
        tolerance : float
            A larger n also counts as fast when it takes up to this share more time.

        Returns
        -------
        list of int
            In ascending order. On an ``unexplained`` curve every n.

        Raises
        ------
        InvalidInputError
            The range is empty or not inside the measured one, or ``tolerance`` is negative.
        """
        low, high = self.low if low is None else low, self.high if high is None else high
        if low > high:
            raise InvalidInputError(f"low ({low}) is above high ({high})")
        return self.best_of(range(low, high + 1), tolerance)

    def best_of(self, candidates: Iterable[int], tolerance: float = 0.0) -> list[int]:
        """Return the Pareto set of the law among ``candidates`` alone; as ``best_channels`` otherwise."""
        values = sorted(set(candidates))
        if not values:
            raise InvalidInputError("no candidates")
        self._check(values[0])
        self._check(values[-1])
        if not tolerance >= 0:
            raise InvalidInputError(f"tolerance must be 0 or more, got {tolerance!r}")
        if self.kind == "unexplained":
            return values
        best: list[int] = []
        fastest = float("inf")  # among all larger n
        for n in reversed(values):
            latency = self.latency(n)
            if latency * (1 + tolerance) < fastest:
                best.append(n)
            fastest = min(fastest, latency)
        return best[::-1]

    def round_up(self, n: int) -> int:
        """Return the nearest of ``best_channels()`` at or above ``n``. Raises InvalidInputError past the range."""
        self._check(n)
        best = self._best
        return best[bisect_left(best, n)]

    def round_down(self, n: int) -> int:
        """Return the nearest of ``best_channels()`` at or below ``n``.

        Raises
        ------
        InvalidInputError
            ``n`` lies outside the measured range, or below the smallest of them.
        """
        self._check(n)
        best = self._best
        if n < best[0]:
            raise InvalidInputError(f"nothing at or below {n} is worth keeping; the smallest is {best[0]}")
        return best[bisect_right(best, n) - 1]

    def save(self, path: str | Path) -> None:
        """Write the map as JSON; ``load_step_map`` reads it back."""
        text = json.dumps({"format": "nnbehave.step_map", "version": _FORMAT, **asdict(self)}, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def _best(self) -> list[int]:
        return self.best_channels()

    def _check(self, n: int) -> None:
        if not self.low <= n <= self.high:
            raise InvalidInputError(f"{n} is outside the measured range, {self.low} to {self.high}")

    def __repr__(self) -> str:
        return f"StepMap({self.describe()})"

    def describe(self) -> str:
        """Return the finding in one line of words."""
        what = self.kind
        if self.width:
            first = [edge for edge in self.edges if (edge - (self.phase or 0)) % self.width != 1 % self.width]
            what += f" of width {self.width}"
            what += f", phase {self.phase}" if self.phase else ""
            what += f", within its first step also at {', '.join(map(str, first))}" if first else ""
        what += f", {len(self.measured)} points from {self.low} to {self.high}, confidence {self.confidence:.2f}"
        return what + (f"; {self.reason}" if self.reason else "")


def load_step_map(path: str | Path) -> StepMap:
    """Read a map that ``StepMap.save`` wrote.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is not a step map, or was written by a newer nnbehave.
    """
    try:
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, version = data.pop("format"), data.pop("version")
        if kind == "nnbehave.step_map" and version <= _FORMAT:
            data |= {key: tuple(data[key]) for key in ("edges", "levels")}
            data["measured"] = tuple((n, latency) for n, latency in data["measured"])
            return StepMap(**data)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidInputError(f"{path} is not a saved step map: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {version}; this nnbehave reads step maps up to {_FORMAT}")

"""The finding about one sweep: how latency follows a dimension. Needs the standard library, to be read pydantic."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from nnbehave.errors import InvalidInputError

_FORMAT = 3
_READABLE = (2, 3)  # those of version 2 have no origin
_PERIODIC = ("staircase", "sloped-staircase", "zigzag")
_SMOOTH = ("flat", "linear", "quadratic")


class Piece(NamedTuple):
    """A polynomial from ``begin`` to the next piece: latency = Σ coefficients[i] · (n − begin)^i, in ms."""

    begin: int
    coefficients: tuple[float, ...]
    std_error_ms: float


class Lost(NamedTuple):
    """A value of the dimension that has no latency: its status, and the reason."""

    n: int
    status: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """Where a curve was measured, and of what.

    Attributes
    ----------
    platform, environment, method : str
    dimension : str
        What ``n`` is.
    layer : dict of str to value
        The other fields of the layer.
    lost : tuple of Lost
        What has no latency there.
    """

    platform: str
    environment: str
    method: str
    dimension: str
    layer: dict[str, Any] = field(hash=False)
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True)
class StepMap:
    """How latency follows one dimension ``n`` (a channel count, say): the fitted law and what it was fitted to.

    Attributes
    ----------
    kind : str
        ``flat``, ``linear``, ``quadratic``; ``staircase`` (level steps of one width), ``sloped-staircase`` (they rise
        inside too), ``zigzag`` (a pattern of one width that rises and falls), ``irregular`` (steps of many widths), or
        ``unexplained``.
    width, phase : int or None
        Of the periodic kinds: steps begin at every n with ``(n − phase) mod width = 1``.
    outer_width : int or None
        A second, larger period of the same steps: 64 for tiles of 64 made of vectors of 8.
    width_interval : (int, int) or None
        The smallest and the largest width that the points do not rule out.
    step_share : float or None
        What the jumps make of the rise over a width; the rest is the slope inside the steps (ANNETTE's α).
    edges : tuple of int
        The n at which a new step begins: the jump lies between n−1 and n. Where the curve leaves the pattern (another
        first step, a cliff) these edges are among them.
    edge_evidence : tuple of str
        Of each edge: ``observed`` (the points beside it show the jump), ``inferred`` (they cannot tell; the pattern
        says so) or ``contradicted``.
    levels : tuple of float
        Latency in ms at the beginning of each step, the one before the first edge included.
    confidence : float
        Between 0 and 1: how sure the kind, the width and the phase are; 0 for ``unexplained``.
    smallest_jump : float or None
        Relative size of the smallest repeated jump that would have been seen; None where there are too few points.
    reason : str
        Why the curve is ``unexplained``, or what is to be known beside the finding.
    pieces : tuple of Piece
        The law.
    measured : tuple of (int, float)
        The points (n, latency in ms) it was fitted to, by n.
    origin : Origin or None
        None where it was found from arrays.
    """

    kind: str
    width: int | None
    phase: int | None
    outer_width: int | None
    width_interval: tuple[int, int] | None
    step_share: float | None
    edges: tuple[int, ...]
    edge_evidence: tuple[str, ...]
    levels: tuple[float, ...]
    confidence: float
    smallest_jump: float | None
    reason: str
    pieces: tuple[Piece, ...]
    measured: tuple[tuple[int, float], ...]
    origin: Origin | None = None

    @property
    def low(self) -> int:
        """Smallest measured n."""
        return self.measured[0][0]

    @property
    def high(self) -> int:
        """Largest measured n."""
        return self.measured[-1][0]

    def latency(self, n: int, extrapolate: bool = False) -> float:
        """Return the law's latency in ms at ``n``, measured or between measured points.

        Where the curve is ``unexplained`` this interpolates between the measured points.

        Parameters
        ----------
        n : int
        extrapolate : bool
            Answer above the measured range too: smooth laws go on as they are, periodic ones repeat what they did over
            their last period.

        Raises
        ------
        InvalidInputError
            ``n`` lies outside the measured range (above it, where ``extrapolate`` is given and the kind is irregular
            or unexplained).
        """
        if extrapolate and n > self.high:
            return self._beyond(n)
        self._check(n)
        return self._at(n)

    def latency_interval(self, n: int, extrapolate: bool = False) -> tuple[float, float]:
        """Return the 95 % interval of the law's latency at ``n`` in ms, given that its kind and width are right.

        Beyond the measured range it is that of the last piece, widened in proportion to the distance. Raises as
        ``latency`` does.
        """
        latency = self.latency(n, extrapolate)
        if not self.pieces:
            raise InvalidInputError("an unexplained curve has no law, so no interval around it")
        piece = self.pieces[max(0, bisect_right(self._begins, n) - 1)]
        share = piece.std_error_ms / max(abs(piece.coefficients[0]), 1e-300)
        reach = 1 + max(0, n - self.high) / max(1, self.high - self.low)
        half = 1.96 * share * latency * reach
        return latency - half, latency + half

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
        self._check(low)
        self._check(high)
        if tolerance == 0 and self.kind != "unexplained":
            # What no measured n outdoes is best of a part too; only after the last of those there may be more.
            best = self._best[bisect_left(self._best, low) : bisect_right(self._best, high)]
            begin = best[-1] + 1 if best else low
            more = []
            n = high
            while n >= begin:
                more.append(n)
                n = self._faster_below[n - self.low]
            return best + more[::-1]
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
            latency = self._at(n)
            if not best or latency * (1 + tolerance) < fastest:
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

    def plot(self, ax: Any = None) -> Any:
        """Draw the measured points, the law and what is worth keeping; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        n, latency_ms = zip(*self.measured, strict=True)
        label = f"{self.kind} {self.width or ''}".rstrip()
        (points,) = ax.plot(n, latency_ms, ".", markersize=4, alpha=0.75, label=label)
        plots.plot_law(*self.outline(range(self.low, self.high + 1)), points.get_color(), ax=ax)
        return plots.label_axes(ax, "n")

    def outline(self, candidates: Iterable[int]) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Return what to draw: the corners of the law, and where there are steps the best of some candidates."""
        if self.kind == "unexplained":
            return [], []
        ends = [*(piece.begin - 1 for piece in self.pieces[1:]), self.high]
        corners: list[int] = []
        for piece, end in zip(self.pieces, ends, strict=True):
            corners += range(piece.begin, end + 1) if len(piece.coefficients) > 2 else (piece.begin, end)
        best = self.best_of(candidates) if self.edges else []
        return [(n, self._at(n)) for n in corners], [(n, self._at(n)) for n in best]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> StepMap:
        """Return the map that ``dataclasses.asdict`` made plain, also where it has been through JSON since.

        Raises
        ------
        InvalidInputError
            It is none.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            found = TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if not found.measured or (not found.pieces and found.kind != "unexplained"):
            raise InvalidInputError("a step map without points or without a law")
        return found

    def save(self, path: str | Path) -> None:
        """Write the map as JSON; ``load_step_map`` reads it back."""
        text = json.dumps({"format": "nnbehave.step_map", "version": _FORMAT, **asdict(self)}, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def _best(self) -> list[int]:
        return self.best_of(range(self.low, self.high + 1))

    @cached_property
    def _faster_below(self) -> list[int]:
        """For every n the nearest below it that is faster, ``low`` − 1 where there is none."""
        faster: list[int] = []
        latencies = [self._at(n) for n in range(self.low, self.high + 1)]
        for i, latency in enumerate(latencies):
            n = self.low + i - 1
            while n >= self.low and latencies[n - self.low] >= latency:
                n = faster[n - self.low]
            faster.append(n)
        return faster

    @cached_property
    def _begins(self) -> list[int]:
        return [piece.begin for piece in self.pieces]

    def _at(self, n: int) -> float:
        if self.kind == "unexplained":
            right = bisect_left(self.measured, (n,))
            (n1, y1), (n0, y0) = self.measured[right], self.measured[max(0, right - 1)]
            return y1 if n1 == n else y0 + (y1 - y0) * (n - n0) / (n1 - n0)
        begin, coefficients, _ = self.pieces[max(0, bisect_right(self._begins, n) - 1)]
        if len(coefficients) == 1:
            return coefficients[0]
        result = 0.0
        for coefficient in reversed(coefficients):
            result = result * (n - begin) + coefficient
        return result

    def _beyond(self, n: int) -> float:
        if self.kind in _SMOOTH:
            return self._at(n)
        period = self.outer_width or self.width
        if self.kind not in _PERIODIC or period is None or self.high - self.low < 2 * period:
            raise InvalidInputError(f"{n} is outside the measured range, and {self.kind} says nothing of what follows")
        periods = -(-(n - self.high) // period)
        rise = self._at(self.high) - self._at(self.high - period)
        return self._at(n - periods * period) + periods * rise

    def _check(self, n: int) -> None:
        if not self.low <= n <= self.high:
            raise InvalidInputError(f"{n} is outside the measured range, {self.low} to {self.high}")

    def __repr__(self) -> str:
        return f"StepMap({self.describe()})"

    def _repr_html_(self) -> str:
        rows = [("kind", self.describe()), ("best channels", _shortened(self._best))]
        if self.edges:
            counts = {word: self.edge_evidence.count(word) for word in ("observed", "inferred", "contradicted")}
            rows.append(("edges", ", ".join(f"{count} {word}" for word, count in counts.items() if count)))
        if self.step_share is not None:
            rows.append(("share of the steps in the rise", f"{self.step_share:.0%}"))
        if self.kind in _SMOOTH and self.smallest_jump is not None:
            rows.append(("smallest repeated jump it could have seen", f"{self.smallest_jump:.1%}"))
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        return f"<table><caption>StepMap</caption>{cells}</table>"

    def describe(self) -> str:
        """Return the finding in one line of words."""
        what = self.kind
        if self.width:
            what += f" of width {self.width}"
            what += f" within {self.outer_width}" if self.outer_width else ""
            what += f", phase {self.phase}" if self.phase else ""
            other = [edge for edge in self.edges if (edge - (self.phase or 0)) % self.width != 1 % self.width]
            what += f", also at {_shortened(other)}" if other else ""
        elif self.edges:
            what += f", {len(self.edges)} edges"
        what += f", {len(self.measured)} points from {self.low} to {self.high}, confidence {self.confidence:.2f}"
        return what + (f"; {self.reason}" if self.reason else "")


def _shortened(values: list[int], count: int = 8) -> str:
    text = ", ".join(map(str, values[:count]))
    return text if len(values) <= count else f"{text}, … ({len(values)} in all)"


def load_step_map(path: str | Path) -> StepMap:
    """Read a map that ``StepMap.save`` wrote.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is not a step map, or was written by another version of the format.
    """
    try:
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, version = data.pop("format"), data.pop("version")
        if kind == "nnbehave.step_map" and version in _READABLE:
            return StepMap.from_dict({"origin": None, **data})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:  # ours is a ValueError
        raise InvalidInputError(f"{path} is not a saved step map: {error}") from None
    known = " and ".join(map(str, _READABLE))
    raise InvalidInputError(f"{path}: {kind} version {version}; this nnbehave reads step maps of version {known}")

"""The finding about one curve: how latency follows a dimension, and which of its values are worth keeping.

It needs the standard library only, and pydantic to read a file: neither NumPy nor the detector.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from nnbehave.analysis.steps import file_format
from nnbehave.analysis.steps.origin import Origin
from nnbehave.analysis.steps.pareto import ParetoSets, pareto_set
from nnbehave.analysis.steps.piecewise_law import Interpolation, Piece, PiecewiseLaw
from nnbehave.errors import InvalidInputError

PERIODIC_KINDS = ("staircase", "sloped-staircase", "zigzag")
SMOOTH_KINDS = ("flat", "linear", "quadratic")
_NORMAL_95 = 1.96  # standard errors on each side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class StepMap:
    """How latency follows one dimension ``n``, such as a channel count: the fitted law and its points.

    Attributes
    ----------
    kind : str
        ``flat``, ``linear``, ``quadratic``; ``staircase`` (level steps of one width), ``sloped-staircase`` (they also
        rise inside), ``zigzag`` (a pattern of one width that rises and falls), ``irregular`` (steps of many widths), or
        ``unexplained``.
    width, phase : int or None
        Of the periodic kinds: steps begin at every n with ``(n − phase) mod width = 1``.
    outer_width : int or None
        A second, larger period of the same steps: 64 for tiles of 64 made of vectors of 8.
    width_interval : (int, int) or None
        The smallest and the largest width that the points leave open.
    step_share : float or None
        What the jumps make of the rise over a width; the rest is the slope inside the steps (ANNETTE's α).
    edges : tuple of int
        The n at which a new step begins: the jump lies between n − 1 and n. Edges where the curve leaves its pattern
        (another first step, a cliff) are included.
    edge_evidence : tuple of str
        For each edge: ``observed`` (the points beside it show the jump), ``inferred`` (they cannot tell; the pattern
        says so) or ``contradicted``.
    levels : tuple of float
        Latency in ms at the beginning of each step; the step before the first edge is included.
    confidence : float
        From 0 to 1: how sure the kind, the width and the phase are; 0 for ``unexplained``.
    smallest_jump : float or None
        Relative size of the smallest repeated jump that would have been seen; None where there are too few points.
    reason : str
        Why the curve is ``unexplained``, or what else the reader must know.
    pieces : tuple of Piece
        The law; empty for ``unexplained``.
    measured : tuple of (int, float)
        The points (n, latency in ms) that the law was fitted to, by n.
    origin : Origin or None
        Where the curve was measured; None for arrays.
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
            Answer above the measured range too. Smooth laws go on as they are; periodic ones repeat their last
            period.

        Raises
        ------
        InvalidInputError
            ``n`` is outside the measured range. With ``extrapolate``: ``n`` is below the range, or the kind is
            irregular or unexplained, or periodic and measured over fewer than two periods.
        """
        if extrapolate and n > self.high:
            return self._beyond(n)
        self._check(n)
        return self._law.at(n)

    def latency_interval(self, n: int, extrapolate: bool = False) -> tuple[float, float]:
        """Return the 95 % interval of the law's latency at ``n`` in ms, given that its kind and width are right.

        Above the measured range it is that of the last piece, widened in proportion to the distance.

        Raises
        ------
        InvalidInputError
            The curve is unexplained, or ``latency`` refuses ``n``.
        """
        latency = self.latency(n, extrapolate)
        if not self.pieces:
            raise InvalidInputError("an unexplained curve has no law, so no interval around it")
        piece = self._pieces.piece(n)
        share = piece.std_error_ms / max(abs(piece.coefficients[0]), 1e-300)
        reach = 1 + max(0, n - self.high) / max(1, self.high - self.low)
        half = _NORMAL_95 * share * latency * reach
        return latency - half, latency + half

    def best_channels(self, low: int | None = None, high: int | None = None, tolerance: float = 0.0) -> list[int]:
        """Return the n between ``low`` and ``high`` for which no larger n is as fast: the law's Pareto set.

        Parameters
        ----------
        low, high : int, optional
            Both included; by default the measured range. ``high`` is always in the result.
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

        Examples
        --------
        >>> from nnbehave.analysis.steps import detect_steps
        >>> steps = detect_steps(range(1, 65), [0.5 + -(-k // 16) for k in range(1, 65)])
        >>> steps.best_channels(1, 40)
        [16, 32, 40]
        """
        low, high = self.low if low is None else low, self.high if high is None else high
        if low > high:
            raise InvalidInputError(f"low ({low}) is above high ({high})")
        self._check(low)
        self._check(high)
        if tolerance == 0 and self.kind != "unexplained":
            return self._pareto.between(low, high)
        return self.best_of(range(low, high + 1), tolerance)

    def best_of(self, candidates: Iterable[int], tolerance: float = 0.0) -> list[int]:
        """Return the Pareto set of the law among ``candidates`` alone, as ``best_channels`` does for a range."""
        values = sorted(set(candidates))
        if not values:
            raise InvalidInputError("candidates: expected at least one n, got no candidates")
        self._check(values[0])
        self._check(values[-1])
        if not tolerance >= 0:
            raise InvalidInputError(f"tolerance must be 0 or more, got {tolerance!r}")
        if self.kind == "unexplained":
            return values
        return pareto_set(values, self._law.at, tolerance)

    def round_up(self, n: int) -> int:
        """Return the nearest of ``best_channels()`` at or above ``n``.

        Raises
        ------
        InvalidInputError
            ``n`` is outside the measured range.
        """
        self._check(n)
        return self._best[bisect_left(self._best, n)]

    def round_down(self, n: int) -> int:
        """Return the nearest of ``best_channels()`` at or below ``n``.

        Raises
        ------
        InvalidInputError
            ``n`` is outside the measured range, or below the smallest of ``best_channels()``.
        """
        self._check(n)
        best = self._best
        if n < best[0]:
            raise InvalidInputError(f"nothing at or below {n} is worth keeping; the smallest is {best[0]}")
        return best[bisect_right(best, n) - 1]

    def plot(self, ax: Any = None) -> Any:
        """Draw the measured points, the law and the n worth keeping; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        n, latency_ms = zip(*self.measured, strict=True)
        label = f"{self.kind} {self.width or ''}".rstrip()
        (points,) = ax.plot(n, latency_ms, ".", markersize=4, alpha=0.75, label=label)
        plots.plot_law(*self.outline(range(self.low, self.high + 1)), points.get_color(), ax=ax)
        return plots.label_axes(ax, "n")

    def outline(self, candidates: Iterable[int]) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Return the points (n, latency in ms) to draw: the corners of the law, and the best of some candidates.

        Where there are no steps, the second list is empty; for ``unexplained`` both are.
        """
        if self.kind == "unexplained":
            return [], []
        best = self.best_of(candidates) if self.edges else []
        corners = self._pieces.corners(self.high)
        return [(n, self._law.at(n)) for n in corners], [(n, self._law.at(n)) for n in best]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> StepMap:
        """Return the map of which ``data`` holds the fields, as ``dataclasses.asdict`` or a JSON file gives them.

        Raises
        ------
        InvalidInputError
            A field is missing or of another type, or the map has no points or no law.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            found = TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if not found.measured or (not found.pieces and found.kind != "unexplained"):
            raise InvalidInputError("measured and pieces: a step map needs points, and a law unless it is unexplained")
        return found

    def save(self, path: str | Path) -> None:
        """Write the map as JSON; ``load_step_map`` reads it back."""
        header = {"format": file_format.NAME, "version": file_format.VERSION}
        text = json.dumps({**header, **asdict(self)}, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def _pieces(self) -> PiecewiseLaw:
        return PiecewiseLaw(self.pieces)

    @cached_property
    def _law(self) -> PiecewiseLaw | Interpolation:
        return Interpolation(self.measured) if self.kind == "unexplained" else self._pieces

    @cached_property
    def _pareto(self) -> ParetoSets:
        return ParetoSets(self.low, [self._law.at(n) for n in range(self.low, self.high + 1)])

    @cached_property
    def _best(self) -> list[int]:
        return self.best_channels()

    def _beyond(self, n: int) -> float:
        if self.kind in SMOOTH_KINDS:
            return self._law.at(n)
        period = self.outer_width or self.width
        if self.kind not in PERIODIC_KINDS or period is None or self.high - self.low < 2 * period:
            raise InvalidInputError(f"{n} is outside the measured range, and {self.kind} says nothing of what follows")
        periods = -(-(n - self.high) // period)
        rise = self._law.at(self.high) - self._law.at(self.high - period)
        return self._law.at(n - periods * period) + periods * rise

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
        if self.kind in SMOOTH_KINDS and self.smallest_jump is not None:
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
    """Return the map that ``StepMap.save`` wrote to a file, also one of an older version.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is not a step map, or is of a newer version of the format.
    """
    try:
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, version = data.pop("format"), data.pop("version")
        if kind == file_format.NAME and version in file_format.READABLE:
            return StepMap.from_dict(file_format.upgraded(data, version))
    except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:  # ours is a ValueError
        raise InvalidInputError(f"{path} is not a saved step map: {error}") from None
    known = ", ".join(map(str, file_format.READABLE))
    raise InvalidInputError(
        f"{path}: {kind} version {version}; this nnbehave reads {file_format.NAME} of the versions {known}"
    )

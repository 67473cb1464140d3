"""Latency at any n: a law in polynomial pieces, or straight lines between points. Standard library only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Piece(NamedTuple):
    """A polynomial from ``begin`` to the next piece: latency = Σ coefficients[i] · (n − begin)^i, in ms.

    Attributes
    ----------
    begin : int
        The first n of the piece.
    coefficients : tuple of float, one to three
    std_error_ms : float
        The standard error of the law in the middle of the piece.
    """

    begin: int
    coefficients: tuple[float, ...]
    std_error_ms: float

    def at(self, n: int) -> float:
        """Return the latency at ``n`` in ms."""
        if len(self.coefficients) == 1:
            return self.coefficients[0]
        result = 0.0
        for coefficient in reversed(self.coefficients):
            result = result * (n - self.begin) + coefficient
        return result


class PiecewiseLaw:
    """A law in pieces. The first piece also holds below its beginning, the last one goes on."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._begins = [piece.begin for piece in pieces]

    def piece(self, n: int) -> Piece:
        """Return the piece that ``n`` lies in."""
        return self._pieces[max(0, bisect_right(self._begins, n) - 1)]

    def at(self, n: int) -> float:
        """Return the latency at ``n`` in ms."""
        return self.piece(n).at(n)

    def corners(self, high: int) -> list[int]:
        """Return the n up to ``high`` between which the law is straight: the ends of its pieces, all n of bent ones."""
        ends = [*(begin - 1 for begin in self._begins[1:]), high]
        corners: list[int] = []
        for piece, end in zip(self._pieces, ends, strict=True):
            is_bent = len(piece.coefficients) > 2
            corners += range(piece.begin, end + 1) if is_bent else (piece.begin, end)
        return corners


class Interpolation:
    """Straight lines between measured points."""

    def __init__(self, points: Sequence[tuple[int, float]]) -> None:
        self._points = points

    def at(self, n: int) -> float:
        """Return the latency at ``n`` in ms; ``n`` lies between the first and the last point."""
        right = bisect_left(self._points, (n,))
        (n1, y1), (n0, y0) = self._points[right], self._points[max(0, right - 1)]
        return y1 if n1 == n else y0 + (y1 - y0) * (n - n0) / (n1 - n0)

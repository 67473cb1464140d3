"""How a session measures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nnbehave.errors import InvalidInputError


@dataclass(frozen=True)
class Settings:
    """How a session measures. The defaults are for a shared machine.

    Attributes
    ----------
    interval : float
        A layer is done when its 95 % interval lies within this share of its latency on both sides.
    min_rounds, max_rounds : int
        Six rounds are the fewest whose range is a 95 % interval of their median; past the last a layer is ``noisy``.
    value_ms, block_ms : float
        Shortest span that is timed, and how much of a round a layer gets.
    time_limit_s : float
        For loading a layer and for one block of it; past it, it is a ``timeout``.
    seed : int
        Of the weights, the inputs and the order of every round.
    """

    interval: float = 0.02
    min_rounds: int = 6
    max_rounds: int = 60
    value_ms: float = 0.2
    block_ms: float = 2.0
    time_limit_s: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.interval < 1:
            raise InvalidInputError(f"interval: a share between 0 and 1 such as 0.02, got {self.interval!r}")
        if not 6 <= self.min_rounds <= self.max_rounds:
            raise InvalidInputError(
                f"rounds: need 6 ≤ min_rounds ≤ max_rounds, got {self.min_rounds} and {self.max_rounds}"
            )
        if not self.time_limit_s > 0:
            raise InvalidInputError(f"time_limit_s: must be above 0, got {self.time_limit_s!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return asdict(self)

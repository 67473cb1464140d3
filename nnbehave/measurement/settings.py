"""How a session measures."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nnbehave.design.layer import PositiveInt
from nnbehave.errors import InvalidInputError


class Settings(BaseModel):
    """How a session measures. The defaults are for a shared machine.

    Parameters
    ----------
    interval : float
        A layer is done when its 95 % interval lies within this share of its latency on both sides.
    min_rounds, max_rounds : int
        Six rounds are the fewest whose range is a 95 % interval of their median; past the last a layer is ``noisy``.
    processes : int
        Fresh processes that the first rounds are spread over: memory lies differently in each.
    footprint_mib : float
        What a network reads and writes between two runs of one of its layers; where calls are taken in turn
        (``stacked``), at least so much lies between two calls of a layer. MobileNetV1 has 17 MB of weights and 5 of
        activations. 0 leaves the caches as they are.
    passes : int
        Of single calls in one block, where calls are taken in turn.
    value_ms, block_ms : float
        Shortest span that is timed, and how much of a round a layer gets.
    time_limit_s : float
        For loading a layer and for one block of it; past it, it is a ``timeout``. Also for all timed calls of a
        layer; past it, it is ``noisy``.
    seed : int
        Of the weights, the inputs and the order of every round.

    Raises
    ------
    InvalidInputError
        A value is of the wrong type or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval: float = Field(default=0.02, gt=0, lt=1)
    min_rounds: Annotated[PositiveInt, Field(ge=6)] = 6
    max_rounds: PositiveInt = 60
    processes: PositiveInt = 3
    footprint_mib: float = Field(default=24.0, ge=0, le=1024)
    passes: PositiveInt = 5
    value_ms: float = Field(default=0.2, gt=0, le=1e6)
    block_ms: float = Field(default=2.0, gt=0, le=1e6)
    time_limit_s: float = Field(default=60.0, gt=0, le=86_400)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidInputError(
                "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
            ) from None

    @model_validator(mode="after")
    def _enough_rounds(self) -> Settings:
        if self.max_rounds < self.min_rounds:
            raise ValueError(f"max_rounds ({self.max_rounds}) is below min_rounds ({self.min_rounds})")
        return self

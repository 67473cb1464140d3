"""The settings of a session."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from nnbehave.design.layer import PositiveInt
from nnbehave.errors import InvalidInputError


class Settings(BaseModel):
    """The settings of a session. The defaults are for a shared machine.

    Parameters
    ----------
    interval : float
        A layer is known well enough when its 95 % interval lies within this share of its latency on both sides.
    min_rounds, max_rounds : int
        Fewest and most rounds of a layer. Six rounds are the fewest whose range is a 95 % interval of their median. A
        layer that is not known well enough after ``max_rounds`` is ``noisy``.
    processes : int
        Fresh processes over which the first rounds are spread: each lays out memory differently.
    passes : int
        Calls of a part in one sample where parts are called in turn.
    span_ms : float
        Shortest timed span, in ms. Short calls are repeated until a span takes so long.
    sample_ms : float
        Time that a part gets in each round, in ms.
    time_limit_s : float
        Time limit, in seconds, for loading a layer and for one sample of it; a layer that takes longer is a
        ``timeout``. It also limits the sum of all timed spans of a layer; a layer that reaches it is ``noisy``.
    seed : int
        Seed of the weights, of the inputs and of the order of every round.

    Raises
    ------
    InvalidInputError
        A value is of the wrong type or out of range.

    Notes
    -----
    Stores written by version 0.1.0 hold ``span_ms`` as ``value_ms`` and ``sample_ms`` as ``block_ms``. Both old names
    are read, and ``footprint_mib``, a context that was not kept exactly, is left out.

    Examples
    --------
    >>> Settings(interval=0.05).max_rounds
    60
    >>> Settings(value_ms=0.5).span_ms
    0.5
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval: float = Field(default=0.02, gt=0, lt=1)
    min_rounds: Annotated[PositiveInt, Field(ge=6)] = 6
    max_rounds: PositiveInt = 60
    processes: PositiveInt = 3
    passes: PositiveInt = 5
    span_ms: float = Field(default=0.2, gt=0, le=1e6, validation_alias=AliasChoices("span_ms", "value_ms"))
    sample_ms: float = Field(default=2.0, gt=0, le=1e6, validation_alias=AliasChoices("sample_ms", "block_ms"))
    time_limit_s: float = Field(default=60.0, gt=0, le=86_400)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)

    def __init__(self, **values: Any) -> None:
        values.pop("footprint_mib", None)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidInputError(
                "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
            ) from None

    @model_validator(mode="after")
    def _check_rounds(self) -> Settings:
        if self.max_rounds < self.min_rounds:
            raise ValueError(f"max_rounds ({self.max_rounds}) is below min_rounds ({self.min_rounds})")
        return self

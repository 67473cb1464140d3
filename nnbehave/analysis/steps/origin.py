"""Where a step map's curve was measured, and which values of it have no latency. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Scalar = str | int | float | bool | None


class Lost(NamedTuple):
    """A value of the dimension that has no latency.

    Attributes
    ----------
    n : int
        The value.
    status : str
        Of its measurement, such as ``unsupported``.
    reason : str
    """

    n: int
    status: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """The curve that a step map was found on.

    Attributes
    ----------
    platform, environment, method, context : str
        As in the measurements.
    dimension : str
        The field of the layer that ``n`` stands for.
    layer : dict
        The other fields of the layer, by name.
    lost : tuple of Lost
        The values of the dimension that have no latency.
    """

    platform: str
    environment: str
    method: str
    dimension: str
    layer: dict[str, Scalar] = field(hash=False)
    lost: tuple[Lost, ...] = ()
    context: str = ""

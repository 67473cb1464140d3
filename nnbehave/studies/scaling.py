"""How does latency scale with kernel, input size, stride and batch? The base layers are those of the paper's Fig. 8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.design.layer import Layer
from nnbehave.design.operators import OPERATORS
from nnbehave.errors import InvalidInputError, InvalidLayerError
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.settings import Settings

_BASE = {"height": 56, "in_channels": 32, "out_channels": 32, "kernel": 3, "groups": 4, "dilation": 2}  # Fig. 8
_VALUES = {"kernel": (1, 3, 5, 7), "height": (7, 14, 28, 56, 112), "stride": (1, 2), "batch": (1, 2, 4, 8)}


def measure_scaling(
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    ops: str | Sequence[str] = ("conv", "dwconv"),
    interval: float = 0.02,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
) -> Scaling:
    """Measure layers over kernel, input size, stride and batch, and return how latency grows with each.

    The base layer is that of Tang et al., MLSys 2021, Fig. 8: H = W = 56, Cin = Cout = 32, K = 3, S = 1. Each dimension
    that an operator has is varied alone.

    The context is the default of sweeps (``network`` for stacked layers), so that the fits hold for layers inside
    networks.

    Parameters
    ----------
    platforms : str or sequence of str
    store : str or path, optional
        As in :func:`nnbehave.sweep`.
    ops : str or sequence of str
        Operators by name.
    interval : float
        As in :func:`nnbehave.sweep`.
    seed : int
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Scaling

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
        The arguments cannot be used here.
    """
    sweeps = [sweep for op in ([ops] if isinstance(ops, str) else ops) for sweep in _sweeps(op)]
    if not sweeps:
        raise InvalidInputError("nothing to measure: give at least one operator that has a dimension to vary")
    settings = Settings(interval=interval, seed=seed)
    with Engine(platforms, Options(settings, target=target, progress=progress), store) as engine:
        return fit_scaling(engine.measure(sweeps))


def _sweeps(op: str) -> Iterator[list[Layer]]:
    """Yield, for each dimension that an operator has, the layers over it."""
    if op not in OPERATORS:
        raise InvalidInputError(f"unknown operator {op!r}; one of {', '.join(sorted(OPERATORS))}")
    needed = OPERATORS[op].required
    base = Layer(op=op, **{name: value for name, value in _BASE.items() if name in needed})
    for dimension, values in _VALUES.items():
        if dimension in (*needed, *OPERATORS[op].optional):
            layers = list(_possible(base, dimension, values))
            if len(layers) > 1:
                yield layers


def _possible(base: Layer, dimension: str, values: Sequence[int]) -> Iterator[Layer]:
    for value in values:
        try:
            yield base.replace(**{dimension: value})
        except InvalidLayerError:  # such as a stride of a dilated convolution
            continue

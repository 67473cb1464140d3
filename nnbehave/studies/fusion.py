"""Which operators does a platform fuse? Pairs are measured together, apart, and with another operator between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from nnbehave.analysis import Fusion, detect_fusion
from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.operators import OPERATORS, ElementWise
from nnbehave.errors import InvalidInputError, InvalidLayerError
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.settings import Settings

Pair = tuple[str | Layer, str | Layer]

ACTIVATIONS = ("relu", "relu6", "hardsigmoid", "hardswish", "sigmoid", "swish", "gelu")
FOLLOWERS = (*ACTIVATIONS, "batch_norm", "add", "multiply", "maxpool", "avgpool")
PAIRS: tuple[Pair, ...] = (
    *((first, second) for first in ("conv", "dwconv", "transposed_conv", "group_conv") for second in FOLLOWERS),
    *((first, second) for first in ("add", "maxpool", "dense") for second in ACTIVATIONS),
    *((first, "se") for first in ("conv", "dwconv")),
)
SIZES = ((56, 32), (28, 96), (14, 384))  # height and channels of the tensor between the two operators
_PROCESSES = 15
_FEW = 8  # input channels of a first operator such as conv, so that the second one's time is not small beside its own
_GIVEN = {"kernel": 3, "groups": 4, "dilation": 2, "stride": 1}  # for operators that need them


def check_fusion(
    pairs: Iterable[Pair] = PAIRS,
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    shapes: Sequence[tuple[int, int]] = SIZES,
    rounds: int = 150,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
) -> Fusion:
    """Measure pairs of operators and return which of them a platform fuses.

    Three graphs are measured for each pair: the two together, the first alone, and the second alone. A second operator
    that is not element-wise, such as a pool or a convolution, may compute in a layout of its own. Alone, it would have
    to change the layout twice. So it is measured behind the first with a max-pool between the two, and the first with
    the max-pool is subtracted.

    All graphs are measured ``whole``, in one session if a runner has memory for them. They are not stacked, because the
    runtime could fold an activation into the layer of a stack that writes its input. The context is ``warm``: in every
    context the second operator reads what the first has just written, and warm calls vary least.

    Parameters
    ----------
    pairs : iterable of (first, second)
        Operators by name, measured at each shape, or layers. The second reads the output of the first.
    platforms : str or sequence of str
    store : str or path, optional
        As in :func:`nnbehave.sweep`.
    shapes : sequence of (int, int)
        Height and channels of the first operator's output, for pairs whose first operator is given by name.
    rounds : int
        Rounds of each graph. They are spread over fifteen processes, because much of the error comes from how each
        process lays out memory. To judge a second operator that takes a tenth of the first's time, differences of
        a twentieth must be seen; on a noisy machine that takes a hundred rounds.
    seed : int
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Fusion

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
        The arguments cannot be used here.
    """
    curves: dict[Layer, list[Graph]] = {}
    for first, second in pairs:
        for shape in shapes if isinstance(first, str) else [(0, 0)]:
            one = _first(first, *shape) if isinstance(first, str) else first
            curves.setdefault(one, [Graph([one])]).extend(_graphs(one, second))
    if not curves:
        raise InvalidInputError("nothing to measure: give at least one pair and one shape")
    settings = Settings(min_rounds=rounds, max_rounds=rounds, processes=_PROCESSES, seed=seed)
    options = Options(settings, target=target, progress=progress, graphs_whole=True)
    with Engine(platforms, options, store) as engine:
        return detect_fusion(engine.measure([list(dict.fromkeys(graphs)) for graphs in curves.values()]))


def _first(name: str, height: int, channels: int) -> Layer:
    """Return a layer of the operator whose output has this height and these channels, or for dense as many elements."""
    few = min(_FEW, channels)
    if name == "dense":
        return _layer(name, 1, few, height**2 * channels)
    return _layer(name, height, few if "out_channels" in _needed(name) else channels, channels)


def _graphs(first: Layer, second: str | Layer) -> list[Graph]:
    """Return the pair, and the graphs that give the time of the second operator apart from the first."""
    shape = first.output_shape
    if isinstance(second, str):
        second = _layer(second, shape[1] if len(shape) == 4 else 1, shape[-1], shape[-1])
    pair = Graph([first, second], "pair")
    if len(shape) != 4 or isinstance(second.operator, ElementWise):
        return [pair, Graph([second])]
    size = {"batch": shape[0], "height": shape[1], "width": shape[2], "in_channels": shape[3]}
    between = Layer(op="maxpool", kernel=2, **size)  # it keeps the layout and fuses with no convolution or pool
    return [pair, Graph([first, between], "pair"), Graph([first, between, second])]


def _layer(name: str, height: int, in_channels: int, out_channels: int) -> Layer:
    needed = _needed(name)
    fields = {"height": height, "in_channels": in_channels, "out_channels": out_channels, **_GIVEN}
    try:
        return Layer(op=name, **{key: value for key, value in fields.items() if key in needed})
    except InvalidLayerError as error:
        raise InvalidInputError(f"{name!r} at height {height} and {out_channels} channels: {error}") from None


def _needed(name: str) -> tuple[str, ...]:
    if name not in OPERATORS:
        raise InvalidInputError(f"unknown operator {name!r}; one of {', '.join(sorted(OPERATORS))}")
    return OPERATORS[name].required

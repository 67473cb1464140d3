"""Measuring spaces, layers and graphs. ``nnbehave.sweep`` is this module and its function.

Heavy imports stand inside the functions, since ``import nnbehave`` binds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnbehave.analysis.results import Results
    from nnbehave.design.graph import Graph
    from nnbehave.design.layer import Layer
    from nnbehave.design.space import Space


def sweep(
    space: str | Path | Space | None = None,
    *,
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    layer: Layer | None = None,
    dimension: str | None = None,
    values: Iterable[Any] | None = None,
    sampling: str = "exhaustive",
    budget: int | None = None,
    method: str | None = None,
    context: str | int | None = None,
    statistic: str | None = None,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
    target: str = "local",
) -> Results:
    """Measure a space on some platforms, one dimension at a time.

    Layers that the store holds already for this machine, runtime and options are not measured again. A sweep that was
    interrupted goes on where it stopped when it is called again. Slots without choices are measured too.

    Parameters
    ----------
    space : str, path or Space
        The name of a shipped space, a YAML file, or a space. Or give ``layer``, ``dimension`` and ``values``.
    platforms : str or sequence of str
        ``name[:variant][?key=value&…]``; :func:`nnbehave.platforms` lists them.
    store : str or path, optional
        A database URL, or the path of a SQLite file, which is made where there is none. By default nothing is kept.
    layer : Layer, optional
    dimension : str, optional
        The dimension of ``layer`` to sweep.
    values : iterable, optional
        The values of that dimension. With a space: the numbers to take of all that it has.
    sampling : {"exhaustive", "adaptive"}
        ``exhaustive`` measures all values. ``adaptive`` measures of each curve over whole numbers as few values as
        show its steps, in batches that depend on what is known so far (:class:`nnbehave.analysis.steps.StepSearch`).
    budget : int, optional
        The most values of a curve to measure, with ``adaptive``; by default as many as it takes.
    method : {"stacked", "whole", "profiled", "none"}, optional
        How a layer is isolated (:mod:`nnbehave.measurement.isolation`); by default the first that its platform lists.
        Whole networks are measured ``whole`` unless another method is given. ``none`` times nothing: it finds out what
        can be converted and run, at which precision, and whether the output is right.
    context : str or int, optional
        What is touched between two calls of a layer (:mod:`nnbehave.measurement.context`): ``warm``, ``network``,
        ``cold``, or a number of bytes; for networks also ``loop``. By default ``network`` for layers that are
        ``stacked``, ``warm`` for other layers, and ``loop`` for networks.
    statistic : {"mean", "median", "p1", ..., "p99"}, optional
        Of all timed spans as they are, to compare with what other benchmarks report. By default latencies are medians
        over undisturbed rounds, with the state of the machine taken out
        (:mod:`nnbehave.measurement.statistics`). It changes what is told of what was measured, not how.
    interval : float
        Measure a layer until its 95 % interval is within this share of its latency: 0.02, or 0.05 to be quick.
    time_limit_s : float
        Seconds for loading a layer, and for one sample of it.
    seed : int
        Of weights, inputs and the order of rounds.
    retry : bool
        Measure again what failed, timed out or stayed noisy.
    progress : bool
        Show progress bars.
    target : str
        Where it is measured: ``local``; ``python:/path/to/python``, another Python on this machine;
        ``ssh://[user@]host[:port][?python=/path]``, a host over SSH; ``adb://serial?benchmark_model=/path``, an Android
        device. Layers are converted on this machine.

    Returns
    -------
    Results
        Of this space on these platforms. Where the runner of one of several platforms does not start, its layers are
        ``failed`` with the reason.

    Raises
    ------
    InvalidInputError, SpaceError, UnknownPlatformError
        Before anything is measured, where the arguments cannot be used.
    MissingExtraError
        A runtime or TensorFlow is not installed.
    StoreError
        The store cannot be used; it keeps what was measured until then.
    TargetError
        The target cannot be reached, or nothing can be measured there.
    WorkerError
        No platform's runner starts.
    ConnectionLost
        The connection to the target broke, and could not be made again for a minute; the store keeps what was measured.
    """
    from nnbehave.analysis.results import Results
    from nnbehave.errors import InvalidInputError
    from nnbehave.measurement.engine import Engine
    from nnbehave.measurement.options import Options
    from nnbehave.measurement.settings import Settings
    from nnbehave.studies.adaptive import measure_adaptively

    if sampling not in ("exhaustive", "adaptive"):
        raise InvalidInputError(f"sampling: expected 'exhaustive' or 'adaptive', got {sampling!r}")
    if budget is not None and (sampling == "exhaustive" or isinstance(budget, bool) or budget < 8):
        raise InvalidInputError(f"budget: a number of values from 8 up, with sampling='adaptive', got {budget!r}")
    space = _space_of(space, layer, dimension, values)
    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    options = Options(settings, method, context, target, retry, progress, statistic=statistic)
    fixed = [[slot.base] for slot in space.slots if not slot.choices]
    with Engine(platforms, options, store, space) as engine:
        if sampling == "adaptive":
            return Results.of(measure_adaptively(engine, space, fixed, budget))
        return Results.of(engine.measure([*([*curve.layers] for curve in space.sweeps()), *fixed]))


def measure(
    subjects: Iterable[Layer | Graph],
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    method: str | None = None,
    context: str | int | None = None,
    statistic: str | None = None,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
    target: str = "local",
) -> Results:
    """Measure layers and graphs on some platforms.

    Parameters
    ----------
    subjects : iterable of Layer or Graph
    platforms, store, method, context, statistic, interval, time_limit_s, seed, retry, progress, target
        As in :func:`sweep`.

    Returns
    -------
    Results
        In the order of the subjects, platform by platform.

    Raises
    ------
    NNBehaveError
        As :func:`sweep`.
    """
    from nnbehave.analysis.results import Results
    from nnbehave.measurement.engine import Engine
    from nnbehave.measurement.options import Options
    from nnbehave.measurement.settings import Settings

    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    options = Options(settings, method, context, target, retry, progress, statistic=statistic)
    with Engine(platforms, options, store) as engine:
        return Results.of(engine.measure([[subject] for subject in subjects]))


def _space_of(
    space: str | Path | Space | None, layer: Layer | None, dimension: str | None, values: Iterable[Any] | None
) -> Space:
    """Return the space that the arguments mean. Raises InvalidInputError or SpaceError where they mean none."""
    from nnbehave.design.layer import Layer
    from nnbehave.design.space import Space, load_space
    from nnbehave.errors import InvalidInputError

    if space is None:
        if not isinstance(layer, Layer) or not isinstance(dimension, str) or not isinstance(values, Iterable):
            raise InvalidInputError("give a space, or layer= (a Layer), dimension= (a name) and values= (a sequence)")
        return Space.from_layer(layer, dimension, list(values))
    if layer is not None or dimension is not None:
        raise InvalidInputError("give a space, or layer=, dimension= and values=, not both")
    space = space if isinstance(space, Space) else load_space(space)
    return space if values is None else space.among(list(values))

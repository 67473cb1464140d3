"""Measuring spaces, layers and graphs. ``nnbehave.sweep`` is this module and its function.

What is heavy is imported inside the functions, since ``import nnbehave`` binds them.
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
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
    target: str = "local",
) -> Results:
    """Measure a space's layers on some platforms: its sweeps, one dimension at a time, and slots without choices.

    Layers that the store already holds for this machine, runtime and options are not measured again, so that a sweep
    that was interrupted goes on where it was: call it again.

    Parameters
    ----------
    space : str, path or Space
        A shipped space's name, a YAML file, or a space; or give ``layer``, ``dimension`` and ``values``.
    platforms : str or sequence of str
        ``name[:variant][?key=value&…]``; :func:`nnbehave.measurement.platforms` lists them.
    store : str or path, optional
        A database URL or the path of a SQLite file, made where there is none; by default nothing is kept.
    layer, dimension, values
        A layer, one of its dimensions, and the values to give it. With a space, ``values`` are the numbers to take of
        all that it has.
    sampling : {"exhaustive", "adaptive"}
        Which of the values to measure: all; or of each curve over whole numbers as few as show its steps, in batches
        that each depend on what is known so far (:mod:`nnbehave.analysis.steps.search`).
    budget : int, optional
        How many values of a curve to measure at most, when adaptively; by default as many as it takes.
    method : {"stacked", "whole", "profiled", "none"}, optional
        How a layer is isolated (:mod:`nnbehave.measurement.isolation`); by default the first that its platform lists.
        Whole networks are measured ``whole`` unless another is asked for. ``none`` times nothing: it only finds out
        what can be converted and run, at which precision, and whether the output is right.
    interval : float
        Measure a layer until its 95 % interval is within this share of its latency: 0.02, or 0.05 to be quick.
    time_limit_s : float
        For loading a layer, and for one block of it.
    seed : int
        Of weights, inputs and the order of rounds.
    retry : bool
        Measure again what failed, timed out or stayed noisy.
    progress : bool
        Show progress bars.
    target : str
        Where it is measured: ``local``; ``python:/path/to/python``, another Python on this machine; a host over SSH,
        ``ssh://[user@]host[:port][?python=/path]`` (:func:`.measurement.targets.get_target`). What is measured is
        converted here.

    Returns
    -------
    Results
        Of this space on these platforms.

    Raises
    ------
    InvalidInputError, SpaceError, UnknownPlatformError
        Before anything is measured, where the arguments cannot be used.
    MissingExtraError
        A runtime or TensorFlow is not installed.
    StoreError
        The store cannot be used; what was measured until then is in it.
    TargetError
        The target cannot be reached, or nothing can be measured there.
    ConnectionLost
        The connection to the target broke, and could not be made again for a minute; what was measured is in the store.
    """
    from nnbehave.design.layer import Layer
    from nnbehave.design.space import Space, load_space
    from nnbehave.errors import InvalidInputError
    from nnbehave.measurement.engine import Pipeline
    from nnbehave.measurement.settings import Settings
    from nnbehave.studies.adaptive import measure_adaptively

    if sampling not in ("exhaustive", "adaptive"):
        raise InvalidInputError(f"sampling: expected 'exhaustive' or 'adaptive', got {sampling!r}")
    if budget is not None and (sampling == "exhaustive" or isinstance(budget, bool) or budget < 8):
        raise InvalidInputError(f"budget: a number of values from 8 up, with sampling='adaptive', got {budget!r}")
    if space is None:
        if not isinstance(layer, Layer) or not isinstance(dimension, str) or not isinstance(values, Iterable):
            raise InvalidInputError("give a space, or layer= (a Layer), dimension= (a name) and values= (a sequence)")
        space = Space.from_layer(layer, dimension, list(values))
    elif layer is not None or dimension is not None:
        raise InvalidInputError("give a space, or layer=, dimension= and values=, not both")
    else:
        space = space if isinstance(space, Space) else load_space(space)
        space = space if values is None else space.among(list(values))
    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    fixed = [[slot.base] for slot in space.slots if not slot.choices]
    with Pipeline(space, platforms, store, method, settings, retry, progress, target=target) as pipeline:
        if sampling == "adaptive":
            return measure_adaptively(pipeline, space, fixed, budget)
        return pipeline.measure([*([*curve.layers] for curve in space.sweeps()), *fixed])


def measure(
    subjects: Iterable[Layer | Graph],
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    method: str | None = None,
    interval: float = 0.02,
    time_limit_s: float = 60.0,
    seed: int = 0,
    retry: bool = False,
    progress: bool = True,
    target: str = "local",
) -> Results:
    """Measure layers and graphs on some platforms. Parameters, returns and errors as in :func:`sweep`."""
    from nnbehave.measurement.engine import Pipeline
    from nnbehave.measurement.settings import Settings

    settings = Settings(interval=interval, time_limit_s=time_limit_s, seed=seed)
    curves = [[subject] for subject in subjects]
    with Pipeline(None, platforms, store, method, settings, retry, progress, target=target) as pipeline:
        return pipeline.measure(curves)

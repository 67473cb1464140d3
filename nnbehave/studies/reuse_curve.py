"""The study of the machine's curve: a few layers at many distances."""

from __future__ import annotations

from pathlib import Path

from nnbehave.analysis.reuse_curve import ReuseCurve, find_reuse_curve
from nnbehave.design.layer import Layer
from nnbehave.measurement.context import Context
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.settings import Settings
from nnbehave.records import Measurements
from nnbehave.studies.failures import raise_failures

_MIB = 2**20
CONTEXTS: tuple[Context, ...] = ("warm", *(int(mib * _MIB) for mib in (0.25, 1, 4, 8, 16, 24, 32, 48, 64, 128, 256)))
_ROUNDS, _PROCESSES = 8, 2


def measure_reuse_curve(
    platform: str = "tflite", store: str | Path | None = None, *, progress: bool = True, target: str = "local"
) -> ReuseCurve:
    """Measure what a byte of weights costs by how many bytes were touched since its last use. Takes half a minute.

    Five convolutions with 0.6 to 9 MB of weights are measured in twelve contexts, from ``warm`` to 256 MiB.

    Parameters
    ----------
    platform : str
    store : str or path, optional
        A database URL, or the path of a SQLite file. By default nothing is kept. Results of the same store give the
        curve again (:func:`~nnbehave.analysis.reuse_curve.find_reuse_curve`).
    progress : bool
    target : str
        The machine, as in :func:`nnbehave.sweep`.

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
        The arguments cannot be used here.
    WorkerError
        A layer cannot be converted or run.
    """
    shapes = [(14, 128, 128, 3), (7, 512, 512, 1), (8, 256, 256, 3), (7, 256, 512, 3), (4, 512, 512, 3)]
    layers = [Layer(op="conv", height=h, in_channels=i, out_channels=o, kernel=k) for h, i, o, k in shapes]
    settings = Settings(min_rounds=_ROUNDS, max_rounds=_ROUNDS, processes=_PROCESSES)
    found: list[Measurements] = []
    for context in CONTEXTS:
        options = Options(settings, "whole", context, target, progress=progress, with_references=False)
        with Engine(platform, options, store) as engine:
            found.append(engine.measure([[layer] for layer in layers]))
            raise_failures(found[-1])
    return find_reuse_curve(Measurements([one for each in found for one in each], found[0].environments))

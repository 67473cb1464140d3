"""Where do a platform's roofs lie? Layers from memory-bound to compute-bound, and the peaks of the machine itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.design.layer import Layer
from nnbehave.design.precisions import BYTES, PRECISIONS
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.settings import Settings

_SMALLEST, _LARGEST = 16 * 2**10, 64 * 2**20  # working sets of the element-wise layers, in bytes
_ACCESSES = {"relu": 2, "add": 3, "multiply": 3}  # memory accesses of these layers for each element of the output
_CHANNELS = 64  # of these layers
_POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SIDE = 1024  # of the matrices: 12 MiB in all; their product takes 20 ms, long enough to reach the peak
_COPIED = 128 * 2**20  # bytes, more than caches hold


def measure_roofline(
    platforms: str | Sequence[str] = ("tflite",),
    store: str | Path | None = None,
    *,
    precision: str = "fp32",
    interval: float = 0.02,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
) -> Roofline:
    """Measure layers of rising intensity and size, and return the roofs above them.

    Element-wise layers, whose working sets double between 16 KiB and 64 MiB, give the bandwidth. Convolutions with more
    and more channels give the peak. ``dense`` and ``dwconv`` lie between. All are measured ``whole``, over and over, in
    the context ``warm``: a working set that fits into a cache is read from there.

    Parameters
    ----------
    platforms : str or sequence of str
    store : str or path, optional
        As in :func:`nnbehave.sweep`.
    precision : str
        Precision of all layers.
    interval : float
        As in :func:`nnbehave.sweep`.
    seed : int
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Roofline

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
        The arguments cannot be used here.
    """
    if precision not in PRECISIONS:
        raise InvalidInputError(f"precision: must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    settings = Settings(interval=interval, seed=seed)
    options = Options(settings, target=target, progress=progress, graphs_whole=True)
    with Engine(platforms, options, store) as engine:
        return fit_roofline(engine.measure([list(family(precision))]))


def family(precision: str = "fp32") -> Iterator[Layer]:
    """Yield the layers that :func:`measure_roofline` measures."""
    for op, accesses in _ACCESSES.items():
        size = _CHANNELS * accesses * BYTES[precision][0]  # of one pixel, in bytes
        for power in range(30):
            if _SMALLEST <= size << power <= _LARGEST:
                height, width = 1 << power // 2, 1 << power - power // 2
                yield Layer(op=op, height=height, width=width, in_channels=_CHANNELS, precision=precision)
    for channels in (4, 8, 16, 32, 64, 128, 256, 512):
        yield _conv(28, channels, 1, precision)
    for channels in (8, 16, 32, 64, 128, 256):
        yield _conv(14, channels, 3, precision)
    for kernel in (3, 7):
        for channels in (32, 128, 512):
            yield Layer(op="dwconv", height=28, in_channels=channels, kernel=kernel, precision=precision)
    for channels in (256, 512, 1024, 2048):
        yield Layer(op="dense", in_channels=channels, out_channels=channels, precision=precision)


def _conv(height: int, channels: int, kernel: int, precision: str) -> Layer:
    return Layer(
        op="conv", height=height, in_channels=channels, out_channels=channels, kernel=kernel, precision=precision
    )


# ---------------------------------------------------------------------- the peaks of the machine


def machine_peaks(seconds: float = 1.0, threads: int = 1) -> dict[str, float]:
    """Return the peaks of this machine without an inference platform: those of a matrix product and of a copy.

    Both are repeated, and the fastest call counts.

    Parameters
    ----------
    seconds : float
        Seconds to spend, half on each.
    threads : int
        Threads of the matrix product; give as many as the platform to compare with uses. A new Python process gets the
        number before it loads NumPy, since BLAS reads it only then. The copy always has one thread.

    Returns
    -------
    dict of str to float
        ``peak_gops``: G multiply-adds/s of a float32 matrix product by NumPy's BLAS. ``bandwidth_gbs``: GB/s of a
        copy of 128 MiB, read and write counted, as in STREAM (McCalpin 1995). ``threads``.

    Raises
    ------
    InvalidInputError
        ``seconds`` or ``threads`` is not positive.
    """
    if not seconds > 0 or threads < 1:
        raise InvalidInputError(f"expected seconds above 0 and threads from 1 on, got {seconds!r} and {threads!r}")
    code = f"from {__name__} import _peaks; _peaks({float(seconds)})"
    environment = os.environ | dict.fromkeys(_POOLS, str(int(threads)))
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return {**json.loads(printed), "threads": threads}


def _peaks(seconds: float) -> None:
    """Measure the peaks in this process, and print them as JSON."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((_SIDE, _SIDE), dtype=np.float32) for _ in range(2))
    product = np.empty_like(a)
    source = np.ones(_COPIED, np.uint8)
    copy = np.empty_like(source)
    peaks = {
        "peak_gops": _SIDE**3 / _fastest_ns(lambda: np.matmul(a, b, out=product), seconds / 2),
        "bandwidth_gbs": 2 * _COPIED / _fastest_ns(lambda: np.copyto(copy, source), seconds / 2),
    }
    print(json.dumps(peaks))


def _fastest_ns(call: Callable[[], object], seconds: float) -> int:
    """Return the time of the fastest call, in ns. Calls are repeated for some seconds, at least three times."""
    end = time.perf_counter() + seconds
    spans: list[int] = []
    while len(spans) < 3 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        call()
        spans.append(time.perf_counter_ns() - start)
    return min(spans)

"""The reference of an artifact: elements of TensorFlow's fp32 output, with which a runtime's output is compared.

The converter writes it into the file ``reference.npz`` beside the artifact. The input is not in it: it is drawn from
the seed and quantised as the artifact says. Only graphs with one output have a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FILE = "reference.npz"
_MOST_ELEMENTS = 2000
_ROUNDING = np.float32(1e-5)  # relative error of fp32 sums over hundreds of channels, through tens of layers


class Quantisation(NamedTuple):
    """How integers stand for real numbers: ``real = scale * (integer - zero_point)``.

    Attributes
    ----------
    scale : float
        0 for a tensor that is not quantised.
    zero_point : int
    """

    scale: float
    zero_point: int


NOT_QUANTISED = Quantisation(0.0, 0)


class Fidelity(NamedTuple):
    """How near a runtime's output is to TensorFlow's in fp32.

    Errors are infinite if the runtime's output has an element that is infinite or not a number.

    Attributes
    ----------
    output_error : float
        Root mean square of the difference, divided by the root mean square of TensorFlow's output.
    output_cosine : float
        Cosine of the angle between the two outputs as vectors.
    largest_error : float
        Largest absolute difference, divided by TensorFlow's largest magnitude.
    rounding_error : float
        The ``output_error`` of TensorFlow itself for inputs with a relative error of 1e-5 (:func:`nudged`), which is
        about the effect of rounding in fp32. It is large where a graph amplifies small differences, and NaN where it
        is not known.
    """

    output_error: float
    output_cosine: float
    largest_error: float
    rounding_error: float = float("nan")


def random_inputs(shapes: Sequence[Sequence[int]], seed: int) -> list[npt.NDArray[np.float32]]:
    """Return the inputs that belong to a seed: standard normal values.

    They are drawn from another stream than the weights of that seed. If an input were a row of the weights, its output
    would be far larger than that of any other input, and outside the ranges that quantisation found.
    """
    rng = np.random.default_rng([seed, 1])
    return [rng.standard_normal(tuple(shape), dtype=np.float32) for shape in shapes]


def nudged(inputs: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Return the inputs with a random relative error of 1e-5, about what rounding does to them in a network."""
    rng = np.random.default_rng(0)
    return [x * (1 + _ROUNDING * rng.standard_normal(x.shape, dtype=np.float32)) for x in inputs]


def quantise(x: npt.NDArray[np.float32], quantisation: Quantisation, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return real numbers as a tensor of ``dtype``. Numbers outside the range of an integer type are clipped."""
    scale, zero_point = quantisation
    if not scale:
        return x.astype(dtype)
    limits = np.iinfo(np.dtype(dtype))
    whole = np.rint(x / scale) + zero_point
    return np.asarray(np.clip(whole, limits.min, limits.max), dtype)


def save_reference(
    folder: Path,
    output: npt.NDArray[np.float32],
    moved: npt.NDArray[np.float32],
    inputs: Sequence[Quantisation],
    outputs: Sequence[Quantisation],
) -> None:
    """Write the reference into the folder of an artifact.

    Parameters
    ----------
    folder : path
    output : ndarray
        TensorFlow's output. If it has more than 2000 elements, a random 2000 of them are kept.
    moved : ndarray
        TensorFlow's output for inputs that are :func:`nudged`.
    inputs, outputs : sequence of Quantisation
        How the artifact quantises its inputs and its outputs.
    """
    flat = output.ravel()
    positions = np.arange(flat.size)
    if flat.size > _MOST_ELEMENTS:
        positions = np.sort(np.random.default_rng(0).choice(flat.size, _MOST_ELEMENTS, replace=False))
    np.savez(
        folder / FILE,
        positions=positions,
        values=flat[positions],
        rounding_error=compared(moved.astype(np.float64), output.astype(np.float64)).output_error,
        inputs=np.array(inputs),
        outputs=np.array(outputs),
    )


def load_quantisation(path: str) -> list[Quantisation] | None:
    """Return how the artifact at ``path`` quantises its inputs; None if it has no reference."""
    file = Path(path).with_name(FILE)
    if not file.exists():
        return None
    with np.load(file) as kept:
        return [Quantisation(float(scale), int(zero_point)) for scale, zero_point in kept["inputs"]]


def fidelity(path: str, output: npt.NDArray[Any]) -> Fidelity:
    """Compare a runtime's output with the reference of the artifact at ``path``."""
    with np.load(Path(path).with_name(FILE)) as kept:
        positions, expected = kept["positions"], kept["values"].astype(np.float64)
        scale, zero_point = kept["outputs"][0]
        rounding_error = float(kept["rounding_error"])
    found = output.ravel()[positions].astype(np.float64)
    if scale:
        found = (found - zero_point) * scale
    return compared(found, expected)._replace(rounding_error=rounding_error)


def compared(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> Fidelity:
    """Compare an output with the expected one, which has the same shape."""
    if not np.isfinite(found).all():
        return Fidelity(float("inf"), float("nan"), float("inf"))
    lengths = float(np.linalg.norm(found)), float(np.linalg.norm(expected))
    off = found - expected
    error, largest = float(np.linalg.norm(off)), float(np.abs(off).max())
    if not lengths[1]:
        return Fidelity(error / off.size**0.5, float("nan"), largest)
    cosine = float(np.vdot(found, expected)) / (lengths[0] * lengths[1]) if lengths[0] else float("nan")
    return Fidelity(error / lengths[1], cosine, largest / float(np.abs(expected).max()))

"""What a graph should compute: elements of TensorFlow's own output, kept beside an artifact, against the runtime's.

The input is not kept: it is drawn from the seed, and quantised as the artifact says. Only graphs of one output have
such a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Tuple

import numpy as np
import numpy.typing as npt

FILE = "reference.npz"
_MOST_ELEMENTS = 2000
_ROUNDING = np.float32(1e-5)  # of sums over some hundreds of channels, through some tens of layers

Quantisation = Tuple[float, int]  # scale and zero point; a scale of 0 for a tensor that is not quantised


class Fidelity(NamedTuple):
    """How near an output is to TensorFlow's in fp32; errors are infinite where it has a number that is none.

    Attributes
    ----------
    output_error : float
        Root mean square of the difference, over that of TensorFlow's output.
    output_cosine : float
        Of the angle between the two, as vectors.
    largest_error : float
        The largest difference, over TensorFlow's largest magnitude.
    rounding_error : float
        What ``output_error`` is of TensorFlow's own output for inputs that are off by 1e-5 of themselves, about what
        rounding in fp32 makes of a network: large where a graph makes much of little. NaN where it is not known.
    """

    output_error: float
    output_cosine: float
    largest_error: float
    rounding_error: float = float("nan")


def random_inputs(shapes: Sequence[Sequence[int]], seed: int) -> list[npt.NDArray[np.float32]]:
    """Return the inputs that a seed stands for: standard normal values.

    They are not those that the seed's weights are drawn from: an input that is a row of the weights makes an output
    such as no other input does, past every range that was found for quantising.
    """
    rng = np.random.default_rng([seed, 1])
    return [rng.standard_normal(tuple(shape), dtype=np.float32) for shape in shapes]


def nudged(inputs: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Return inputs that are off by as much as rounding makes of them on their way through a network."""
    rng = np.random.default_rng(0)
    return [x * (1 + _ROUNDING * rng.standard_normal(x.shape, dtype=np.float32)) for x in inputs]


def quantise(x: npt.NDArray[np.float32], quantisation: Quantisation, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return real values as a tensor of ``dtype`` holds them."""
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
    """Keep elements of an output, how far inputs that are :func:`nudged` move it, and how both ends are quantised."""
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
    """Return how the inputs of the artifact at ``path`` are quantised, where that is known."""
    file = Path(path).with_name(FILE)
    if not file.exists():
        return None
    with np.load(file) as kept:
        return [(float(scale), int(zero_point)) for scale, zero_point in kept["inputs"]]


def fidelity(path: str, output: npt.NDArray[Any]) -> Fidelity:
    """Compare the output of the artifact at ``path`` with TensorFlow's."""
    with np.load(Path(path).with_name(FILE)) as kept:
        positions, expected = kept["positions"], kept["values"].astype(np.float64)
        scale, zero_point = kept["outputs"][0]
        rounding_error = float(kept["rounding_error"])
    found = output.ravel()[positions].astype(np.float64)
    if scale:
        found = (found - zero_point) * scale
    return compared(found, expected)._replace(rounding_error=rounding_error)


def compared(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> Fidelity:
    """Compare two outputs of one shape."""
    if not np.isfinite(found).all():  # no number could say how wrong it is
        return Fidelity(float("inf"), float("nan"), float("inf"))
    lengths = float(np.linalg.norm(found)), float(np.linalg.norm(expected))
    off = found - expected
    error, largest = float(np.linalg.norm(off)), float(np.abs(off).max())
    if not lengths[1]:
        return Fidelity(error / off.size**0.5, float("nan"), largest)
    cosine = float(np.vdot(found, expected)) / (lengths[0] * lengths[1]) if lengths[0] else float("nan")
    return Fidelity(error / lengths[1], cosine, largest / float(np.abs(expected).max()))

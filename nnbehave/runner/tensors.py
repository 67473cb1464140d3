"""The tensors of a model: its random inputs, its first run on them, and their form in messages.

This module imports NumPy, which takes longer than all else that a runner imports. The runner imports it only for models
that have tensors: those of the platform ``simulated`` have none.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbehave.runner.backends.base import Model
from nnbehave.runner.protocol import Message, Unsupported
from nnbehave.runner.reference import (
    NOT_QUANTISED,
    Fidelity,
    Quantisation,
    fidelity,
    load_quantisation,
    quantise,
    random_inputs,
)


def first_run(model: Model, path: str, seed: int) -> Fidelity | None:
    """Run a model on random inputs, which stay in place for the calls that are timed.

    Parameters
    ----------
    model : Model
    path : str
        Path of its artifact.
    seed : int
        The inputs are drawn from it.

    Returns
    -------
    Fidelity or None
        How near its first output is to the artifact's reference; None if it has no reference.

    Raises
    ------
    Unsupported
        The run fails.
    """
    quantisation = load_quantisation(path)
    inputs = quantised_inputs(model.input_shapes, model.input_dtypes, seed, quantisation)
    try:
        outputs = model.run(inputs)
    except RuntimeError as error:
        raise Unsupported(f"the first call fails: {error}") from None
    return None if quantisation is None else fidelity(path, outputs[0])


def quantised_inputs(
    shapes: Sequence[Sequence[int]], dtypes: Sequence[npt.DTypeLike], seed: int, known: list[Quantisation] | None
) -> list[npt.NDArray[Any]]:
    """Return random inputs of a model.

    Parameters
    ----------
    shapes, dtypes : sequence
        One entry for each input.
    seed : int
        The inputs are drawn from it.
    known : list of Quantisation or None
        How the model quantises its inputs. If that is not known, an integer input covers -3 to 3, most of what standard
        normal values are.
    """
    drawn = random_inputs(shapes, seed)
    quantisations = known or [_wide(np.dtype(dtype)) for dtype in dtypes]
    return [quantise(x, how, dtype) for x, how, dtype in zip(drawn, quantisations, dtypes)]


def _wide(dtype: np.dtype[Any]) -> Quantisation:
    """Return a quantisation by which all integers of a type cover -3 to 3."""
    if dtype.kind not in "iu":
        return NOT_QUANTISED
    limits = np.iinfo(dtype)
    return Quantisation(6.0 / (limits.max - limits.min), limits.max // 2 + 1 if dtype.kind == "u" else 0)


def encode_array(array: npt.NDArray[Any]) -> Message:
    """Return an array in the form that the protocol gives it."""
    array = np.ascontiguousarray(array)
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def decode_array(encoded: Message) -> npt.NDArray[Any]:
    """Return the array that :func:`encode_array` has encoded."""
    flat = np.frombuffer(base64.b64decode(encoded["data"]), dtype=encoded["dtype"])
    return flat.reshape(encoded["shape"])

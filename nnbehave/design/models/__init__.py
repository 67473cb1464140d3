"""Reads a person's own network from its file, as layers."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from types import ModuleType

from nnbehave.design.models import keras, onnx, tflite
from nnbehave.design.models.model_layer import Found, ModelLayer
from nnbehave.errors import InvalidInputError, MissingExtraError

__all__ = ["FORMATS", "ModelLayer", "read_model"]

FORMATS: dict[str, ModuleType] = {".tflite": tflite, ".keras": keras, ".h5": keras, ".onnx": onnx}
"""The module that reads each kind of file, by the file's suffix."""

_EXPECTED = "expected a .tflite, .keras, .h5 or .onnx file"


def read_model(path: str | Path) -> list[ModelLayer]:
    """Return the operators of a model file, in the order in which they run, as layers where nnbehave has such.

    Parameters
    ----------
    path : str or Path
        A ``.tflite``, ``.keras``, ``.h5`` or ``.onnx`` file. A batch that the file leaves open is read as 1.

    Returns
    -------
    list of ModelLayer
        Operators that nnbehave has no layer for are in the list too: their ``layer`` is None and ``why`` is the reason.

    Raises
    ------
    InvalidInputError
        There is no such file, it is of another kind, or it cannot be read.
    MissingExtraError
        The package that reads the format is not installed.

    Notes
    -----
    ``.tflite``: the first subgraph is read. The precision of a layer is that of its own tensors. ``fp16`` and
    ``dynamic_int8`` are precisions of weights, so layers without weights are ``fp32`` in such models. A bias of zeros
    counts as a bias: the converter writes one for a convolution that had none. A DEQUANTIZE of a constant counts as a
    constant. A LOGISTIC, and a MUL of its input and output, are one ``swish``.

    ``.keras``, ``.h5``: Keras loads the model, TensorFlow Lite converts it in fp32, and the result is read. So batch
    normalisation is part of its convolution, activations are part of the layer before them, and layers that do nothing
    at inference are gone.

    ``.onnx``: ``padding`` is ``same`` if the total padding is that of TensorFlow's SAME, or if each side has
    (kernel − 1) / 2. For strides above 1 the second differs from SAME only in the side on which the padding lies. The
    padding of a transposed convolution follows from the size of its output. If no other operator reads the tensor
    between, then a batch normalisation after a convolution is folded into it, an activation after a convolution, dense
    layer or addition is fused into it, and a constant that is added to the output of a dense layer is its bias. The
    output of operators on constants is a constant. Operators that read the output of DequantizeLinear are no layers.

    All formats: the padding of a convolution of kernel 1 is read as ``same``, since it has none. A global average pool
    may keep height and width as 1×1, while nnbehave's drops them. A resize may place the centres of its pixels in any
    way.

    Examples
    --------
    >>> for found in read_model("mobilenet.tflite"):  # doctest: +SKIP
    ...     print(found.name, found.layer or found.why)
    """
    path = Path(path)
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInputError(f"{path}: {_EXPECTED}")
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file; {_EXPECTED}")
    try:
        parsed = reader.parse(path)
    except MissingExtraError:
        raise
    except Exception as error:
        # Each library has errors of its own for broken files. They have no common base class.
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200, placeholder=" …")
        raise InvalidInputError(f"{path}: cannot be read as a {path.suffix} file ({reason}); {_EXPECTED}") from error
    return [_named(i, found) for i, found in enumerate(reader.layers(parsed))]


def _named(i: int, found: Found) -> ModelLayer:
    """Return the operator at position ``i`` of a model with its name."""
    what = found.layer.op if found.layer else re.sub(r"[^a-z0-9]+", "_", found.kind.lower()).strip("_")
    return ModelLayer(f"{i:03d}_{what}", found.layer, found.kind, found.why)

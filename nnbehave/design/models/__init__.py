"""A person's own network, read from its file: which layers it has."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from nnbehave.design.models import keras, onnx, tflite
from nnbehave.design.models._base import Found, ModelLayer
from nnbehave.errors import InvalidInputError, MissingExtraError

__all__ = ["FORMATS", "ModelLayer", "read_model"]

FORMATS: dict[str, Any] = {".tflite": tflite, ".keras": keras, ".h5": keras, ".onnx": onnx}
_EXPECTED = "expected a .tflite, .keras, .h5 or .onnx file"


def read_model(path: str | Path) -> list[ModelLayer]:
    """List the operators of a model, in the order that they run in, as layers where nnbehave has such.

    Parameters
    ----------
    path : str or Path
        Of a ``.tflite``, ``.keras``, ``.h5`` or ``.onnx`` file. A batch that the file leaves open is read as 1.

    Returns
    -------
    list of ModelLayer
        Those that are no layer too, with the reason: ``layer`` is None and ``why`` says it.

    Raises
    ------
    InvalidInputError
        No such file, a file of another kind, or one that cannot be read.
    MissingExtraError
        What reads the format is not installed.

    Notes
    -----
    ``.tflite``: its first subgraph. The precision of a layer is that of its own tensors: ``fp16`` and ``dynamic_int8``
    are of weights, so that in such models layers without weights are ``fp32``. A bias of zeros is a bias: the converter
    writes one for a convolution that had none. What a DEQUANTIZE makes of a constant is a constant. LOGISTIC, and MUL
    of what goes into it and what comes out, is one ``swish``.

    ``.keras``, ``.h5``: the model is loaded with Keras, converted by TensorFlow Lite in fp32 and read from that. Batch
    normalisation is then part of its convolution, activations are part of what is before them, and layers that do
    nothing in an inference are gone.

    ``.onnx``: ``padding`` is ``same`` where the padding is in sum that of TensorFlow's SAME, and where it is
    (kernel − 1) / 2 at each side, which for strides above 1 is SAME in all but where the padding lies. A transposed
    convolution is told from its output's size. Batch normalisation after a convolution is taken as folded into it, an
    activation after a convolution, dense layer or addition as fused, and a constant added to what a dense layer gives
    as its bias, if nothing else reads what is between. What operators make of constants alone is a constant. Operators
    that read what DequantizeLinear gives are no layers.

    All: the padding of a convolution of kernel 1 is ``same``, there being none. A global average pool may keep height
    and width as 1×1, which nnbehave's drops, and a resize may place its pixels' centres in any way.

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
        # The libraries have errors of their own for broken files, of no common kind.
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200, placeholder=" …")
        raise InvalidInputError(f"{path}: cannot be read as a {path.suffix} file ({reason}); {_EXPECTED}") from error
    return [_named(i, found) for i, found in enumerate(reader.layers(parsed))]


def _named(i: int, found: Found) -> ModelLayer:
    what = found.layer.op if found.layer else re.sub(r"[^a-z0-9]+", "_", found.kind.lower()).strip("_")
    return ModelLayer(f"{i:03d}_{what}", found.layer, found.kind, found.why)

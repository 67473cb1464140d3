"""Names of layers in tables and texts, and keys of layers that are equal but for some fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from operator import attrgetter
from typing import Any

from nnbehave.design.layer import LAYER_FIELDS, SHORT, Layer

_PLAIN = (1, "same", True, None)  # defaults, which a name leaves out


def shape_of(row: Mapping[Hashable, Any]) -> str:
    """Return height, width and input channels of a row of a table, such as ``28x28x96``."""
    return "x".join(f"{row[name]:g}" for name in ("height", "width", "in_channels"))


def all_fields_but(*names: str) -> Callable[[Layer], tuple[Hashable, ...]]:
    """Return a function that gives all fields of a layer but those named, as a key to group layers by."""
    return attrgetter(*(name for name in LAYER_FIELDS if name not in names))


def name_of(layer: Layer, without: Collection[str] = ()) -> str:
    """Return the operator of a layer and its fields that differ from their defaults, such as ``conv h28 cin8 k3``.

    Parameters
    ----------
    layer : Layer
    without : collection of str
        Fields to leave out; the precision is always left out.
    """
    parts = [layer.op]
    for field in LAYER_FIELDS:
        value = getattr(layer, field)
        square = field == "width" and "height" not in without and value == layer.height
        if field in ("op", "precision", *without) or value in _PLAIN or square:
            continue
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        parts.append(f"{SHORT[field]}{whole}" if field in SHORT else f"{field}={whole}")
    return " ".join(parts)


def operators_of(layers: Collection[Layer]) -> str:
    """Return the operators of some layers, such as ``conv + relu``."""
    return " + ".join(layer.op for layer in layers)

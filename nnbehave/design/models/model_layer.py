"""What a model file is read as: its operators, each with its layer or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidLayerError

FileOperator = TypeVar("FileOperator")


@dataclass(frozen=True)
class ModelLayer:
    """One operator of a model file.

    Attributes
    ----------
    name : str
        Its position in the model and its kind, such as ``007_conv``. Names are unique in the model.
    layer : Layer or None
        None if nnbehave has no such operator, or has it without these attributes.
    kind : str
        The file's own name for it (``CONV_2D``, ``Conv``). For several operators that are read as one layer, all their
        names (``Conv+Relu``).
    why : str
        The reason why there is no layer. Empty if there is one.
    """

    name: str
    layer: Layer | None
    kind: str
    why: str


@dataclass
class Found:
    """An operator of a file that has no name yet. The attributes are those of :class:`ModelLayer`."""

    kind: str
    layer: Layer | None
    why: str


class NotALayer(Exception):
    """The reason why an operator of a file is no layer."""


def attempt(make: Callable[[FileOperator], Layer], operator: FileOperator) -> tuple[Layer | None, str]:
    """Return the layer that ``make`` makes of an operator and an empty reason, or None and the reason."""
    try:
        return make(operator), ""
    except (NotALayer, InvalidLayerError) as error:
        return None, str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A file may hold an operator without the inputs or attributes that its kind must have.
        return None, f"malformed ({type(error).__name__}: {error})"

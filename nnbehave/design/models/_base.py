"""What the readers of all formats share. Shapes are batch first, channels last, a side that a file leaves open -1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any, TypeVar

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidLayerError, MissingExtraError

Shape = tuple[int, ...]
AnyOperator = TypeVar("AnyOperator")


@dataclass(frozen=True)
class ModelLayer:
    """One operator of a model.

    Attributes
    ----------
    name : str
        Its place in the model and what it is, such as ``007_conv``: unique in the model.
    layer : Layer or None
        None where nnbehave has no such operator, or not with such attributes.
    kind : str
        What the file calls it (``CONV_2D``, ``Conv``); of operators read as one layer all of them (``Conv+Relu``).
    why : str
        Why it is no layer; empty where it is one.
    """

    name: str
    layer: Layer | None
    kind: str
    why: str


@dataclass
class Found:
    """An operator, not yet named."""

    kind: str
    layer: Layer | None
    why: str


class Unlike(Exception):
    """Why an operator of a file is no layer."""


def load(modules: Sequence[str], extra: str, purpose: str) -> Any:
    """Return the first of some modules that is installed. Raises MissingExtraError where none is."""
    for module in modules:
        try:
            return import_module(module)
        except ImportError as error:
            missing = error
    raise MissingExtraError(f"{purpose}: pip install 'nnbehave[{extra}]'") from missing


def attempt(read: Callable[[AnyOperator], Layer], operator: AnyOperator) -> tuple[Layer | None, str]:
    """Return the layer that an operator is, or why it is none."""
    try:
        return read(operator), ""
    except (Unlike, InvalidLayerError) as error:
        return None, str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A file may hold an operator without what its kind must have.
        return None, f"malformed ({type(error).__name__}: {error})"


def convolution(
    source: Shape,
    output: Shape,
    op: str,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    **fields: Any,
) -> Layer:
    """Return a conv, group_conv, dwconv or transposed_conv, or the dilated_conv that a conv with a dilation is."""
    dilation = square("dilation", dilations)
    if dilation > 1:
        if op != "conv":
            raise Unlike(f"{op} with dilation {dilation}")
        op, fields = "dilated_conv", fields | {"dilation": dilation}
    fields |= {"kernel": square("kernel", kernel), "stride": square("stride", strides), "out_channels": output[-1]}
    if fields["kernel"] == 1:
        fields["padding"] = "same"
    return _make(output, op, **image(source), **fields)


def dense(source: Shape, in_channels: int, out_channels: int, **fields: Any) -> Layer:
    """Return a dense layer; its batch is all of the input but the channels."""
    _check_known(source)
    rows, rest = divmod(prod(source), in_channels)
    if rest:
        raise Unlike(f"{in_channels} channels of an input {_times(source)}")
    return Layer(op="dense", batch=rows, in_channels=in_channels, out_channels=out_channels, **fields)


def pooling(
    source: Shape, output: Shape, op: str, kernel: Sequence[int], strides: Sequence[int], **fields: Any
) -> Layer:
    """Return a maxpool or avgpool."""
    return _make(
        output, op, **image(source), kernel=square("kernel", kernel), stride=square("stride", strides), **fields
    )


def alike(source: Shape, output: Shape, op: str, **fields: Any) -> Layer:
    """Return an operator of one input that has no dimensions but that input's."""
    return _make(output, op, **image(source), **fields)


def pairwise(first: Shape, second: Shape, output: Shape, op: str, **fields: Any) -> Layer:
    """Return an add or multiply of two tensors of one shape, or the scale that some multiplications are."""
    if first == second:
        return _make(output, op, **image(first), **fields)
    large, small = (first, second) if prod(first) > prod(second) else (second, first)
    if op == "multiply" and len(large) == 4 and small == (large[0], 1, 1, large[3]):
        return _make(output, "scale", **image(large), **fields)
    raise Unlike(f"operands {_times(first)} and {_times(second)}")


def concat(sources: Sequence[Shape], output: Shape, along_channels: bool, **fields: Any) -> Layer:
    """Return a concat."""
    if len(sources) < 2:
        raise Unlike("1 input, where concat has two or more")
    dimensions = image(sources[0])
    if not along_channels:
        raise Unlike("along an axis other than the channels")
    return _make(output, "concat", **dimensions, out_channels=output[-1], groups=len(sources) - 1, **fields)


def flatten(source: Shape, output: Shape, **fields: Any) -> Layer:
    """Return the flatten that a reshape is."""
    if len(output) != 2:
        raise Unlike(f"a reshape to {_times(output)}")
    return _make(output, "flatten", **image(source), **fields)


def resize(source: Shape, output: Shape, **fields: Any) -> Layer:
    """Return a resize, by what its output's size is of its input's."""
    dimensions = image(source)
    _check_known(output)
    factors = {out / size for size, out in zip(source[1:3], output[1:3], strict=True)}
    factor = factors.pop()
    if factors or not factor.is_integer():
        raise Unlike(f"from {_times(source[1:3])} to {_times(output[1:3])}: not one whole factor")
    return _make(output, "resize", **dimensions, stride=int(factor), **fields)


def square(what: str, sides: Sequence[int]) -> int:
    """Return the one size that something has in both directions."""
    if len(set(sides)) != 1:
        raise Unlike(f"{what} {_times(sides)} is not square")
    return int(sides[0])


def _make(output: Shape, op: str, **fields: Any) -> Layer:
    """Return a layer, if it gives what the file says that its operator gives."""
    _check_known(output)
    layer = Layer(op=op, **fields)
    # Sides of 1 aside: a mean may keep height and width, or drop them.
    if [side for side in output if side != 1] != [side for side in layer.output_shape if side != 1]:
        raise Unlike(f"gives {_times(output)}, where {op} gives {_times(layer.output_shape)}")
    return layer


def image(shape: Shape) -> dict[str, int]:
    """Return the dimensions of a layer's input."""
    _check_known(shape)
    if len(shape) != 4:
        raise Unlike(f"a tensor of {len(shape)} dimensions, not 4")
    return dict(zip(("batch", "height", "width", "in_channels"), shape, strict=True))


def _check_known(shape: Shape) -> None:
    if any(side < 0 for side in shape):
        raise Unlike("dynamic shape")


def _times(sides: Sequence[int]) -> str:
    return "×".join(map(str, sides)) or "scalar"

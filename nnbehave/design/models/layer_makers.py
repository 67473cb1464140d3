"""Makes layers from the shapes and attributes that a file's operators have. The readers of all formats share this.

Shapes are batch first, channels last. A side that the file leaves open is -1. Every function here raises
:class:`.NotALayer` if nnbehave has no layer with these attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from nnbehave.design.layer import Layer
from nnbehave.design.models.model_layer import NotALayer
from nnbehave.design.shape import Shape


def convolution(
    source: Shape,
    output: Shape,
    op: str,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    **fields: Any,
) -> Layer:
    """Return a conv, group_conv, dwconv or transposed_conv. A conv with a dilation is a dilated_conv."""
    dilation = square("dilation", dilations)
    if dilation > 1:
        if op != "conv":
            raise NotALayer(f"{op} with dilation {dilation}")
        op, fields = "dilated_conv", fields | {"dilation": dilation}
    fields |= {"kernel": square("kernel", kernel), "stride": square("stride", strides), "out_channels": output[-1]}
    if fields["kernel"] == 1:
        fields["padding"] = "same"  # a kernel of 1 needs no padding
    return _make(output, op, **image(source), **fields)


def dense(source: Shape, in_channels: int, out_channels: int, **fields: Any) -> Layer:
    """Return a dense layer. All sides of the input but the channels make up its batch."""
    _check_known(source)
    batch, rest = divmod(prod(source), in_channels)
    if rest:
        raise NotALayer(f"weights for {in_channels} channels on an input of {_text(source)}")
    return Layer(op="dense", batch=batch, in_channels=in_channels, out_channels=out_channels, **fields)


def pooling(
    source: Shape, output: Shape, op: str, kernel: Sequence[int], strides: Sequence[int], **fields: Any
) -> Layer:
    """Return a maxpool or avgpool."""
    return _make(
        output, op, **image(source), kernel=square("kernel", kernel), stride=square("stride", strides), **fields
    )


def simple(source: Shape, output: Shape, op: str, **fields: Any) -> Layer:
    """Return an operator of one input whose only dimensions are those of the input."""
    return _make(output, op, **image(source), **fields)


def pairwise(first: Shape, second: Shape, output: Shape, op: str, **fields: Any) -> Layer:
    """Return an add or multiply of two tensors of one shape. A product of an image and a vector is a scale."""
    if first == second:
        return _make(output, op, **image(first), **fields)
    large, small = (first, second) if prod(first) > prod(second) else (second, first)
    if op == "multiply" and len(large) == 4 and small == (large[0], 1, 1, large[3]):
        return _make(output, "scale", **image(large), **fields)
    raise NotALayer(f"operands of {_text(first)} and {_text(second)}")


def concat(sources: Sequence[Shape], output: Shape, along_channels: bool, **fields: Any) -> Layer:
    """Return a concat."""
    if len(sources) < 2:
        raise NotALayer(f"{len(sources)} input, not 2 or more")
    dimensions = image(sources[0])
    if not along_channels:
        raise NotALayer("along an axis other than the channels")
    return _make(output, "concat", **dimensions, out_channels=output[-1], groups=len(sources) - 1, **fields)


def flatten(source: Shape, output: Shape, **fields: Any) -> Layer:
    """Return the flatten that a reshape to a vector is."""
    if len(output) != 2:
        raise NotALayer(f"a reshape to {_text(output)}, not to a vector")
    return _make(output, "flatten", **image(source), **fields)


def resize(source: Shape, output: Shape, **fields: Any) -> Layer:
    """Return a resize. Its stride is the ratio of the output's size to the input's."""
    dimensions = image(source)
    _check_known(output)
    factors = {out / size for size, out in zip(source[1:3], output[1:3], strict=True)}
    factor = factors.pop()
    if factors or not factor.is_integer():
        raise NotALayer(f"from {_text(source[1:3])} to {_text(output[1:3])}, which is not one whole factor")
    return _make(output, "resize", **dimensions, stride=int(factor), **fields)


def square(what: str, sides: Sequence[int]) -> int:
    """Return the one size of something that must be equal in both directions."""
    if len(set(sides)) != 1:
        raise NotALayer(f"{what} {_text(sides)} is not square")
    return int(sides[0])


def image(shape: Shape) -> dict[str, int]:
    """Return the fields of a layer that say the shape of its input."""
    _check_known(shape)
    if len(shape) != 4:
        raise NotALayer(f"a tensor of {len(shape)} dimensions, not 4")
    return dict(zip(("batch", "height", "width", "in_channels"), shape, strict=True))


def _make(output: Shape, op: str, **fields: Any) -> Layer:
    """Return a layer, if its output has the shape that the file says."""
    _check_known(output)
    layer = Layer(op=op, **fields)
    # Sides of 1 do not matter: a mean may keep height and width, or drop them.
    if [side for side in output if side != 1] != [side for side in layer.output_shape if side != 1]:
        raise NotALayer(f"gives {_text(output)}, but {op} would give {_text(layer.output_shape)}")
    return layer


def _check_known(shape: Shape) -> None:
    """Raise NotALayer if the file leaves a side open."""
    if any(side < 0 for side in shape):
        raise NotALayer("dynamic shape")


def _text(sides: Sequence[int]) -> str:
    """Return sizes as text: ``3×3``."""
    return "×".join(map(str, sides)) or "scalar"

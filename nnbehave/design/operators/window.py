"""The base class of operators that slide a window over their input."""

from __future__ import annotations

from collections.abc import Iterator

from nnbehave.design.operators.operator import LayerFields, Operator
from nnbehave.design.shape import Shape


class Window(Operator):
    """An operator with a kernel: the shape of its output, and the check that the kernel fits into the input."""

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.padding == "valid" and self.reach(layer) > min(layer.height, layer.width):
            size = f"{layer.height}×{layer.width}"
            dilated = f" with dilation {layer.dilation}" if layer.dilation > 1 else ""
            yield "kernel", f"{layer.kernel}{dilated} does not fit into {size} with padding 'valid'"

    def reach(self, layer: LayerFields) -> int:
        """Return the side of the square of input pixels that one output pixel depends on."""
        return (layer.kernel - 1) * layer.dilation + 1

    def output_shape(self, layer: LayerFields) -> Shape:
        """Return the shape of the output, by TensorFlow's rules for SAME and VALID padding."""
        lost = 0 if layer.padding == "same" else self.reach(layer) - 1
        height, width = (-(-(size - lost) // layer.stride) for size in (layer.height, layer.width))
        return layer.batch, height, width, layer.out_channels

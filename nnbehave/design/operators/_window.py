"""What operators share that slide a window over their input."""

from __future__ import annotations

from collections.abc import Iterator

from nnbehave.design.operators._base import LayerFields, Operator


class Window(Operator):
    """An operator with a kernel: the shape of its output, and the check of the kernel against the input."""

    def problems(self, layer: LayerFields) -> Iterator[tuple[str, str]]:
        yield from super().problems(layer)
        if layer.padding == "valid" and self.reach(layer) > min(layer.height, layer.width):
            size = f"{layer.height}×{layer.width}"
            yield "kernel", f"{layer.kernel} does not fit into {size} with padding 'valid'"

    def reach(self, layer: LayerFields) -> int:
        """Return the side of the input's square that one output element depends on."""
        return (layer.kernel - 1) * layer.dilation + 1

    def output_shape(self, layer: LayerFields) -> tuple[int, ...]:
        """Return the shape of the output (TensorFlow's rule for SAME and VALID padding)."""
        lost = 0 if layer.padding == "same" else self.reach(layer) - 1
        height, width = (-(-(size - lost) // layer.stride) for size in (layer.height, layer.width))
        return layer.batch, height, width, layer.out_channels

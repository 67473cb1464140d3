"""The shape of a tensor."""

Shape = tuple[int, ...]
"""The sides of a tensor, batch first and channels last: (1, 28, 28, 320) for an image, (1, 1000) for a vector."""

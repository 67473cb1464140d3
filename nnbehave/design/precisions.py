"""The precisions that a layer can have."""

from typing import Literal, get_args

Precision = Literal["fp32", "fp16", "bf16", "dynamic_int8", "int8", "uint8", "int16x8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

BYTES = {
    "fp32": (4, 4),
    "fp16": (2, 2),
    "bf16": (2, 2),
    "dynamic_int8": (4, 1),
    "int8": (1, 1),
    "uint8": (1, 1),
    "int16x8": (2, 1),
}
"""For each precision the bytes of an element of the inputs and outputs, and of a weight."""

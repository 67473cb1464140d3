"""Search spaces: slots with their choices, grouped in stages; read from YAML, swept one dimension at a time."""

from nnbehave.design.space._file import load_space, parse_space, shipped_spaces, space_from_document, space_to_document
from nnbehave.design.space._space import Slot, Space, Stage, Sweep

__all__ = [
    "Slot",
    "Space",
    "Stage",
    "Sweep",
    "load_space",
    "parse_space",
    "shipped_spaces",
    "space_from_document",
    "space_to_document",
]

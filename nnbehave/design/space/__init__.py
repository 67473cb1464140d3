"""Search spaces: slots with their choices, grouped in stages; read from YAML files, and swept one dimension at a time.

``slot`` and ``space`` hold the classes. ``yaml_file`` reads files, ``yaml_lines`` finds the line of a mistake.
``from_document`` and ``to_document`` read and write the mapping that a file holds.
"""

from nnbehave.design.space.from_document import space_from_document
from nnbehave.design.space.slot import Slot, Sweep
from nnbehave.design.space.space import Space, Stage, space_to_document
from nnbehave.design.space.yaml_file import load_space, parse_space, shipped_spaces

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

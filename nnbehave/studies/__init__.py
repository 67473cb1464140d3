"""Questions: one file each, which plans what must be measured, measures it, and says what it found."""

from nnbehave.studies.composition import Composition, check_composition

__all__ = ["Composition", "check_composition"]

"""Questions: one file each, which plans what must be measured, measures it, and says what it found."""

from nnbehave.studies.comparison import Comparison, compare
from nnbehave.studies.composition import Composition, check_composition
from nnbehave.studies.doctor import Diagnosis, diagnose

__all__ = ["Comparison", "Composition", "Diagnosis", "check_composition", "compare", "diagnose"]

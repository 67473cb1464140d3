"""Questions: one file each, which plans what must be measured, measures it, and says what it found."""

from nnbehave.studies.comparison import Comparison, compare
from nnbehave.studies.composition import Composition, check_composition
from nnbehave.studies.doctor import Diagnosis, diagnose
from nnbehave.studies.fusion import check_fusion

__all__ = ["Comparison", "Composition", "Diagnosis", "check_composition", "check_fusion", "compare", "diagnose"]

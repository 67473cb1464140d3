"""Questions: one file each, which plans what must be measured, measures it, and says what it found."""

from nnbehave.studies.accuracy import accuracy_by_precision
from nnbehave.studies.card import make_card
from nnbehave.studies.comparison import Comparison, compare
from nnbehave.studies.composition import Composition, check_composition
from nnbehave.studies.doctor import Diagnosis, diagnose
from nnbehave.studies.fusion import check_fusion
from nnbehave.studies.roofline import measure_roofline
from nnbehave.studies.scaling import measure_scaling

__all__ = [
    "Comparison",
    "Composition",
    "Diagnosis",
    "accuracy_by_precision",
    "check_composition",
    "check_fusion",
    "compare",
    "diagnose",
    "make_card",
    "measure_roofline",
    "measure_scaling",
]

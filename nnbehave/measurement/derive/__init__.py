"""From the samples of a store to measurements, by an estimator that has a version."""

from nnbehave.measurement.derive.derivation import Derivation, Wanted
from nnbehave.measurement.derive.samples import derive_samples, observations_of

__all__ = ["Derivation", "Wanted", "derive_samples", "observations_of"]

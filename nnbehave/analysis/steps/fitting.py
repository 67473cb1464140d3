"""Fitting one law to the points of a stretch: coefficients by weighted least squares, and their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnbehave.analysis.steps.columns import Array, Indices
from nnbehave.analysis.steps.laws import Law, Levels, LinearLaw


@dataclass(frozen=True)
class LinearFit:
    """A linear law with its coefficients.

    Attributes
    ----------
    law : LinearLaw
    coefficients : array, shape (coefficients,)
        That of the constant first.
    covariance : array, shape (coefficients, coefficients)
        Of the coefficients, for noise of variance one.
    """

    law: LinearLaw
    coefficients: Array
    covariance: Array

    def values(self, n: Array) -> Array:
        """Return the law at some n."""
        result: Array = self.coefficients @ self.law.design(n)
        return result

    def errors(self, n: Array) -> Array:
        """Return the standard errors of the law at some n, in units of the noise."""
        design = self.law.design(n)
        variance: Array = np.einsum("pn,pq,qn->n", design, self.covariance, design)
        return np.sqrt(np.maximum(variance, 0))

    def slope_and_bend(self) -> tuple[float, float]:
        """Return the coefficients of n and of n² inside a piece of the law."""
        return self.law.slope_and_bend(self.coefficients)


@dataclass(frozen=True)
class LevelsFit:
    """A level for each step.

    Attributes
    ----------
    law : Levels
    first_step : int
        The number of the step that the first level is of.
    levels : array, shape (steps,)
        Steps without a point lie on the line between their neighbours.
    variances : array, shape (steps,)
        Of the levels, for noise of variance one.
    """

    law: Levels
    first_step: int
    levels: Array
    variances: Array

    def values(self, n: Array) -> Array:
        """Return the level of the step that each n lies in; beyond the fitted steps, of the nearest one."""
        return self.levels[self._index(n)]

    def errors(self, n: Array) -> Array:
        """Return the standard errors of the levels at some n, in units of the noise."""
        return np.sqrt(self.variances[self._index(n)])

    def slope_and_bend(self) -> tuple[float, float]:
        """Return zeros: inside a step the latency is constant."""
        return 0.0, 0.0

    def _index(self, n: Array) -> Indices:
        return np.clip(self.law.period.step(n) - self.first_step, 0, len(self.levels) - 1)


Fit = LinearFit | LevelsFit


def fit_law(law: Law, n: Array, y: Array, weights: Array) -> Fit:
    """Fit a law to points by weighted least squares.

    Parameters
    ----------
    law : Law
    n, y : array, shape (points,)
    weights : array, shape (points,)
        Inverse variances, in units of the noise; 0 leaves a point out.
    """
    if isinstance(law, Levels):
        return _fit_levels(law, n, y, weights)
    assert isinstance(law, LinearLaw)
    return fit_linear(law, n, y, weights)


def fit_linear(law: LinearLaw, n: Array, y: Array, weights: Array) -> LinearFit:
    """Fit a linear law as ``fit_law`` does; columns that the points cannot tell apart share their coefficient."""
    design = law.design(n)
    scale = np.maximum(np.abs(design).max(axis=1, keepdims=True), 1e-12)
    columns = (design / scale * np.sqrt(weights)).T
    inverse = np.linalg.pinv(columns, rcond=1e-10)
    coefficients = inverse @ (y * np.sqrt(weights)) / scale[:, 0]
    return LinearFit(law, coefficients, inverse @ inverse.T / (scale * scale.T))


def _fit_levels(law: Levels, n: Array, y: Array, weights: Array) -> LevelsFit:
    """Return the weighted mean of each step."""
    step = law.period.step(n)
    first = int(step[0])
    total = np.bincount(step - first, weights)
    seen = np.flatnonzero(total > 0)
    levels = np.bincount(step - first, weights * y)[seen] / total[seen]
    every = np.arange(len(total))
    return LevelsFit(law, first, np.interp(every, seen, levels), 1 / np.interp(every, seen, total[seen]))

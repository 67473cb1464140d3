"""Power laws over a few values: exponent, misfit and interval.

Latency T over the values v of a dimension is taken for a power law::

    log T(v) = a + exponent · log v + misfit + error

with the errors that were measured. The variance of the misfit is such that the weighted squares of the residuals sum
to the median of χ² (after Paule and Mandel 1982; they take its mean, with which intervals were too narrow where the
misfit is as large as the errors). The half width of the exponent's 95 % interval is ``√((1.96 · e)² + (t · m)²)``: e is
the standard error of the exponent from the errors, m that from the misfit, t is Student's with as many degrees of
freedom as there are values beyond two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from nnbehave.analysis.latencies import Z95, Ratio

Floats = npt.NDArray[np.float64]

LEAST_ERROR = 1e-4  # of a latency, as a share of it: that of exact counts


class PowerLaw(NamedTuple):
    """A power law.

    Attributes
    ----------
    exponent : float
    half : float
        Half width of the exponent's 95 % interval.
    misfit : float
        Standard deviation, beyond the errors, by which logarithms leave the law; NaN for two values.
    coefficients : numpy.ndarray
        Weights whose product with the logarithms is the exponent.
    """

    exponent: float
    half: float
    misfit: float
    coefficients: Floats

    @property
    def interval(self) -> Ratio:
        """The exponent with its 95 % interval."""
        return Ratio(self.exponent, self.exponent - self.half, self.exponent + self.half)

    def over(self, power: float) -> PowerLaw:
        """Return the law over a quantity that is itself this power of the dimension."""
        return PowerLaw(self.exponent / power, self.half / abs(power), self.misfit, self.coefficients / power)


def fit_power_law(x: Floats, y: Floats, errors: Floats) -> PowerLaw:
    """Fit a line to logarithms.

    Parameters
    ----------
    x, y : numpy.ndarray
        Logarithms of a dimension and of latencies. A law over an ``x`` that is NaN or does not vary is NaN.
    errors : numpy.ndarray
        Standard errors of ``y``; NaN where they are not known.
    """
    if np.isnan(x).any() or np.ptp(x) == 0:
        return PowerLaw(np.nan, np.nan, np.nan, np.full_like(x, np.nan))
    freedom, known = len(x) - 2, not np.isnan(errors).any()
    squares = errors**2 if known else np.full_like(x, LEAST_ERROR**2)

    def fit(misfit: float) -> tuple[Floats, float]:
        """Return the coefficients and the weighted squares of the residuals at a variance of the misfit."""
        weights = 1 / (squares + misfit)
        weight = float(weights.sum())
        off = x - (weights @ x) / weight
        coefficients = weights * off / (weights @ off**2)
        residuals = y - (weights @ y) / weight - (coefficients @ y) * off
        return coefficients, float(weights @ residuals**2)

    # The median of χ², and Student's t for 95 %; NaN without freedom.
    misfit, usual, student = 0.0, special.chdtri(freedom, 0.5), special.stdtrit(freedom, 0.975)
    coefficients, residuals = fit(misfit)
    if residuals > usual:  # at most it explains all the variance there is, without a slope
        most = len(y) * np.var(y) / usual
        misfit = float(optimize.brentq(lambda square: fit(square)[1] - usual, 0.0, most, rtol=1e-3))
        coefficients, _ = fit(misfit)
    spread = Z95**2 * squares + (student**2 * misfit if misfit else 0.0)
    half = float(np.sqrt(coefficients**2 @ spread)) if known or freedom else np.nan
    return PowerLaw(float(coefficients @ y), half, misfit**0.5 if freedom else np.nan, coefficients)

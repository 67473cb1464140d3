"""How sure a finding is: its confidence, the widths that the points leave open, and the jumps that they could hide."""

from __future__ import annotations

import numpy as np

from nnbehave.analysis.steps import thresholds
from nnbehave.analysis.steps.classification import Classification
from nnbehave.analysis.steps.curve_fit import CurveFit
from nnbehave.analysis.steps.families import Family
from nnbehave.analysis.steps.fitting import fit_linear
from nnbehave.analysis.steps.laws import Law, LinearLaw


def confidence(fit: CurveFit, found: Classification) -> float:
    """Return the probability of the finding against the next best one, less what it leaves unexplained.

    The odds against the best law that says something else are exp(ΔBIC / 2), the usual approximation of a Bayes factor
    (Kass and Raftery, JASA 1995). They are reduced by the share of outliers and by the share of edges that neither a
    period nor the points support.
    """
    if found.main is None and len(fit.stretches) > 1:
        rival = fit.costs.best_alone()[0]
    else:
        rival = fit.costs.best([family for family in fit.costs.families if not _says_the_same(fit, found, family)])[0]
    odds = 1 / (1 + np.exp(-np.clip((rival - fit.price) / 2, 0, 50)))
    edges = found.edges
    is_weak = ~edges.is_periodic & (np.abs(edges.seen) < thresholds.RESOLVABLE_SIGMAS * edges.error)
    weak = is_weak.mean() if len(edges.n) else 0.0
    return float(odds * (1 - fit.is_outlier.mean()) * (1 - weak))


def _says_the_same(fit: CurveFit, found: Classification, family: Family) -> bool:
    """Return True if a family says the same of the curve as the finding, or as the laws that it was fitted with."""
    if found.main is None:
        return _has_the_same_law(fit, found.kind, family)
    return any(_has_the_same_period(found.kind, main, family) for main in (found.main, found.found) if main)


def _has_the_same_period(kind: str, main: Family, family: Family) -> bool:
    """Return True if two families have one width and phase; a zigzag has the same name at every phase."""
    one, other = main.period, family.period
    assert one is not None
    return other is not None and one.width == other.width and (kind == "zigzag" or one.phase == other.phase)


def _has_the_same_law(fit: CurveFit, kind: str, family: Family) -> bool:
    """Return True if a smooth family is of the same kind, or so near the law that the difference does not matter."""
    law: Law = family.laws[0]
    if family.period or kind == "quadratic":
        return law.kind == kind
    assert isinstance(law, LinearLaw)
    values = fit_linear(law, fit.curve.n, fit.clean, fit.weights).values(fit.curve.n)
    return bool(np.max(np.abs(values / fit.law_at_points - 1)) < thresholds.TOLERATED)


def width_interval(fit: CurveFit, main: Family) -> tuple[int, int]:
    """Return the smallest and the largest width that the points leave open; that of the main period is included.

    Each width is judged by its best law for all points.
    """
    assert main.period is not None
    of_width: dict[int, float] = {}
    for family, price in zip(fit.costs.families, fit.costs.of_whole_curve().tolist(), strict=True):
        if period := family.period:
            of_width[period.width] = min(price, of_width.get(period.width, np.inf))
    best = of_width.get(main.period.width, fit.price)
    near = [width for width, price in of_width.items() if price <= best + thresholds.WIDTH_INTERVAL]
    widths = [main.period.width, *near]
    return min(widths), max(widths)


def smallest_jump(fit: CurveFit) -> float:
    """Return the relative size of repeated jumps that would just pay for a staircase beside a line.

    A staircase of jump j leaves its line by a sawtooth of variance j²/12. It costs a coefficient, and a choice among
    all widths and phases.
    """
    size = len(fit.curve.n)
    price = np.log(size) + 2 * np.log(thresholds.MAX_WIDTH**2 / 2)
    return float(fit.noise * np.sqrt(12 * price / size))

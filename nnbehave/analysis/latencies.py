"""Comparison of latencies: which measurements may be compared, and their ratio with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from nnbehave.records import Measurement

Z95 = 1.96  # standard errors on each side of a 95 % interval: the standard normal's 97.5 % quantile
CANNOT_TELL = "cannot tell"  # the verdict where the evidence does not suffice
NO_REFERENCES = "of another session, without references to compare it by"

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", int, str)


class Conditions(NamedTuple):
    """How a latency was measured. Latencies of different conditions are never mixed."""

    platform: str
    environment: str
    method: str
    context: str

    @classmethod
    def of(cls, one: Measurement) -> Conditions:
        """Return the conditions of a measurement."""
        return cls(one.platform, one.environment, one.method, one.context)


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Return the items of each key, in the order in which the keys first occur."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def by_conditions(measurements: Iterable[Measurement]) -> dict[tuple[Conditions, str | None], list[Measurement]]:
    """Return the measurements of each conditions and precision; None is the precision of layers that differ in it."""
    return grouped(measurements, lambda one: (Conditions.of(one), precision_of(one)))


def precision_of(one: Measurement) -> str | None:
    """Return the precision that was asked for; None where layers differ in it."""
    precision = one.subject.shared("precision")
    return None if precision is None else str(precision)


class Estimate(NamedTuple):
    """A number with its standard error; NaN where it is not known."""

    value: float
    error: float


class Ratio(NamedTuple):
    """A ratio with its 95 % interval; NaN where it is not known."""

    value: float
    low: float
    high: float

    def named(self, name: str) -> dict[str, float]:
        """Return the three numbers as columns: ``name``, ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def ratio(one: Measurement, base: Measurement) -> Ratio:
    """Return the latency of one measurement over that of another, with its 95 % interval.

    The interval is ``ratio · exp(± 1.96 · √((error₁/latency₁)² + (error₂/latency₂)²))``: the first-order propagation of
    two independent errors to the logarithm of the ratio.

    Returns
    -------
    Ratio
        Exactly 1 for a measurement over itself. NaN where one of the two has no latency to go by.
    """
    if one is base:
        return Ratio(1.0, 1.0, 1.0)
    upper, lower = on_one_scale((one, base))
    if not (upper.value > 0 and lower.value > 0):
        return Ratio(math.nan, math.nan, math.nan)
    middle = upper.value / lower.value
    factor = math.exp(Z95 * math.hypot(upper.error / upper.value, lower.error / lower.value))
    return Ratio(middle, middle / factor, middle * factor)


def on_one_scale(measurements: Sequence[Measurement]) -> list[Estimate]:
    """Return latencies that can be compared with one another.

    They are in ms where all measurements are of one session. Latencies of several sessions are relative to the
    references of each session, with errors that hold between sessions. NaN where there is no latency to go by.
    """
    direct = len({one.session for one in measurements}) == 1
    return [_estimate(one, direct) for one in measurements]


def _estimate(one: Measurement, direct: bool) -> Estimate:
    latency = one.usable
    if latency is None:
        return Estimate(math.nan, math.nan)
    if direct:
        return Estimate(latency.ms, latency.std_error_ms)
    interval = latency.relative_interval
    return Estimate(latency.relative, (interval.high - interval.low) / (2 * Z95))


def shown_ms(one: Measurement) -> float:
    """Return the latency in ms for a table, usable or not; NaN where there is none or it leaves operators out."""
    return one.latency.ms if one.latency is not None and one.is_complete else math.nan


def why_no_latency(one: Measurement) -> str:
    """Return the reason why a measurement has no latency to go by."""
    return one.reason or f"{one.status}, no latency"


def one_of_each(
    measurements: Sequence[Measurement], value_of: Callable[[Measurement], Value]
) -> dict[Value, Measurement]:
    """Return one measurement of each value, in the order of the values.

    A usable measurement is preferred, then the session that has usable ones of the most values, then the smallest
    standard error.
    """
    values = [value_of(one) for one in measurements]
    usable = [one.is_usable for one in measurements]
    known: dict[int, set[Value]] = {}
    for one, value, is_usable in zip(measurements, values, usable, strict=True):
        if is_usable:
            known.setdefault(one.session, set()).add(value)

    def rank(place: int) -> tuple[bool, int, int, float, float]:
        one: Measurement = measurements[place]
        return not usable[place], -len(known.get(one.session, ())), one.session, *by_error(one)

    best: dict[Value, Measurement] = {}
    for place in sorted(range(len(measurements)), key=rank):
        best.setdefault(values[place], measurements[place])
    return {value: best[value] for value in sorted(best)}


def by_error(one: Measurement) -> tuple[float, float]:
    """Return the standard error and the latency in ms, to sort by; infinity where one is not known."""
    pair = (math.nan, math.nan) if one.latency is None else (one.latency.std_error_ms, shown_ms(one))
    error, ms = (math.inf if math.isnan(number) else number for number in pair)
    return error, ms

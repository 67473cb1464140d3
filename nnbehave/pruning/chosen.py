"""The choice of the measurements that a latency table is made of."""

from __future__ import annotations

from nnbehave.analysis.reuse_curve import ReuseCurve, find_reuse_curve
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment, Measurement, Measurements


def of_one(
    name: str, wanted: str | None, measurements: list[Measurement], environments: dict[str, Environment]
) -> list[Measurement]:
    """Return the measurements of one platform, environment or method. Raise InvalidInputError if several are left."""
    if wanted is not None:
        return [one for one in measurements if getattr(one, name) == wanted]
    if len(several := sorted({getattr(one, name) for one in measurements})) > 1:
        told = ", ".join(_with_versions(each, environments.get(each, Environment())) for each in several)
        raise InvalidInputError(f"{name}: a latency table is of one {name}, these results are of {told}; give one")
    return measurements


def _with_versions(name: str, facts: Environment) -> str:
    """Return a name, with the versions of the packages if they are known."""
    versions = ", ".join(f"{package} {number}" for package, number in facts.versions.items())
    return f"{name} ({versions})" if versions else name


def curve_of(measurements: list[Measurement], environments: dict[str, Environment]) -> ReuseCurve | None:
    """Return the machine's curve, if the layers of a table tell one."""
    try:
        return find_reuse_curve(Measurements(measurements, environments))
    except InvalidInputError:
        return None

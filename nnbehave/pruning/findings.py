"""The findings that pruning uses: collected from the arguments of the caller, and sorted by platform."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nnbehave.analysis.accuracy import Accuracy
from nnbehave.analysis.activations import Activations, rank_activations
from nnbehave.analysis.blocks import Blocks, compare_blocks
from nnbehave.analysis.fusion import Fusion, detect_fusion
from nnbehave.analysis.precision import Precisions, compare_precisions
from nnbehave.analysis.results import Results
from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.analysis.steps import Origin, StepMap
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment, Measurements

# The kinds of findings that some rule can use.
UsableFinding = StepMap | Activations | Fusion | Blocks | Precisions | Accuracy | Scaling
_KINDS = (StepMap, Activations, Fusion, Blocks, Precisions, Accuracy, Scaling)
_ANALYSERS: tuple[Callable[[Measurements], UsableFinding], ...] = (
    rank_activations,
    detect_fusion,
    compare_blocks,
    compare_precisions,
    fit_scaling,
)
ANY_PLATFORM = ""  # the platform of a finding that names none: it holds for every platform
_DEFAULT_DIMENSION = "out_channels"  # of a step map without an origin


@dataclass(frozen=True)
class CollectedFindings:
    """Findings, and the environments that they come from.

    Attributes
    ----------
    findings : list of UsableFinding
    environments : dict of str to Environment
        The facts of each environment by its id; empty facts if they are not known.
    """

    findings: list[UsableFinding]
    environments: dict[str, Environment]


def collect(given: UsableFinding | Measurements | Iterable[UsableFinding | Measurements]) -> CollectedFindings:
    """Return the given findings, and every finding that the analysers draw from given measurements.

    Raises
    ------
    InvalidInputError
        Something given is neither a finding that pruning can use nor measurements, or there is no finding.
    """
    findings: list[UsableFinding] = []
    facts: dict[str, Environment] = {}
    for each in _listed(given):
        if isinstance(each, Measurements):
            facts |= each.environments
            findings += _found_in(each)
        elif isinstance(each, _KINDS):
            findings.append(each)
        else:
            kinds = ", ".join(kind.__name__ for kind in _KINDS)
            raise InvalidInputError(
                f"findings: expected Results or findings that pruning can use ({kinds}), got {type(each).__name__}"
            )
    if not findings:
        raise InvalidInputError("findings: got none; sweep the space first")
    names = sorted(set().union(*map(_environments_of, findings)))
    return CollectedFindings(findings, {name: facts.get(name, Environment()) for name in names})


def _listed(given: object) -> list[object]:
    """Return one object or an iterable of objects as a list. Raise InvalidInputError for other types."""
    import pandas as pd

    if isinstance(given, (*_KINDS, Measurements)):
        return [given]
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping | pd.DataFrame):
        raise InvalidInputError(f"findings: expected findings or Results, got {type(given).__name__}")
    return list(given)


def _found_in(measurements: Measurements) -> list[UsableFinding]:
    """Return every finding that the analysers draw from measurements."""
    found: list[UsableFinding] = list(Results.of(measurements).step_maps())
    for analyse in _ANALYSERS:
        try:
            found.append(analyse(measurements))
        except InvalidInputError:  # the analyser needs other measurements than these
            continue
    return found


def _environments_of(finding: UsableFinding) -> set[str]:
    """Return the ids of the environments that a finding comes from."""
    if isinstance(finding, StepMap):
        return {finding.origin.environment} if finding.origin else set()
    return set(finding.frame["environment"]) if "environment" in finding.frame else set()


def by_platform(
    findings: Sequence[UsableFinding], dimension: str | None, wanted: Sequence[str] | None
) -> dict[str, list[UsableFinding]]:
    """Return the findings of each platform; a finding about several platforms is split by its rows.

    Parameters
    ----------
    findings : sequence of UsableFinding
    dimension : str, optional
        The dimension of step maps without an origin. By default ``out_channels``, with a warning.
    wanted : sequence of str, optional
        The platforms to return. By default every platform that a finding names.

    Returns
    -------
    dict of str to list of UsableFinding
        Findings that name no platform are in every list. If no finding names one, the only key is ``ANY_PLATFORM``.

    Raises
    ------
    InvalidInputError
        A finding is about a platform that is not wanted.
    """
    found: dict[str, list[UsableFinding]] = {}
    for finding in findings:
        for platform, part in _parts(finding, dimension):
            found.setdefault(platform, []).append(part)
    for_all = found.pop(ANY_PLATFORM, [])
    if wanted is not None and (foreign := [name for name in found if name not in wanted]):
        raise InvalidInputError(
            f"findings: expected findings from {', '.join(wanted)}, the platforms to prune for; "
            f"got some from {', '.join(foreign)}"
        )
    named = {name: found.get(name, []) for name in (found if wanted is None else wanted)}
    for platform, some in named.items():
        _warn_of_several_environments(platform, some)
    return {name: [*some, *for_all] for name, some in named.items()} or {ANY_PLATFORM: for_all}


def _parts(finding: UsableFinding, dimension: str | None) -> list[tuple[str, UsableFinding]]:
    """Return each platform of a finding, with the part of the finding that is about it."""
    if isinstance(finding, StepMap):
        if finding.origin is None and dimension is None:
            warnings.warn(
                f"a step map has no origin and is taken as one over {_DEFAULT_DIMENSION}; give dimension=", stacklevel=4
            )
        origin = finding.origin or Origin(ANY_PLATFORM, "", "", dimension or _DEFAULT_DIMENSION, {})
        return [(origin.platform, replace(finding, origin=origin))]
    parts: list[tuple[str, UsableFinding]] = []
    for platform, rows in finding.frame.groupby("platform", sort=False):
        part: UsableFinding = replace(finding, frame=rows)
        if isinstance(part, Scaling):
            part = replace(part, points=part.points[part.points["platform"] == platform])
        parts.append((str(platform), part))
    return parts


def _warn_of_several_environments(platform: str, findings: Sequence[UsableFinding]) -> None:
    """Warn if the findings from one platform come from more than one environment."""
    if len(environments := set().union(*map(_environments_of, findings))) > 1:
        warnings.warn(
            f"the findings from {platform} come from several environments ({', '.join(sorted(environments))}): "
            "a value is removed only if they agree",
            stacklevel=4,
        )

"""Findings of every kind, sorted by the platform that they speak of."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from nnbehave.analysis import (
    Accuracy,
    Activations,
    Blocks,
    Fusion,
    Origin,
    Precisions,
    Scaling,
    StepMap,
    compare_blocks,
    compare_precisions,
    detect_fusion,
    fit_scaling,
    rank_activations,
)
from nnbehave.analysis.results import Results
from nnbehave.errors import InvalidInputError

Finding = StepMap | Activations | Fusion | Blocks | Precisions | Accuracy | Scaling
_ANALYSERS = (rank_activations, detect_fusion, compare_blocks, compare_precisions, fit_scaling)
_KINDS = (StepMap, Activations, Fusion, Blocks, Precisions, Accuracy, Scaling)


def all_of(findings: Any) -> tuple[list[Finding], dict[str, dict[str, Any]]]:
    """Return all findings, those in Results among them, and what is known of the environments they come from."""
    if isinstance(findings, (*_KINDS, Results)):
        findings = [findings]
    if not isinstance(findings, Iterable) or type(findings).__name__ in ("str", "dict", "DataFrame"):
        raise InvalidInputError(f"findings: expected findings or Results, got {type(findings).__name__}")
    found: list[Finding] = []
    known: dict[str, dict[str, Any]] = {}
    for each in findings:
        if isinstance(each, Results):
            known |= each.environments
            found += each.step_maps()
            for analyse in _ANALYSERS:
                try:
                    found.append(analyse(each))
                except InvalidInputError:  # these results are not about that
                    continue
        elif isinstance(each, _KINDS):
            found.append(each)
        else:
            raise InvalidInputError(f"findings: nothing can be removed by {type(each).__name__}")
    if not found:
        raise InvalidInputError("findings: there are none; sweep the space first")
    return found, {name: known.get(name, {}) for name in sorted(set().union(*map(_environments_of, found)))}


def _environments_of(found: Finding) -> set[str]:
    if isinstance(found, StepMap):
        return {found.origin.environment} if found.origin else set()
    return set(found.frame["environment"]) if "environment" in found.frame else set()


def by_platform(
    findings: Sequence[Finding], dimension: str | None, wanted: Sequence[str] | None
) -> dict[str, list[Finding]]:
    """Return the findings of each platform, each finding with its rows of that platform alone.

    Those that name no platform stand for every one.
    """
    found: dict[str, list[Finding]] = {}
    for each in findings:
        if isinstance(each, StepMap):
            origin = each.origin
            if origin is None and dimension is None:
                told = "a step map without an origin is taken for one over every output channel; give dimension="
                warnings.warn(told, stacklevel=3)
            origin = origin or Origin("", "", "", dimension or "out_channels", {})
            found.setdefault(origin.platform, []).append(replace(each, origin=origin))
            continue
        for platform, rows in each.frame.groupby("platform", sort=False):
            part = replace(each, frame=rows)
            if isinstance(part, Scaling):
                part = replace(part, points=part.points[part.points["platform"] == platform])
            found.setdefault(str(platform), []).append(part)
    if wanted is not None and (foreign := [name for name in found if name and name not in wanted]):
        others = ", ".join(foreign)
        raise InvalidInputError(f"findings from {others}, but pruning for {', '.join(wanted)}: leave these out")
    named = {name: found.get(name, []) for name in wanted or found if name}
    for platform, some in named.items():
        if len(several := set().union(*map(_environments_of, some))) > 1:
            told = ", ".join(sorted(several))
            warnings.warn(
                f"findings from {platform} come from several environments ({told}): only what holds in each goes",
                stacklevel=3,
            )
    nameless = found.get("", [])
    return {name: [*some, *nameless] for name, some in named.items()} or {"": nameless}

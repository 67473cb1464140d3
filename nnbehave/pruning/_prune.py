"""From findings to a smaller space."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nnbehave.analysers import (
    Accuracy,
    Activations,
    Blocks,
    Fusion,
    Precisions,
    Scaling,
    StepMap,
    compare_blocks,
    compare_precisions,
    detect_fusion,
    fit_scaling,
    rank_activations,
)
from nnbehave.analysers.step_map import Origin
from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace, Removed
from nnbehave.pruning.rules import RULES, SIZES, KeepPareto, Rule
from nnbehave.results import Results
from nnbehave.space import Slot, Space

Finding = StepMap | Activations | Fusion | Blocks | Precisions | Accuracy | Scaling
_ANALYSERS = (rank_activations, detect_fusion, compare_blocks, compare_precisions, fit_scaling)
_KINDS = (StepMap, Activations, Fusion, Blocks, Precisions, Accuracy, Scaling)


def prune(
    space: Space,
    findings: Finding | Results | Iterable[Finding | Results],
    *,
    rules: Sequence[Rule] = RULES,
    platforms: str | Sequence[str] | None = None,
    combine: str = "all",
    dimension: str | None = None,
    transfer: bool = False,
) -> PrunedSpace:
    """Remove from a search space what findings say is not worth searching (Tang et al., MLSys 2021, section 5).

    Parameters
    ----------
    space : Space
    findings : finding, Results, or iterable of them
        Step maps, and what the analysers return; of Results, all that can be found in them.
    rules : sequence of Rule
        What may remove something, with their thresholds: by default each with its defaults.
    platforms : str or sequence of str, optional
        The platforms to prune for; a finding from another is refused. By default those of the findings.
    combine : {"all", "any"}
        Of several platforms, keep what is worth keeping on every one of them, or on any. With ``any`` no platform loses
        what it has a use for; with ``all`` less is left, and each platform loses what only it has a use for.
    dimension : str, optional
        What a step map speaks of that was found from arrays; by default every slot's output channels, with a warning.
    transfer : bool
        Let step maps speak of layers of other operators, sizes, kernels, strides and precisions too; ``removed`` says
        where that was done.

    Returns
    -------
    PrunedSpace
        A slot keeps its own size (the channels and the resolution of its base layer), and of every choice at least one
        value. What no finding speaks of is whole, and listed in ``left_whole``.

    Raises
    ------
    InvalidInputError
        The space has no slots; there are no findings, or one from another platform or of no use here; an argument is
        none of those named.

    Warns
    -----
    UserWarning
        No finding speaks of any choice of this space; a step map has no origin and ``dimension`` is not given; or a
        platform's findings come from several environments, where only what holds in each is removed.

    Notes
    -----
    A slot is judged by its own latency. Where the next one reads its channels (``in_channels: previous``), fewer of
    them would have made that one faster too, and the fastest networks may go: :func:`nnbehave.what_was_lost` says how
    much that is.
    """
    if not isinstance(space, Space) or not space.slots:
        raise InvalidInputError("space: expected a Space with slots; load one with nnbehave.load_space")
    if combine not in ("all", "any"):
        raise InvalidInputError(f"combine: expected 'all' or 'any', got {combine!r}")
    if dimension is not None and dimension not in SIZES:
        raise InvalidInputError(f"dimension: step maps speak of {', '.join(SIZES)}, not of {dimension!r}")
    if wrong := [rule for rule in _listed(rules) if not isinstance(rule, Rule)]:
        raise InvalidInputError(f"rules: expected rules such as KeepPareto(tolerance=0.02), got {wrong[0]!r}")
    found, environments = _flat(findings)
    wanted = [platforms] if isinstance(platforms, str) else platforms
    by_platform = _by_platform(found, dimension, wanted)
    used = [
        replace(rule, transfer=True) if transfer and isinstance(rule, KeepPareto) else rule for rule in _listed(rules)
    ]
    removed: list[Removed] = []
    left_whole: list[tuple[str, str, str]] = []
    slots: dict[str, Slot] = {}
    for slot in space.slots:
        slots[slot.name] = slot
        for choice in slot.choices:
            judged = _judge(slot, choice, by_platform, used, combine)
            removed += judged.removed
            if judged.why_whole:
                left_whole.append((slot.name, choice, judged.why_whole))
        slots[slot.name] = _without(slot, [row for row in removed if row.slot == slot.name])
    if not removed and all(why == _NO_FINDING for _, _, why in left_whole):
        warnings.warn(
            f"no finding speaks of any choice of {space.name}: sweep this space, or allow transfer=True", stacklevel=2
        )
    stages = tuple(replace(stage, slots=tuple(slots[slot.name] for slot in stage.slots)) for stage in space.stages)
    return PrunedSpace(space, replace(space, stages=stages), tuple(removed), tuple(left_whole), environments)


_NO_FINDING = "no finding speaks of it"


@dataclass
class _Judged:
    removed: list[Removed]
    why_whole: str = ""


def _listed(rules: Any) -> list[Any]:
    return list(rules) if isinstance(rules, Iterable) else [rules]


def _judge(
    slot: Slot, dimension: str, by_platform: dict[str, list[Finding]], rules: Sequence[Rule], combine: str
) -> _Judged:
    """Judge one choice on every platform, and put the judgements together."""
    rows: dict[str, dict[Any, Removed]] = {}
    silent, reasons = [], []
    for platform, findings in by_platform.items():
        rows[platform] = {}
        spoken = False
        for rule in rules:
            of = [found for found in findings if isinstance(found, rule.findings)]
            judgement = rule.judge(slot, dimension, of) if of else None
            if judgement is None:
                continue
            spoken = True
            reasons += [judgement.cannot_tell] if judgement.cannot_tell else []
            for value, (why, evidence) in judgement.removed.items():
                row = Removed(slot.name, dimension, value, type(rule).__name__, platform, why, evidence)
                rows[platform].setdefault(value, row)
        silent += [] if spoken else [platform]
    gone = [
        value
        for value in slot.choices[dimension]
        if (any if combine == "all" else all)(value in of for of in rows.values())
    ]
    own = getattr(slot.base, dimension) if dimension in SIZES else None
    gone = [value for value in gone if value != own]
    if len(gone) == len(slot.choices[dimension]):
        return _Judged([], "the findings together would leave nothing of it")
    if gone:
        return _Judged([next(of[value] for of in rows.values() if value in of) for value in gone])
    if len(silent) == len(by_platform):
        return _Judged([], _NO_FINDING)
    if combine == "any":
        reasons += [f"no finding from {platform} speaks of it" for platform in silent]
    return _Judged([], "; ".join(dict.fromkeys(reasons)) or "all of it is worth keeping")


def _without(slot: Slot, removed: list[Removed]) -> Slot:
    """Return a slot without some values; its base is one of those left."""
    gone = {(row.dimension, row.value) for row in removed}
    choices = {
        dimension: tuple(value for value in values if (dimension, value) not in gone)
        for dimension, values in slot.choices.items()
    }
    lost = {d: left[0] for d, left in choices.items() if (d, getattr(slot.base, d)) in gone}
    return replace(slot, choices=choices, base=slot.base.replace(**lost) if lost else slot.base)


def _flat(findings: Any) -> tuple[list[Finding], dict[str, dict[str, Any]]]:
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


def _by_platform(
    findings: Sequence[Finding], dimension: str | None, wanted: Sequence[str] | None
) -> dict[str, list[Finding]]:
    """Return the findings of each platform, each finding with its rows of that platform alone.

    Those that name no platform stand for every one.
    """
    found: dict[str, list[Finding]] = {}
    for each in findings:
        if isinstance(each, StepMap):
            if each.origin is None:
                if dimension is None:
                    warnings.warn(
                        "a step map without an origin is taken for one over every output channel; give dimension=",
                        stacklevel=3,
                    )
                layer: dict[str, Any] = {}
                each = replace(each, origin=Origin("", "", "", dimension or "out_channels", layer))
            found.setdefault(each.origin.platform if each.origin else "", []).append(each)
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

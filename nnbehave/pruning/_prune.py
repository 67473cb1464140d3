"""A smaller space, by what findings say of each choice of each slot."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nnbehave.analysis.results import Results
from nnbehave.design.space import Slot, Space
from nnbehave.errors import InvalidInputError
from nnbehave.pruning._findings import Finding, all_of, by_platform
from nnbehave.pruning._pruned import PrunedSpace, Removed
from nnbehave.pruning.rules import RULES, SIZES, KeepPareto, Rule


def prune(
    space: Space,
    findings: Finding | Results | Iterable[Finding | Results],
    *,
    rules: Rule | Sequence[Rule] = RULES,
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
    rules : Rule or sequence of Rule
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
    much that is, and ``rules=[KeepPareto(keep_smallest=True), …]`` keeps the smallest of each as well.
    """
    if not isinstance(space, Space) or not space.slots:
        raise InvalidInputError("space: expected a Space with slots; load one with nnbehave.load_space")
    if combine not in ("all", "any"):
        raise InvalidInputError(f"combine: expected 'all' or 'any', got {combine!r}")
    if dimension is not None and dimension not in SIZES:
        raise InvalidInputError(f"dimension: step maps speak of {', '.join(SIZES)}, not of {dimension!r}")
    every = list(rules) if isinstance(rules, Iterable) else [rules]
    if wrong := [rule for rule in every if not isinstance(rule, Rule)]:
        raise InvalidInputError(f"rules: expected rules such as KeepPareto(tolerance=0.02), got {wrong[0]!r}")
    used = [replace(rule, transfer=True) if transfer and isinstance(rule, KeepPareto) else rule for rule in every]
    found, environments = all_of(findings)
    sorted_findings = by_platform(found, dimension, [platforms] if isinstance(platforms, str) else platforms)
    removed: list[Removed] = []
    left_whole: list[tuple[str, str, str]] = []
    slots: dict[str, Slot] = {}
    for slot in space.slots:
        slots[slot.name] = slot
        for choice in slot.choices:
            judged = _judge(slot, choice, sorted_findings, used, combine)
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


def _judge(
    slot: Slot, dimension: str, findings: dict[str, list[Finding]], rules: Sequence[Rule], combine: str
) -> _Judged:
    """Judge one choice on every platform, and put the judgements together."""
    rows: dict[str, dict[Any, Removed]] = {}
    silent, reasons = [], []
    for platform, some in findings.items():
        rows[platform] = {}
        spoken = False
        for rule in rules:
            of = [found for found in some if isinstance(found, rule.findings)]
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
    if len(silent) == len(findings):
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

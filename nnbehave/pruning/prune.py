"""The function :func:`prune`: applies rules to each choice of a search space, and combines what they conclude."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nnbehave.design.space import Slot, Space
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.findings import UsableFinding, by_platform, collect
from nnbehave.pruning.pruned_space import LeftWhole, PrunedSpace, Removed
from nnbehave.pruning.rules import RULES, SIZES, AnyRule, KeepPareto, Rule
from nnbehave.records import Measurements, Scalar


def prune(
    space: Space,
    findings: UsableFinding | Measurements | Iterable[UsableFinding | Measurements],
    *,
    rules: AnyRule | Sequence[AnyRule] = RULES,
    platforms: str | Sequence[str] | None = None,
    combine: str = "all",
    dimension: str | None = None,
    transfer: bool = False,
) -> PrunedSpace:
    """Return a search space without the values that findings show not to be worth searching.

    The method is that of Tang et al. (MLSys 2021, section 5).

    Parameters
    ----------
    space : Space
    findings : StepMap, Finding, Results, or iterable of them
        Step maps and what the analysers return. From Results every finding is drawn that the analysers can find.
    rules : Rule or sequence of Rule
        The reasons to remove a value, with their thresholds. By default every rule with its default thresholds.
    platforms : str or sequence of str, optional
        The platforms to prune for. A finding from another platform is refused. By default the platforms of the
        findings.
    combine : {"all", "any"}
        With several platforms: keep the values that are worth keeping on all of them, or on any of them. ``"any"``
        keeps every value that some platform can use. ``"all"`` leaves fewer, and a platform loses the values that only
        it can use.
    dimension : str, optional
        The dimension of step maps that were detected from arrays. By default ``out_channels``, with a warning.
    transfer : bool
        Apply step maps also to layers with another operator, size, kernel, stride or precision than the measured
        layer. The evidence of each removal says if the step map was transferred.

    Returns
    -------
    PrunedSpace
        Every choice keeps at least one value. A slot keeps the channels and the resolution of its base layer. A choice
        that no finding is about stays whole, and is listed in ``left_whole``.

    Raises
    ------
    InvalidInputError
        The space has no slots, there are no findings or one cannot be used, a finding is from another platform, or
        an argument has a value that is not allowed.

    Warns
    -----
    UserWarning
        No finding is about any choice of this space; a step map has no origin and ``dimension`` is not given; or the
        findings from a platform come from several environments.

    Notes
    -----
    A slot is judged by its own latency. If the next layer reads its channels (``in_channels: previous``), fewer
    channels would make that layer faster too, and the fastest networks may be removed.
    :func:`nnbehave.what_was_lost` computes how much is lost, and ``rules=[KeepPareto(keep_smallest=True), …]`` also
    keeps the smallest value.

    Examples
    --------
    >>> import nnbehave as nb
    >>> n = list(range(1, 33))
    >>> steps = nb.detect_steps(n, [0.1 * -(-each // 8) for each in n], [1e-5] * 32)
    >>> layer = nb.Layer(op="conv", height=28, in_channels=16, out_channels=32, kernel=3)
    >>> space = nb.Space.from_layer(layer, "out_channels", n)
    >>> nb.prune(space, steps, dimension="out_channels").choices()
    {'conv': {'out_channels': [8, 16, 24, 32]}}
    """
    used_rules = _checked(space, rules, combine, dimension, transfer)
    collected = collect(findings)
    wanted = [platforms] if isinstance(platforms, str) else platforms
    of_platforms = by_platform(collected.findings, dimension, wanted)
    removed: list[Removed] = []
    left_whole: list[LeftWhole] = []
    has_finding = False
    slots: dict[str, Slot] = {}
    for slot in space.slots:
        gone: list[Removed] = []
        for name in slot.choices:
            verdict = _judge(slot, name, of_platforms, used_rules, combine)
            has_finding |= verdict.has_finding
            gone += verdict.removed
            if not verdict.removed:
                left_whole.append(LeftWhole(slot.name, name, verdict.why_whole))
        slots[slot.name] = _without(slot, gone)
        removed += gone
    if not has_finding:
        warnings.warn(
            f"no finding is about any choice of {space.name}: sweep this space, or allow transfer=True", stacklevel=2
        )
    stages = tuple(replace(stage, slots=tuple(slots[slot.name] for slot in stage.slots)) for stage in space.stages)
    pruned = replace(space, stages=stages)
    return PrunedSpace(space, pruned, tuple(removed), tuple(left_whole), collected.environments)


def _checked(
    space: Space, rules: AnyRule | Sequence[AnyRule], combine: str, dimension: str | None, transfer: bool
) -> list[AnyRule]:
    """Return the rules as a list, with ``transfer`` set. Raise InvalidInputError for a value that is not allowed."""
    if not isinstance(space, Space) or not space.slots:
        raise InvalidInputError("space: expected a Space with slots; load one with nnbehave.load_space")
    if combine not in ("all", "any"):
        raise InvalidInputError(f"combine: expected 'all' or 'any', got {combine!r}")
    if dimension is not None and dimension not in SIZES:
        raise InvalidInputError(f"dimension: expected one of {', '.join(SIZES)}, got {dimension!r}")
    every = list(rules) if isinstance(rules, Iterable) else [rules]
    if wrong := [rule for rule in every if not isinstance(rule, Rule)]:
        raise InvalidInputError(f"rules: expected rules such as KeepPareto(tolerance=0.02), got {wrong[0]!r}")
    return [replace(rule, transfer=True) if transfer and isinstance(rule, KeepPareto) else rule for rule in every]


@dataclass(frozen=True)
class _Verdict:
    """The values to remove from one choice.

    ``has_finding`` is False if no finding is about the choice. ``why_whole`` is the reason if nothing is removed.
    """

    removed: list[Removed]
    has_finding: bool
    why_whole: str = ""


@dataclass
class _OnPlatform:
    """The conclusions of the rules about one choice from the findings of one platform."""

    removed: dict[Scalar, Removed] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    has_finding: bool = False


def _judge(
    slot: Slot,
    dimension: str,
    findings: Mapping[str, Sequence[UsableFinding]],
    rules: Sequence[AnyRule],
    combine: str,
) -> _Verdict:
    """Return the verdict about one choice, from the conclusions for each platform."""
    conclusions = {name: _conclude(slot, dimension, name, some, rules) for name, some in findings.items()}
    has_finding = any(each.has_finding for each in conclusions.values())
    is_gone = any if combine == "all" else all
    own = getattr(slot.base, dimension) if dimension in SIZES else None
    gone = [
        value
        for value in slot.choices[dimension]
        if is_gone(value in each.removed for each in conclusions.values()) and value != own
    ]
    if len(gone) == len(slot.choices[dimension]):
        return _Verdict([], has_finding, "together the findings would remove every value")
    if gone:
        first = [next(each.removed[value] for each in conclusions.values() if value in each.removed) for value in gone]
        return _Verdict(first, has_finding)
    if not has_finding:
        return _Verdict([], has_finding, "no finding is about this choice")
    reasons = [reason for each in conclusions.values() for reason in each.undecided]
    if combine == "any":
        silent = [name for name, each in conclusions.items() if not each.has_finding]
        reasons += [f"no finding from {name} is about this choice" for name in silent]
    return _Verdict([], has_finding, "; ".join(dict.fromkeys(reasons)) or "every value is worth keeping")


def _conclude(
    slot: Slot, dimension: str, platform: str, findings: Sequence[UsableFinding], rules: Sequence[AnyRule]
) -> _OnPlatform:
    """Return the conclusions of the rules about one choice from the findings of one platform."""
    found = _OnPlatform()
    for rule in rules:
        of_rule = [finding for finding in findings if isinstance(finding, rule.findings)]
        judgement = rule.judge(slot, dimension, of_rule) if of_rule else None
        if judgement is None:
            continue
        found.has_finding = True
        if judgement.undecided:
            found.undecided.append(judgement.undecided)
        for value, removal in judgement.removed.items():
            row = Removed(slot.name, dimension, value, type(rule).__name__, platform, removal.why, removal.evidence)
            found.removed.setdefault(value, row)
    return found


def _without(slot: Slot, removed: Iterable[Removed]) -> Slot:
    """Return a slot without the removed values, with a base layer that is still in it."""
    gone = {(row.dimension, row.value) for row in removed}
    choices = {
        dimension: tuple(value for value in values if (dimension, value) not in gone)
        for dimension, values in slot.choices.items()
    }
    changed = {name: left[0] for name, left in choices.items() if (name, getattr(slot.base, name)) in gone}
    return replace(slot, choices=choices, base=slot.base.replace(**changed) if changed else slot.base)

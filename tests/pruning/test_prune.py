"""Pruning removes the values that findings show not to be worth searching, and no others."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import KeepPareto, prune
from nnbehave.records import Environment
from tests.pruned import HERE, conv, space_of, staircase, swept

METAPRUNING = nb.load_space("metapruning_mobilenet_v1")


# ---------------------------------------------------------------------- the paper's case study


def test_the_space_of_the_paper_shrinks_as_in_the_paper() -> None:
    """Section 5 of Tang et al.: at a width of 8, 14 layers shrink from 30 candidates to 4: from 30^14 to 4^14."""
    slots = [conv(f"conv{i}", tuple(range(3, 33))) for i in range(14)]
    pruned = prune(space_of(*slots), staircase(8), dimension="out_channels")
    assert pruned.original.size == 30**14
    assert pruned.size == 4**14
    assert pruned.reduction == Fraction(30, 4) ** 14
    assert float(pruned.reduction) == pytest.approx(1.78e12, rel=1e-2)
    assert {tuple(left["out_channels"]) for left in pruned.choices().values()} == {(8, 16, 24, 32)}


@pytest.mark.parametrize(("width", "log10"), [(8, 2.7), (16, 4.6), (32, 8.1), (64, 11.9)])
def test_the_space_of_metapruning_shrinks_by_far_less(width: int, log10: float) -> None:
    """Its candidates lie further apart in wide layers, so most of these lie on a step of their own."""
    pruned = prune(METAPRUNING, staircase(width), dimension="out_channels")
    assert pruned.log10_reduction == pytest.approx(log10, abs=0.06)
    assert pruned.log10_reduction == pytest.approx(math.log10(METAPRUNING.size / pruned.size))


def test_a_slot_keeps_its_own_best_candidates_not_multiples_of_the_width() -> None:
    pruned = prune(space_of(conv(values=(3, 5, 9, 11, 15, 20))), staircase(8), dimension="out_channels")
    assert pruned.choices() == {"conv": {"out_channels": [5, 15, 20]}}


# ---------------------------------------------------------------------- findings


@pytest.fixture(scope="module")
def measured() -> nb.Results:
    return swept()


def test_a_pruned_space_knows_the_environments_of_its_findings(measured: nb.Results) -> None:
    assert nb.prune(space_of(conv()), measured).environments == HERE
    assert nb.prune(space_of(conv()), measured.step_maps()).environments == {"here": Environment()}


def test_a_step_map_without_an_origin_is_over_output_channels_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="give dimension="):
        warned = prune(space_of(conv()), staircase(8))
    assert prune(space_of(conv()), staircase(8), dimension="out_channels").choices() == warned.choices()


@pytest.mark.process
def test_the_results_of_a_sweep_are_findings() -> None:
    base = conv().base
    results = nb.sweep(
        layer=base,
        dimension="out_channels",
        values=range(1, 65),
        platforms="simulated?width=8&noise=0.001",
        method="estimated",
        progress=False,
    )
    pruned = prune(space_of(conv()), results)
    assert pruned.choices()["conv"]["out_channels"] == [8, 16, 24, 32]
    assert pruned.environments == results.environments


# ---------------------------------------------------------------------- several platforms


def test_values_are_kept_that_are_best_on_all_platforms_or_on_any() -> None:
    results = [swept(width) for width in (8, 12)]
    space = space_of(conv(values=tuple(range(1, 33)), out_channels=32))
    on_all = prune(space, results).choices()["conv"]["out_channels"]
    on_any = prune(space, results, combine="any").choices()["conv"]["out_channels"]
    one, two = (set(prune(space, each).choices()["conv"]["out_channels"]) for each in results)
    assert set(on_all) == one & two
    assert set(on_any) == one | two


def test_a_platform_without_a_finding_keeps_every_value_with_combine_any(measured: nb.Results) -> None:
    space, names = space_of(conv()), ["width8", "openvino"]
    kept = prune(space, measured, platforms=names, combine="any")
    assert not kept.removals
    assert kept.left_whole == (("conv", "out_channels", "no finding from openvino is about this choice"),)
    assert prune(space, measured, platforms=names).removals
    both = prune(space, [measured, swept(8, platform="other", height=14)], combine="any")
    assert not both.removals


def test_a_step_map_without_an_origin_holds_for_every_platform() -> None:
    names = ["tflite", "openvino"]
    pruned = prune(space_of(conv()), staircase(8), platforms=names, dimension="out_channels", combine="any")
    assert pruned.choices()["conv"]["out_channels"] == [8, 16, 24, 32]
    assert {row.platform for row in pruned.removals} == {"tflite"}
    assert pruned.removals[0].evidence.startswith("staircase of width 8 (confidence")


def test_values_are_removed_only_if_all_environments_agree(measured: nb.Results) -> None:
    (found,) = measured.step_maps()
    (other,) = swept(12).step_maps()
    assert found.origin is not None
    moved = replace(other, origin=replace(found.origin, environment="another"))
    alone = prune(space_of(conv()), found).choices()["conv"]["out_channels"]
    for maps in ([found, moved], [moved, found]):
        with pytest.warns(UserWarning, match=r"several environments \(another, here\): .* only if they agree"):
            pruned = prune(space_of(conv()), maps)
        left = pruned.choices()["conv"]["out_channels"]
        assert left == [8, 12, 16, 24, 32]
        assert set(alone) < set(left)


def test_a_finding_from_another_platform_is_refused(measured: nb.Results) -> None:
    with pytest.raises(InvalidInputError, match=r"findings: expected findings from openvino, .* got some from width8"):
        prune(space_of(conv()), measured, platforms="openvino")


# ---------------------------------------------------------------------- arguments, and how it is shown


@pytest.mark.parametrize(
    ("space", "findings", "says"),
    [
        (Space("empty", ()), staircase(8), "expected a Space with slots"),
        (None, staircase(8), "expected a Space with slots"),
        (METAPRUNING, [], "findings: got none; sweep the space first"),
        (METAPRUNING, "results.db", "expected findings or Results, got str"),
        (METAPRUNING, [3], r"findings that pruning can use \(StepMap, Activations, .*\), got int"),
        (METAPRUNING, {"map": staircase(8)}, "expected findings or Results, got dict"),
    ],
)
def test_other_spaces_and_findings_are_refused(space: Space, findings: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        prune(space, findings)


def test_a_frame_is_refused(measured: nb.Results) -> None:
    with pytest.raises(InvalidInputError, match="expected findings or Results, got DataFrame"):
        prune(METAPRUNING, measured.frame)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rules": [KeepPareto]}, r"rules: expected rules such as KeepPareto\(tolerance=0.02\), got <class"),
        ({"rules": ["KeepPareto"]}, "rules: expected rules .* got 'KeepPareto'"),
        (
            {"dimension": "out_chanels"},
            "dimension: expected one of in_channels, out_channels, .* got 'out_ch",
        ),
        ({"dimension": "groups"}, "got 'groups'"),
    ],
)
def test_other_rules_and_dimensions_are_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        prune(METAPRUNING, staircase(8), **{"dimension": "out_channels", **arguments})


@pytest.mark.parametrize("threshold", [-0.5, float("nan"), float("inf"), "much", None])
def test_a_threshold_that_is_no_number_of_0_or_more_is_refused(threshold: object) -> None:
    with pytest.raises(InvalidInputError, match="tolerance: expected a number of 0 or more, got"):
        KeepPareto(tolerance=threshold)


def test_one_rule_needs_no_list() -> None:
    rule = KeepPareto(tolerance=0.02)
    one, several = (prune(METAPRUNING, staircase(8), rules=r, dimension="out_channels") for r in (rule, [rule]))
    assert one == several


def test_other_values_of_combine_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="'all' or 'any', got 'most'"):
        prune(METAPRUNING, staircase(8), combine="most")


def test_a_pruned_space_shows_its_sizes_and_removals() -> None:
    pruned = prune(METAPRUNING, staircase(64), dimension="out_channels")
    assert repr(pruned).startswith("PrunedSpace(metapruning_mobilenet_v1: 10^21.42 networks to 10^9.58, 10^11.85 times")
    html = pruned._repr_html_()
    assert "<td>conv1</td>" in html
    assert list(pruned.removed.columns) == ["slot", "dimension", "value", "rule", "platform", "why", "evidence"]
    assert all(type(value) is int for value in pruned.removed["value"])
    assert nb.prune(pruned.space, staircase(64), dimension="out_channels").removed.empty

"""A space loses what findings say is not worth searching, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import KeepPareto, prune
from tests.pruned import conv, space_of, staircase, swept

METAPRUNING = nb.load_space("metapruning_mobilenet_v1")


# ---------------------------------------------------------------------- the paper's case study


def test_the_paper_s_figure() -> None:
    """Section 5: 30 candidates to 4 in each of 14 layers, at a width of 8: 30^14 to 4^14."""
    slots = [conv(f"conv{i}", tuple(range(3, 33))) for i in range(14)]
    pruned = prune(space_of(*slots), staircase(8), dimension="out_channels")
    assert pruned.original.size == 30**14
    assert pruned.size == 4**14
    assert pruned.reduction == Fraction(30, 4) ** 14
    assert float(pruned.reduction) == pytest.approx(1.78e12, rel=1e-2)
    assert {tuple(left["out_channels"]) for left in pruned.choices().values()} == {(8, 16, 24, 32)}


@pytest.mark.parametrize(("width", "log10"), [(8, 2.7), (16, 4.6), (32, 8.1), (64, 11.9)])
def test_metapruning_s_own_candidates_shrink_by_far_less(width: int, log10: float) -> None:
    """Its steps grow with the layer, so that most candidates of a wide layer lie on a step of their own."""
    pruned = prune(METAPRUNING, staircase(width), dimension="out_channels")
    assert pruned.log10_reduction == pytest.approx(log10, abs=0.06)
    assert pruned.log10_reduction == pytest.approx(math.log10(METAPRUNING.size / pruned.size))


def test_a_slot_keeps_the_best_of_its_own_candidates_not_the_multiples_of_the_width() -> None:
    pruned = prune(space_of(conv(values=(3, 5, 9, 11, 15, 20))), staircase(8), dimension="out_channels")
    assert pruned.choices() == {"conv": {"out_channels": [5, 15, 20]}}


# ---------------------------------------------------------------------- what findings it takes


@pytest.fixture(scope="module")
def measured() -> nb.Results:
    return swept()


def test_it_knows_where_its_findings_were_measured(measured: nb.Results) -> None:
    (environment,) = measured.environments
    assert nb.prune(space_of(conv()), measured).environments == measured.environments
    assert nb.prune(space_of(conv()), measured.step_maps()).environments == {environment: {}}


def test_a_map_from_arrays_needs_a_dimension_or_warns() -> None:
    with pytest.warns(UserWarning, match="give dimension="):
        warned = prune(space_of(conv()), staircase(8))
    assert prune(space_of(conv()), staircase(8), dimension="out_channels").choices() == warned.choices()


# ---------------------------------------------------------------------- several platforms


def test_of_several_platforms_what_is_good_on_all_or_on_any() -> None:
    results = [swept(f"simulated?width={width}&noise=0.001") for width in (8, 12)]
    space = space_of(conv(values=tuple(range(1, 33)), out_channels=32))
    on_all = prune(space, results).choices()["conv"]["out_channels"]
    on_any = prune(space, results, combine="any").choices()["conv"]["out_channels"]
    one, two = (set(prune(space, each).choices()["conv"]["out_channels"]) for each in results)
    assert set(on_all) == one & two
    assert set(on_any) == one | two


def test_a_platform_that_says_nothing_keeps_all_there_is_to_keep_on_any(measured: nb.Results) -> None:
    space, names = space_of(conv()), ["simulated?noise=0.001&width=8", "openvino"]
    kept = prune(space, measured, platforms=names, combine="any")
    assert not kept.removals
    assert kept.left_whole == (("conv", "out_channels", "no finding from openvino speaks of it"),)
    assert prune(space, measured, platforms=names).removals
    both = prune(space, [measured, swept("simulated?width=8", height=14)], combine="any")
    assert not both.removals


def test_a_map_from_arrays_stands_for_every_platform() -> None:
    names = ["tflite", "openvino"]
    pruned = prune(space_of(conv()), staircase(8), platforms=names, dimension="out_channels", combine="any")
    assert pruned.choices()["conv"]["out_channels"] == [8, 16, 24, 32]
    assert {row.platform for row in pruned.removals} == {"tflite"}
    assert pruned.removals[0].evidence.startswith("staircase of width 8 (confidence")


def test_of_two_environments_only_what_holds_in_each_goes(measured: nb.Results) -> None:
    (found,) = measured.step_maps()
    (other,) = swept("simulated?width=12&noise=0.001").step_maps()
    assert found.origin is not None
    moved = replace(other, origin=replace(found.origin, environment="another"))
    alone = prune(space_of(conv()), found).choices()["conv"]["out_channels"]
    for maps in ([found, moved], [moved, found]):
        with pytest.warns(UserWarning, match=r"come from several environments \(.*another\): only what holds in each"):
            pruned = prune(space_of(conv()), maps)
        left = pruned.choices()["conv"]["out_channels"]
        assert left == [8, 12, 16, 24, 32]
        assert set(alone) < set(left)


def test_a_finding_of_another_platform_is_refused(measured: nb.Results) -> None:
    with pytest.raises(InvalidInputError, match=r"findings from simulated\?.*, but pruning for openvino"):
        prune(space_of(conv()), measured, platforms="openvino")


# ---------------------------------------------------------------------- refusals, and what it shows


@pytest.mark.parametrize(
    ("space", "findings", "says"),
    [
        (Space("empty", ()), staircase(8), "expected a Space with slots"),
        (None, staircase(8), "expected a Space with slots"),
        (METAPRUNING, [], "there are none; sweep the space first"),
        (METAPRUNING, "results.db", "expected findings or Results, got str"),
        (METAPRUNING, [3], "nothing can be removed by int"),
        (METAPRUNING, {"map": staircase(8)}, "expected findings or Results, got dict"),
    ],
)
def test_what_cannot_be_used_is_refused(space: Space, findings: object, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        prune(space, findings)


def test_a_frame_is_no_finding(measured: nb.Results) -> None:
    with pytest.raises(InvalidInputError, match="expected findings or Results, got DataFrame"):
        prune(METAPRUNING, measured.frame)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rules": [KeepPareto]}, r"rules: expected rules such as KeepPareto\(tolerance=0.02\), got <class"),
        ({"rules": ["KeepPareto"]}, "rules: expected rules .* got 'KeepPareto'"),
        ({"dimension": "out_chanels"}, "step maps speak of in_channels, out_channels, height, width, not of 'out_ch"),
        ({"dimension": "groups"}, "not of 'groups'"),
    ],
)
def test_arguments_that_are_none_are_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        prune(METAPRUNING, staircase(8), **{"dimension": "out_channels", **arguments})


@pytest.mark.parametrize("threshold", [-0.5, float("nan"), float("inf"), "much", None])
def test_a_threshold_that_is_none_is_refused(threshold: object) -> None:
    with pytest.raises(InvalidInputError, match="tolerance: expected a number of 0 or more, got"):
        KeepPareto(tolerance=threshold)


def test_one_rule_may_stand_alone() -> None:
    rule = KeepPareto(tolerance=0.02)
    one, several = (prune(METAPRUNING, staircase(8), rules=r, dimension="out_channels") for r in (rule, [rule]))
    assert one == several


def test_another_way_to_combine_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'all' or 'any', got 'most'"):
        prune(METAPRUNING, staircase(8), combine="most")


def test_it_shows_what_it_is() -> None:
    pruned = prune(METAPRUNING, staircase(64), dimension="out_channels")
    assert repr(pruned).startswith("PrunedSpace(metapruning_mobilenet_v1: 10^21.42 networks to 10^9.58, 10^11.85 times")
    html = pruned._repr_html_()
    assert "<td>conv1</td>" in html
    assert list(pruned.removed.columns) == ["slot", "dimension", "value", "rule", "platform", "why", "evidence"]
    assert all(type(value) is int for value in pruned.removed["value"])
    assert nb.prune(pruned.space, staircase(64), dimension="out_channels").removed.empty

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nnbehave.analysis.steps import Lost, Origin, StepMap, detect_steps, load_step_map
from nnbehave.errors import InvalidInputError


@pytest.fixture
def stairs() -> StepMap:
    n = range(1, 65)
    return detect_steps(n, [0.5 + -(-k // 16) for k in n])


def test_rounding_goes_to_the_nearest_best_channel(stairs: StepMap) -> None:
    assert [stairs.round_up(n) for n in (1, 16, 17, 64)] == [16, 16, 32, 64]
    assert [stairs.round_down(n) for n in (16, 17, 63, 64)] == [16, 16, 48, 64]


def test_an_n_outside_the_measured_range_is_refused(stairs: StepMap) -> None:
    for ask in (stairs.round_up, stairs.round_down, stairs.latency):
        for n in (0, 65, -1):
            with pytest.raises(ValueError, match=f"{n} is outside the measured range, 1 to 64"):
                ask(n)
    with pytest.raises(ValueError, match="outside the measured range"):
        stairs.best_channels(1, 65)
    with pytest.raises(ValueError, match="nothing at or below 15 is worth keeping; the smallest is 16"):
        stairs.round_down(15)


def test_empty_ranges_and_negative_tolerances_are_refused(stairs: StepMap) -> None:
    with pytest.raises(InvalidInputError, match=r"low \(9\) is above high \(3\)"):
        stairs.best_channels(9, 3)
    with pytest.raises(InvalidInputError, match="tolerance must be 0 or more"):
        stairs.best_channels(tolerance=-0.1)
    with pytest.raises(InvalidInputError, match="no candidates"):
        stairs.best_of([])


def test_the_latency_of_an_n_is_that_of_its_step(stairs: StepMap) -> None:
    assert [stairs.latency(n) for n in (1, 16, 17, 64)] == pytest.approx([1.5, 1.5, 2.5, 4.5])


def test_the_best_among_candidates_need_not_be_the_best_of_all(stairs: StepMap) -> None:
    assert stairs.best_of([3, 7, 15, 20, 31, 40]) == [15, 31, 40]
    assert stairs.best_of([40, 3, 3]) == [3, 40]


def test_a_tolerance_leaves_out_steps_that_are_slightly_faster(stairs: StepMap) -> None:
    assert stairs.best_channels() == [16, 32, 48, 64]
    assert stairs.best_channels(tolerance=0.3) == [16, 32, 64]
    assert stairs.best_channels(tolerance=9.0) == stairs.best_channels(tolerance=float("inf")) == [64]


def test_the_upper_end_of_a_range_is_always_kept(stairs: StepMap) -> None:
    assert stairs.best_channels(1, 37) == [16, 32, 37]
    assert stairs.best_channels(20, 20) == [20]


def test_of_a_falling_curve_only_the_last_n_is_worth_keeping() -> None:
    n = range(1, 65)
    falling = detect_steps(n, [5.0 - -(-k // 16) for k in n])
    assert (falling.kind, falling.width) == ("staircase", 16)
    assert falling.best_channels() == [64]


def test_an_unexplained_curve_is_interpolated() -> None:
    found = detect_steps([2, 4, 8], [1.0, 3.0, 1.0])
    assert found.kind == "unexplained"
    assert [found.latency(n) for n in (2, 3, 4, 6, 8)] == [1.0, 2.0, 3.0, 2.0, 1.0]
    assert found.best_channels() == list(range(2, 9))


def test_a_map_read_back_from_its_file_is_equal(stairs: StepMap, tmp_path: Path) -> None:
    stairs.save(tmp_path / "map.json")
    again = load_step_map(tmp_path / "map.json")
    assert again == stairs
    assert hash(again) == hash(stairs)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a saved step map"),
        ("[]", "not a saved step map"),
        ('{"kind": "flat"}', "not a saved step map"),
        (json.dumps({"format": "nnbehave.step_map", "version": 99}), "version 99; this nnbehave reads"),
        (json.dumps({"format": "nnbehave.step_map", "version": "x"}), "version x; this nnbehave reads"),
        (json.dumps({"format": "nnbehave.step_map", "version": 2}), "not a saved step map"),
        (json.dumps({"format": "nnbehave.step_map", "version": 2, "edges": []}), "not a saved step map"),
        (json.dumps({"format": "other", "version": 2}), "other version 2"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(InvalidInputError, match=says):
        load_step_map(tmp_path / "map.json")
    with pytest.raises(InvalidInputError, match="not a saved step map"):
        load_step_map(tmp_path / "missing.json")


# A staircase as version 1 of the format saved it; the latencies at 12 and 20 are those that its reader gave.
VERSION_1 = {
    "format": "nnbehave.step_map",
    "version": 1,
    "kind": "sloped-staircase",
    "width": 8,
    "phase": 0,
    "edges": [9, 17],
    "levels": [1.53, 2.19, 2.84],
    "slope": 0.02,
    "confidence": 0.99,
    "reason": "",
    "measured": [[n, 1.02 + 0.5 * -(-n // 8) + 0.02 * n] for n in range(1, 25)],
}


def test_a_map_of_version_1_gives_the_latencies_it_gave(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(json.dumps(VERSION_1))
    found = load_step_map(tmp_path / "map.json")
    assert (found.kind, found.width, found.edges) == ("sloped-staircase", 8, (9, 17))
    assert [found.latency(n) for n in (1, 12, 20)] == pytest.approx([1.53, 2.19 + 3 * 0.02, 2.84 + 3 * 0.02])
    assert found.edge_evidence == ("inferred", "inferred")
    assert found.round_down(24) == 24
    low, high = found.latency_interval(20)
    assert low < 2.9 < high
    found.save(tmp_path / "again.json")
    assert load_step_map(tmp_path / "again.json") == found
    assert json.loads((tmp_path / "again.json").read_text())["version"] == 3


def test_an_unexplained_map_of_version_1_is_interpolated(tmp_path: Path) -> None:
    nothing = {"kind": "unexplained", "width": None, "phase": None, "edges": [], "levels": [], "slope": 0.0}
    (tmp_path / "map.json").write_text(json.dumps(VERSION_1 | nothing))
    found = load_step_map(tmp_path / "map.json")
    assert found.kind == "unexplained"
    assert found.latency(20) == pytest.approx(1.02 + 1.5 + 0.4)


@pytest.mark.parametrize("change", [{"levels": [1.5]}, {"slope": "steep"}, {"measured": []}, {"edges": None}])
def test_a_damaged_map_of_version_1_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "map.json").write_text(json.dumps(VERSION_1 | change))
    with pytest.raises(InvalidInputError, match="is not a saved step map"):
        load_step_map(tmp_path / "map.json")


def test_a_map_of_version_2_has_no_origin(stairs: StepMap, tmp_path: Path) -> None:
    stairs.save(tmp_path / "map.json")
    data = json.loads((tmp_path / "map.json").read_text())
    del data["origin"]
    (tmp_path / "map.json").write_text(json.dumps(data | {"version": 2}))
    assert load_step_map(tmp_path / "map.json") == stairs


def test_a_map_of_version_3_keeps_its_origin(stairs: StepMap, tmp_path: Path) -> None:
    lost = (Lost(7, "unsupported", "no kernel"),)
    origin = Origin("tflite", "e1", "whole", "out_channels", {"op": "conv", "height": 28}, lost)
    replace(stairs, origin=origin).save(tmp_path / "map.json")
    assert load_step_map(tmp_path / "map.json").origin == origin


@pytest.mark.parametrize(
    "change",
    [
        {"measured": []},
        {"measured": [[1]]},
        {"measured": "points"},
        {"pieces": []},
        {"pieces": [[1, 2, 3]]},
        {"confidence": "high"},
        {"edges": [1.5]},
        {"origin": {"platform": "p"}},
        {"width": "8"} | {"levels": None},
    ],
)
def test_a_damaged_file_is_refused(stairs: StepMap, tmp_path: Path, change: dict[str, object]) -> None:
    stairs.save(tmp_path / "map.json")
    data = json.loads((tmp_path / "map.json").read_text())
    (tmp_path / "map.json").write_text(json.dumps(data | change))
    with pytest.raises(InvalidInputError, match="is not a saved step map"):
        load_step_map(tmp_path / "map.json")


def test_the_repr_reads_as_a_sentence(stairs: StepMap) -> None:
    text = repr(stairs)
    assert text.startswith("StepMap(staircase of width 16, 64 points from 1 to 64, confidence 1.00")


def test_a_law_extrapolates_when_asked(stairs: StepMap) -> None:
    assert stairs.latency(65, extrapolate=True) == pytest.approx(5.5)
    assert stairs.latency(1000, extrapolate=True) == pytest.approx(0.5 + 63)
    n = range(1, 65)
    line = detect_steps(n, [0.5 + 0.1 * k for k in n])
    assert line.latency(200, extrapolate=True) == pytest.approx(20.5)
    odd = detect_steps([2, 4, 8], [1.0, 3.0, 1.0])
    with pytest.raises(InvalidInputError, match="unexplained says nothing of what follows"):
        odd.latency(9, extrapolate=True)
    with pytest.raises(InvalidInputError, match="outside the measured range"):
        stairs.latency(0, extrapolate=True)


def test_the_interval_holds_the_latency_and_widens_above_the_measured_range(stairs: StepMap) -> None:
    low, high = stairs.latency_interval(20)
    assert low <= stairs.latency(20) <= high
    beyond = stairs.latency_interval(100, extrapolate=True)
    assert beyond[1] - beyond[0] >= high - low
    with pytest.raises(InvalidInputError, match="outside the measured range"):
        stairs.latency_interval(65)
    with pytest.raises(InvalidInputError, match="no law, so no interval"):
        detect_steps([2, 4, 8], [1.0, 3.0, 1.0]).latency_interval(3)


@pytest.mark.parametrize("law", ["zigzag", "falling", "sloped"])
def test_the_best_channels_of_a_part_are_its_own_pareto_set(law: str) -> None:
    n = list(range(1, 130))
    laws = {
        "zigzag": [2.0 + 0.05 * k + 0.1 * ((k - 1) % 8) for k in n],
        "falling": [9.0 - 0.2 * -(-k // 8) for k in n],
        "sloped": [1.0 + 0.3 * -(-k // 8) + 0.02 * k for k in n],
    }
    found = detect_steps(n, laws[law])
    for low, high in [(1, 129), (1, 60), (13, 100), (30, 33), (50, 50)]:
        latency = {k: found.latency(k) for k in range(low, high + 1)}
        pareto = [k for k in latency if all(latency[m] > latency[k] for m in range(k + 1, high + 1))]
        assert found.best_channels(low, high) == pareto == found.best_of(range(low, high + 1))


def test_a_notebook_shows_a_table(stairs: StepMap) -> None:
    html = stairs._repr_html_()
    for part in ("staircase of width 16", "16, 32, 48, 64", "3 observed", "100%"):
        assert part in html
    line = detect_steps(range(1, 65), [0.5 + 0.1 * k for k in range(1, 65)])
    assert "smallest repeated jump" in line._repr_html_()


def test_a_map_draws_itself(stairs: StepMap) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    assert stairs.plot(ax=ax) is ax
    points, law, best = ax.lines
    assert len(points.get_xdata()) == 64
    assert list(best.get_xdata()) == [16, 32, 48, 64]
    assert max(law.get_ydata()) == pytest.approx(4.5)
    assert detect_steps([2, 4, 8], [1.0, 3.0, 1.0]).plot().lines
    plt.close("all")

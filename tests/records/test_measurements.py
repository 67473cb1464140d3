"""The typed record: what passes through a frame and through files comes back, and the questions one asks of records."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.records import (
    COLUMNS,
    Counts,
    Environment,
    Interval,
    Latency,
    Measurement,
    Measurements,
    Point,
    Status,
    Subject,
)
from nnbehave.records.files import VERSION, json_schema
from tests.records.strategies import measurements

FILES = settings(suppress_health_check=list(HealthCheck), max_examples=20, deadline=None)
some = st.lists(measurements(), min_size=1, max_size=4)


def same(left: Measurement, right: Measurement) -> bool:
    """True if two measurements are equal where NaN equals NaN."""
    return repr(left) == repr(right)


@FILES
@given(some)
def test_a_frame_gives_back_the_records(given_: list[Measurement]) -> None:
    frame = Measurements(given_).frame
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == len(given_)
    assert all(map(same, Measurements.from_frame(frame), given_))


@FILES
@given(some)
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_file_gives_back_the_records(tmp_path: Path, suffix: str, given_: list[Measurement]) -> None:
    file = tmp_path / f"saved{suffix}"
    Measurements(given_).save(file)
    for found, one in zip(Measurements.load(file), given_, strict=True):
        assert (found.subject, found.status, found.point, found.execution.kernels) == (
            one.subject,
            one.status,
            one.point,
            one.execution.kernels,
        )
        assert (found.latency is None) == (one.latency is None)
        if found.latency and one.latency:
            assert found.latency.ms == pytest.approx(one.latency.ms, rel=1e-12)
            assert found.latency.interval_ms.low == pytest.approx(one.latency.interval_ms.low, rel=1e-12)


@FILES
@given(measurements())
def test_json_is_exact_and_keeps_environments_and_choices(tmp_path: Path, one: Measurement) -> None:
    point = Point("space", "slot", "kernel")
    environments = {one.environment: Environment({"cpu": "x", "cores": 2}, {"tensorflow": "2.21"})}
    Measurements([one], environments, {point: (1, 3, 5)}).save(tmp_path / "m.json")
    found = Measurements.load(tmp_path / "m.json")
    assert same(found[0], one)
    assert found.environments == environments
    assert found.choices == {point: (1, 3, 5)}


def test_the_json_form_has_a_version_and_a_schema(tmp_path: Path) -> None:
    Measurements().save(tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text())
    assert document["version"] == VERSION
    assert set(document) <= set(json.loads(json_schema())["properties"])
    (tmp_path / "m.json").write_text(json.dumps(document | {"version": VERSION + 1}))
    with pytest.raises(InvalidInputError, match="newer nnbehave"):
        Measurements.load(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.json", "{", "not JSON"),
        ("m.json", '{"measurements": [{}]}', "measurements.0"),
        ("m.csv", "a,b\n1,2\n", "lacks the columns platform"),
        ("m.csv", "", "No columns"),
        ("gone.csv", None, "cannot read"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInputError, match=says) as error:
        Measurements.load(tmp_path / name)
    assert name in str(error.value)


def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"\.csv or \.json"):
        Measurements().save(tmp_path / "m.xlsx")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- choosing


def measured(n: int = 8, **changes: object) -> Measurement:
    layer = nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3)
    latency = Latency(float(n), Interval(n * 0.99, n * 1.01), n * 0.005)
    plain = Measurement(
        Subject.of(nb.Graph([layer])), "tflite", "local", "whole", "here", 1, Status.OK, latency=latency
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@FILES
@given(some, st.sampled_from(["platform", "status", "op", "kernel"]))
def test_select_leaves_those_that_have_the_value_and_no_others(given_: list[Measurement], name: str) -> None:
    every = Measurements(given_)
    value = every.frame[name].iloc[0]
    if value is not None and value == value:  # no NaN
        found = every.select(**{name: value})
        expected = [one for one, has in zip(given_, every.frame[name] == value, strict=True) if has]
        assert list(map(repr, found)) == list(map(repr, expected))


def test_a_text_is_one_value_and_a_list_is_several() -> None:
    every = Measurements([measured(), measured(16, platform="openvino"), measured(24, platform="t")])
    assert [one.platform for one in every.select(platform="tflite")] == ["tflite"]
    assert len(every.select(platform=["tflite", "openvino"])) == 2
    assert len(every.select(status=Status.OK, out_channels=[8, 24])) == 2
    assert [one.platform for one in nb.Results.of(every).of_platforms("tflite")] == ["tflite"]
    with pytest.raises(InvalidInputError, match="no results of 'tf'"):
        nb.Results.of(every).of_platforms("tf")
    with pytest.raises(InvalidInputError, match="select: expected one of .*, got 'colour'"):
        every.select(colour="red")


@pytest.mark.parametrize(
    ("changes", "is_usable"),
    [
        ({}, True),
        ({"status": Status.NOISY}, True),
        ({"status": Status.UNSTABLE}, False),
        ({"latency": None, "status": Status.FAILED}, False),
        ({"counts": Counts({"cycles": 1.0}, ("SOFTMAX",))}, False),
        ({"counts": Counts({"cycles": 1.0})}, True),
        ({"latency": Latency(-0.1, Interval(-0.2, 0.1), 0.05)}, False),
        ({"latency": Latency(1.0, Interval(-math.inf, math.inf), math.inf)}, False),
        ({"latency": Latency(1.0, Interval.unknown(), math.nan)}, True),
    ],
)
def test_one_predicate_tells_a_latency_to_go_by(changes: dict[str, object], is_usable: bool) -> None:
    one = measured(**changes)
    assert one.is_usable == is_usable
    assert (one.usable is not None) == is_usable
    assert len(Measurements([one]).usable()) == is_usable


def test_a_curve_is_of_one_sweep_platform_environment_and_method() -> None:
    point = Point("space", "slot", "out_channels")
    some = [measured(n, point=point) for n in (8, 16)]
    some += [measured(8, point=point, environment="there", session=2), measured(8, point=None)]
    some += [measured(8, point=Point("space", "fixed", None))]
    first, second = Measurements(some, choices={point: (8, 16, 24)}).curves()
    assert (first.values, first.choices, first.newest_session) == ((8, 16), (8, 16, 24), 1)
    assert (second.environment, second.newest_session) == ("there", 2)


def test_the_newest_of_three_environments_is_the_one_measured_last() -> None:
    """Of a curve measured in A, then B, then A again, the newest is A."""
    point = Point("space", "slot", "out_channels")
    some = [
        measured(n, point=point, environment=where, session=session)
        for session, where in [(1, "A"), (2, "B"), (3, "A")]
        for n in range(8 * session, 8 * session + 8)
    ]
    found = nb.Results(some).step_map()
    assert found.origin is not None
    assert found.origin.environment == "A"

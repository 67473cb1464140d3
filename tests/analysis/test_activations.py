"""The cost of activations, found from measurements whose truth is known."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis.activations import Activations, rank_activations
from nnbehave.errors import InvalidInputError
from nnbehave.records import Latency, Measurement, Measurements
from tests.rows import frame_of, lost, row, scaled

DWCONV = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
TRUTH = {"relu": 1.0, "hardswish": 1.1, "swish": 2.0}


def rows(
    base: nb.Layer = DWCONV, costs: dict[str, float] = TRUTH, error: float = 0.005, **changes: Any
) -> list[Measurement]:
    """The layer takes 0.2 ms; with an activation it takes that many times ``costs``."""
    times = {None: 1.0, **costs}
    return [row(base.replace(activation=name), 0.2 * cost, error, **changes) for name, cost in times.items()]


def changed(
    some: list[Measurement], activation: str | None, change: Callable[[Measurement], Measurement]
) -> list[Measurement]:
    return [change(one) if one.subject.layers[0].activation == activation else one for one in some]


def ranked(some: list[Measurement], tolerance: float = 0.1) -> Activations:
    return rank_activations(Measurements(some), tolerance)


def latency_of(one: Measurement) -> Latency:
    assert one.latency is not None
    return one.latency


def without_references(one: Measurement) -> Measurement:
    return replace(one, latency=replace(latency_of(one), relative=np.nan))


def test_activations_are_ranked_and_judged() -> None:
    found = ranked(rows()).frame
    assert found["activation"].tolist() == ["relu", "hardswish", "swish"]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["verdict"].tolist() == ["keep", "cannot tell", "drop"]
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    assert found["ratio_high"][0] == pytest.approx(np.exp(1.96 * 0.005 * 2**0.5))
    assert (found["ratio_low"] < found["ratio"]).all()
    assert set(found["layer"]) == {"dwconv h28 cin96 cout96 k3"}


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.0, "drop"), (0.1, "cannot tell"), (0.2, "keep")])
def test_the_caller_sets_the_tolerance(tolerance: float, verdict: str) -> None:
    found = ranked(rows(costs={"hardswish": 1.1}), tolerance)
    assert (found.frame["verdict"].item(), found.tolerance) == (verdict, tolerance)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_an_impossible_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(InvalidInputError, match="tolerance: expected a share of 0 or more, got"):
        ranked(rows(), tolerance)


def test_a_noisy_ratio_gives_no_verdict() -> None:
    assert ranked(rows(costs={"relu": 1.0}, error=0.1)).frame["verdict"].item() == "cannot tell"


def test_several_layers_have_a_row_each_and_a_summary() -> None:
    other = rows(DWCONV.replace(height=14), {"relu": 1.02, "hardswish": 1.5, "swish": 3.0})
    found = ranked([*rows(), *other])
    assert found.frame.groupby("layer").size().tolist() == [3, 3]
    assert repr(found).splitlines() == [
        "some: 2 layers, each with and without an activation",
        "  relu: keep: 1x to 1.02x of the time without",
        "  hardswish: cannot tell in 1, drop in 1: 1.1x to 1.5x of the time without",
        "  swish: drop: 2x to 3x of the time without",
    ]


def test_an_activation_without_a_latency_has_a_reason() -> None:
    found = ranked(changed(rows(), "relu", lost))
    one = found.frame.iloc[-1]
    assert (one["activation"], one["verdict"], one["reason"]) == ("relu", "cannot tell", "no kernel")
    assert np.isnan(one["ratio"])
    assert one["rank"] is pd.NA
    assert "relu: cannot tell; no kernel" in repr(found)


def test_without_the_layer_itself_nothing_is_judged() -> None:
    for some, why in ((changed(rows(), None, lost), "no kernel"), (rows()[1:], "not measured")):
        found = ranked(some).frame
        assert set(found["verdict"]) == {"cannot tell"}
        assert set(found["reason"]) == {f"without an activation: {why}"}
        assert found["ratio"].isna().all()


def test_platforms_methods_and_shapes_are_never_mixed() -> None:
    groups = [rows(), rows(platform="other"), rows(method="stacked"), rows(DWCONV.replace(height=14))]
    found = ranked([scaled(one, 1 + i) for i, group in enumerate(groups) for one in group]).frame
    assert len(found) == 12
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()) * 4)


def test_sessions_are_compared_by_their_references() -> None:
    some = changed(rows(), "swish", lambda one: scaled(one, 1.5, session=2))  # the machine was slow, references too
    assert ranked(some).frame["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    found = ranked([without_references(one) for one in some]).frame
    assert found["verdict"].tolist() == ["keep", "cannot tell", "cannot tell"]
    assert found["reason"].tolist()[-1] == "of another session, without references to compare it by"


def test_unknown_errors_give_no_verdict() -> None:
    found = ranked(rows(error=np.nan)).frame
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    assert set(found["verdict"]) == {"cannot tell"}


PAIR = nb.Graph([DWCONV, nb.Layer(op="relu", height=28, in_channels=96)], "pair")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (Measurements(rows()[:1]), "no activations to compare"),
        (Measurements([row(PAIR, 1.0)]), "no activations to compare"),
        (Measurements(), "no activations to compare"),
        (frame_of(rows()).drop(columns=["layers", "status"]), "lacks the columns layers, status"),
        ([1, 2], "expected Results or their frame, got list"),
    ],
)
def test_an_input_without_activations_is_refused(results: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        rank_activations(results)


def test_records_their_frame_and_a_file_of_it_give_the_same() -> None:
    table = frame_of(rows())
    read = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    expected = ranked(rows()).frame
    pd.testing.assert_frame_equal(rank_activations(table).frame, expected)
    pd.testing.assert_frame_equal(rank_activations(read).frame, expected)


def test_it_is_drawn_in_the_order_of_the_ratios() -> None:
    axes = ranked(changed(rows(), "relu", lost)).plot()
    assert axes.get_xlabel() == "latency over that without"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["hardswish", "swish"]
    assert ranked(changed(rows(), None, lost)).plot(axes) is axes


costs = st.dictionaries(st.sampled_from(["relu", "relu6", "swish", "gelu"]), st.floats(0.5, 20), min_size=1)


@settings(max_examples=30)
@given(costs, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_neither_the_unit_nor_the_order_changes_a_ratio(costs: dict[str, float], factor: float, random: Random) -> None:
    some = rows(costs=costs)
    other = [scaled(one, factor) for one in some]
    random.shuffle(other)
    columns = ["activation", "ratio", "ratio_low", "ratio_high"]
    one, two = (ranked(each).frame[columns].sort_values("activation", ignore_index=True) for each in (some, other))
    pd.testing.assert_frame_equal(one, two)


def test_intervals_hold_the_truth_and_verdicts_are_right() -> None:
    """Two hundred layers at 1 % error: an activation that is free, one at the tolerance and one that is dear."""
    rng = np.random.default_rng(2)
    noisy = [
        scaled(one, 1 + 0.01 * rng.standard_normal())
        for channels in range(1, 201)
        for one in rows(DWCONV.replace(in_channels=channels), error=0.01)
    ]
    found = ranked(noisy).frame
    truth = found["activation"].map(TRUTH)
    assert np.mean((found["ratio_low"] <= truth) & (truth <= found["ratio_high"])) >= 0.93
    verdicts = found.groupby("activation")["verdict"].value_counts(normalize=True)
    assert verdicts["relu", "keep"] > 0.98
    assert verdicts["swish", "drop"] == 1
    assert verdicts["hardswish", "cannot tell"] > 0.9


@pytest.mark.process
def test_planted_costs_are_found() -> None:
    """The simulated platform takes no time for an activation inside a layer."""
    layers = [DWCONV.replace(activation=name) for name in (None, "relu", "swish")]
    results = nb.measure(layers, platforms=["simulated?law=roofline&noise=0.01"], progress=False)
    found = rank_activations(results)
    assert found.frame["verdict"].tolist() == ["keep", "keep"]

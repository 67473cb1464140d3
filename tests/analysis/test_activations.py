"""What activations cost: from frames whose truth is known."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis.activations import Activations, rank_activations
from nnbehave.errors import InvalidInputError
from tests.rows import row

DWCONV = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
TRUTH = {"relu": 1.0, "hardswish": 1.1, "swish": 2.0}


def frame(
    base: nb.Layer = DWCONV, costs: dict[str, float] = TRUTH, error: float = 0.005, **changes: Any
) -> pd.DataFrame:
    """The layer takes 0.2 ms, and with an activation as many times that as ``costs`` says."""
    times = {None: 1.0, **costs}
    return pd.DataFrame(
        [row(base.replace(activation=name), 0.2 * cost, error, **changes) for name, cost in times.items()]
    )


def lose(rows: pd.DataFrame, activation: str | None) -> pd.DataFrame:
    of_it = rows["activation"].isna() if activation is None else rows["activation"] == activation
    lost = [np.nan, np.nan, "unsupported", "no such kernel"]
    rows.loc[of_it, ["latency_ms", "std_error_ms", "status", "reason"]] = lost
    return rows


def test_they_are_ranked_and_judged() -> None:
    found = rank_activations(frame()).frame
    assert found["activation"].tolist() == ["relu", "hardswish", "swish"]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["verdict"].tolist() == ["keep", "cannot tell", "drop"]
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    assert found["ratio_high"][0] == pytest.approx(np.exp(1.96 * 0.005 * 2**0.5))
    assert (found["ratio_low"] < found["ratio"]).all()
    assert set(found["layer"]) == {"dwconv h28 cin96 cout96 k3"}


@pytest.mark.parametrize(("tolerance", "says"), [(0.0, "drop"), (0.1, "cannot tell"), (0.2, "keep")])
def test_the_tolerance_is_the_callers(tolerance: float, says: str) -> None:
    found = rank_activations(frame(costs={"hardswish": 1.1}), tolerance)
    assert (found.frame["verdict"].item(), found.tolerance) == (says, tolerance)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    with pytest.raises(InvalidInputError, match="tolerance"):
        rank_activations(frame(), tolerance)


def test_a_noisy_one_cannot_be_told() -> None:
    assert rank_activations(frame(costs={"relu": 1.0}, error=0.1)).frame["verdict"].item() == "cannot tell"


def test_several_layers_have_a_row_each_and_a_summary() -> None:
    other = DWCONV.replace(height=14)
    found = rank_activations(pd.concat([frame(), frame(other, {"relu": 1.02, "hardswish": 1.5, "swish": 3.0})]))
    assert found.frame.groupby("layer").size().tolist() == [3, 3]
    assert repr(found).splitlines() == [
        "some: 2 layers, each with and without an activation",
        "  relu: keep: 1x to 1.02x of the time without",
        "  hardswish: cannot tell in 1, drop in 1: 1.1x to 1.5x of the time without",
        "  swish: drop: 2x to 3x of the time without",
    ]


def test_what_has_no_latency_cannot_be_told() -> None:
    found = rank_activations(lose(frame(), "relu"))
    one = found.frame.iloc[-1]
    assert (one["activation"], one["verdict"], one["reason"]) == ("relu", "cannot tell", "no such kernel")
    assert np.isnan(one["ratio"])
    assert one["rank"] is pd.NA
    assert "relu: cannot tell; no such kernel" in repr(found)


def test_without_the_layer_itself_nothing_can_be_told() -> None:
    for rows, why in ((lose(frame(), None), "no such kernel"), (frame()[1:], "not measured")):
        found = rank_activations(rows).frame
        assert set(found["verdict"]) == {"cannot tell"}
        assert set(found["reason"]) == {f"without an activation: {why}"}
        assert found["ratio"].isna().all()


def test_platforms_methods_and_shapes_are_never_mixed() -> None:
    rows = [frame(), frame(platform="other"), frame(method="stacked"), frame(DWCONV.replace(height=14))]
    rows = [part.assign(latency_ms=part["latency_ms"] * (1 + i)) for i, part in enumerate(rows)]
    found = rank_activations(pd.concat(rows)).frame
    assert len(found) == 12
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()) * 4)


def test_what_was_measured_in_several_sessions_is_compared_by_references() -> None:
    rows = frame()
    other = rows["activation"] == "swish"
    rows.loc[other, ["latency_ms", "std_error_ms"]] *= 1.5  # the machine was slow, the references too
    rows.loc[other, "session"] = 2
    found = rank_activations(rows).frame
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    found = rank_activations(rows.assign(relative_latency=np.nan)).frame
    assert found["verdict"].tolist() == ["keep", "cannot tell", "cannot tell"]
    assert found["reason"].tolist()[-1] == "of another session, without references to compare it by"


def test_unknown_errors_give_no_verdict() -> None:
    found = rank_activations(frame().assign(std_error_ms=np.nan)).frame
    assert found["ratio"].tolist() == pytest.approx(list(TRUTH.values()))
    assert set(found["verdict"]) == {"cannot tell"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (frame()[:1], "no activations to compare"),
        (frame(arrangement="pair"), "no activations to compare"),
        (frame().drop(columns=["activation"]), "lacks the columns activation"),
        ([1, 2], "expected a Results or its frame, got list"),
    ],
)
def test_nothing_to_judge_is_said(rows: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        rank_activations(rows)


def test_results_read_from_a_file_give_the_same() -> None:
    read = pd.read_csv(io.StringIO(frame().to_csv(index=False)))
    pd.testing.assert_frame_equal(rank_activations(read).frame, rank_activations(frame()).frame)


def test_it_can_be_drawn() -> None:
    axes = rank_activations(lose(frame(), "relu")).plot()
    assert axes.get_xlabel() == "latency over that without"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["hardswish", "swish"]
    assert rank_activations(lose(frame(), None)).plot(axes) is axes


costs = st.dictionaries(st.sampled_from(["relu", "relu6", "swish", "gelu"]), st.floats(0.5, 20), min_size=1)


@settings(max_examples=30, deadline=None)
@given(costs, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_neither_the_unit_nor_the_order_of_rows_matters(costs: dict[str, float], factor: float, random: Any) -> None:
    rows = frame(costs=costs)
    order = list(range(len(rows)))
    random.shuffle(order)
    scaled = rows.assign(latency_ms=rows["latency_ms"] * factor, std_error_ms=rows["std_error_ms"] * factor)
    judged = ["activation", "ratio", "ratio_low", "ratio_high"]
    one, other = rank_activations(rows).frame, rank_activations(scaled.iloc[order]).frame
    one, other = (found[judged].sort_values("activation", ignore_index=True) for found in (one, other))
    pd.testing.assert_frame_equal(one, other)


def test_intervals_hold_the_truth_and_verdicts_are_right() -> None:
    """Two hundred layers at 1 % error, an activation that is free, one at the tolerance and one that is dear."""
    rng = np.random.default_rng(2)
    layers = [frame(error=0.01, dilation=i) for i in range(200)]
    rows = pd.concat(layers, ignore_index=True)
    rows["latency_ms"] *= 1 + 0.01 * rng.standard_normal(len(rows))
    found = rank_activations(rows).frame
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
    assert isinstance(found, Activations)
    assert found.frame["verdict"].tolist() == ["keep", "keep"]

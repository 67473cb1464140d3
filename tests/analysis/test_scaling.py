"""Exponents and ratios: from frames whose truth is known."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis.scaling import fit_scaling
from nnbehave.errors import InvalidInputError
from tests.rows import row

CONV = nb.Layer(op="conv", height=56, in_channels=32, out_channels=32, kernel=1)
DWCONV = nb.Layer(op="dwconv", height=56, in_channels=32, kernel=3)
KERNELS = (1, 3, 5, 7)


def sweep(
    exponent: float = 1.5,
    base: nb.Layer = CONV,
    dimension: str = "kernel",
    values: Iterable[int] = KERNELS,
    error: float = 0.001,
    **changes: Any,
) -> pd.DataFrame:
    """Latency is the value to the power of the exponent, in ms."""
    layers = [base.replace(**{dimension: value}) for value in values]
    return pd.DataFrame(
        [row(layer, value**exponent, error, **changes) for layer, value in zip(layers, values, strict=True)]
    )


def lose(rows: pd.DataFrame, kernels: Iterable[int], status: str = "unsupported", reason: Any = "no kernel") -> None:
    lost = [np.nan, np.nan, status, reason]
    rows.loc[rows["kernel"].isin(kernels), ["latency_ms", "std_error_ms", "status", "reason"]] = lost


def only(rows: pd.DataFrame) -> dict[str, Any]:
    (found,) = fit_scaling(rows).frame.to_dict("records")
    return found


def by_name(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(list(found.columns[:7]) + [c for c in ("value",) if c in found]).reset_index(drop=True)


def test_exponents_of_latency_operations_and_memory_accesses() -> None:
    found = only(sweep(1.5))
    assert (found["layer"], found["op"], found["dimension"]) == ("conv h56 cin32 cout32", "conv", "kernel")
    assert (found["values"], found["smallest"], found["largest"]) == (4, 1, 7)
    assert found["exponent"] == pytest.approx(1.5)
    assert found["exponent_low"] < 1.5 < found["exponent_high"]
    assert found["exponent_high"] - found["exponent_low"] < 0.01
    assert (found["ops_exponent"], found["against_ops"]) == (pytest.approx(2.0), pytest.approx(0.75))
    assert 0 < found["mac_exponent"] < 0.3
    assert (found["misfit"], found["reason"]) == (0, "")


def test_each_value_beside_its_operations() -> None:
    rows = sweep(0.0, DWCONV, values=(3, 5))
    rows["latency_ms"] = [1.0, 1.3]  # and errors of a µs
    points = fit_scaling(rows).points
    assert points["value"].tolist() == [3, 5]
    assert points["ratio"].tolist() == pytest.approx([1.0, 1.3])
    assert points["ops_ratio"].tolist() == pytest.approx([1, 25 / 9])
    assert points["mac_ratio"].tolist() == pytest.approx([1, 1.0025], abs=1e-4)
    assert (points.loc[0, "ratio_low"], points.loc[0, "ratio_high"]) == (1, 1)
    assert points.loc[1, "ratio_low"] == pytest.approx(1.3 * (1 - 1.96 * 0.001 * np.hypot(1, 1 / 1.3)), rel=1e-4)
    assert points["words"].tolist() == ["", "kernel 5 costs 1.3x of kernel 3 here, not the 2.78x of its operations"]
    same = fit_scaling(rows.assign(latency_ms=[1.0, 2.78])).points
    assert same.loc[1, "words"] == "kernel 5 costs 2.78x of kernel 3 here, the 2.78x of its operations"


def test_a_misfit_widens_the_interval() -> None:
    straight, bent = sweep(1.5), sweep(1.5)
    bent["latency_ms"] *= [1, 1.1, 0.9, 1]
    found, other = only(bent), only(straight)
    assert found["misfit"] > 0.05
    assert found["exponent_high"] - found["exponent_low"] > 20 * (other["exponent_high"] - other["exponent_low"])
    assert found["exponent_low"] < 1.5 < found["exponent_high"]


def test_two_values_have_an_exponent_and_no_misfit_to_know_of() -> None:
    found = only(sweep(-1.8, CONV.replace(kernel=3), "stride", (1, 2)))
    assert found["exponent"] == pytest.approx(-1.8)
    assert found["exponent_high"] - found["exponent_low"] == pytest.approx(2 * 1.96 * 0.001 * 2**0.5 / np.log(2))
    assert np.isnan(found["misfit"])
    assert found["ops_exponent"] == pytest.approx(-2)


@pytest.mark.parametrize(
    ("base", "dimension", "values", "layer", "ops_exponent"),
    [
        (CONV, "height", (7, 14, 28), "conv cin32 cout32", 2),
        (CONV.replace(width=28), "batch", (1, 2, 4), "conv h56 w28 cin32 cout32", 1),
        (CONV, "in_channels", (8, 16, 32), "conv h56 cout32", 1),
        (CONV, "out_channels", (8, 16, 32), "conv h56 cin32", 1),
        (DWCONV, "in_channels", (8, 16, 32), "dwconv h56 k3", 1),
        (DWCONV.replace(bias=False), "batch", (1, 2), "dwconv h56 cin32 cout32 k3 bias=False", 1),
        (CONV.replace(activation="relu"), "batch", (1, 2), "conv h56 cin32 cout32 activation=relu", 1),
    ],
)
def test_sweeps_are_found_from_the_layers(
    base: nb.Layer, dimension: str, values: tuple[int, ...], layer: str, ops_exponent: int
) -> None:
    found = only(sweep(1.0, base, dimension, values))
    assert (found["dimension"], found["layer"]) == (dimension, layer)
    assert found["ops_exponent"] == pytest.approx(ops_exponent)
    assert found["exponent"] == pytest.approx(1.0)


def test_the_width_stays_or_keeps_its_ratio() -> None:
    wide = nb.Layer(op="conv", height=4, width=12, in_channels=8, out_channels=8, kernel=1)
    fixed = sweep(1.0, wide, "height", (4, 8, 16))
    both = pd.DataFrame([row(wide.replace(height=h, width=3 * h), float(h**2)) for h in (4, 8, 16)])
    found = fit_scaling(pd.concat([fixed, both]).drop_duplicates(["height", "width"])).frame
    assert found["layer"].tolist() == ["conv cin8 cout8 width=3·height", "conv w12 cin8 cout8"]
    assert found["ops_exponent"].tolist() == pytest.approx([2, 1])


def test_channels_that_vary_together_are_one_sweep_and_apart_two() -> None:
    rows = [row(CONV.replace(in_channels=c, out_channels=c), float(c)) for c in (8, 16, 32)]
    assert fit_scaling(pd.DataFrame(rows)).frame["dimension"].tolist() == ["in_channels"]
    rows = [row(CONV.replace(in_channels=c, out_channels=64), float(c)) for c in (8, 16, 32)]
    rows += [row(CONV.replace(in_channels=8, out_channels=c), float(c)) for c in (8, 16, 32)]
    assert fit_scaling(pd.DataFrame(rows)).frame["dimension"].tolist() == ["in_channels", "out_channels"]


def test_all_sweeps_around_a_layer_share_it() -> None:
    base = CONV.replace(kernel=3)
    rows = [
        row(base.replace(**{dimension: value}), 1.0)
        for dimension, values in {"kernel": (1, 3, 5), "height": (28, 56), "batch": (1, 2), "stride": (1, 2)}.items()
        for value in values
    ]
    found = fit_scaling(pd.DataFrame(rows))
    assert found.frame["dimension"].tolist() == ["kernel", "height", "stride", "batch"]
    assert found.frame["exponent"].tolist() == pytest.approx([0] * 4)
    assert found.points.groupby("dimension", sort=False)["value"].max().tolist() == [5, 56, 2, 2]


@pytest.mark.parametrize("column", ["platform", "environment", "method", "precision", "activation", "padding"])
def test_what_differs_is_never_mixed(column: str) -> None:
    other = {"precision": "int8", "activation": "relu", "padding": "valid"}.get(column, "other")
    found = fit_scaling(pd.concat([sweep(1.0), sweep(2.0, **{column: other})])).frame
    assert found["exponent"].tolist() == pytest.approx([1.0, 2.0])


def test_what_was_measured_in_several_sessions_is_compared_by_references() -> None:
    rows = sweep(1.5)
    other = rows["kernel"] == 5
    rows.loc[other, ["latency_ms", "std_error_ms"]] *= 1.5  # the machine was slow, the references too
    rows.loc[other, "session"] = 2
    rows["relative_low"], rows["relative_high"] = rows["relative_latency"] * 0.9, rows["relative_latency"] * 1.1
    found = only(rows)
    assert found["exponent"] == pytest.approx(1.5)
    assert found["exponent_high"] - found["exponent_low"] > 0.1
    rows.loc[other, "relative_latency"] = np.nan
    found = only(rows)
    assert (found["values"], found["exponent"]) == (3, pytest.approx(1.5))
    assert found["reason"] == "kernel 5: of another session, without references to compare it by"


def test_of_values_known_twice_the_session_that_knows_most_is_taken() -> None:
    again = sweep(1.5, values=(1, 7), error=0.0001, session=2)
    again["latency_ms"] *= 1.3
    found = only(pd.concat([again, sweep(1.5)]))
    assert (found["exponent"], found["misfit"]) == (pytest.approx(1.5), 0)


def test_what_has_no_latency_is_left_out_and_said() -> None:
    rows = sweep(1.5)
    lose(rows, [3])
    lose(rows, [1], "unstable", np.nan)
    found = fit_scaling(rows)
    (one,) = found.frame.to_dict("records")
    assert (one["values"], one["smallest"], one["exponent"]) == (2, 5, pytest.approx(1.5))
    assert set(one["reason"].split("; ")) == {"kernel 3: no kernel", "kernel 1: unstable, no latency"}
    assert found.points["ratio"].tolist() == pytest.approx([np.nan, np.nan, 1, 1.4**1.5], nan_ok=True)
    assert found.points["reason"].tolist() == ["unstable, no latency", "no kernel", "", ""]


@pytest.mark.parametrize("left", [(), (1,)])
def test_fewer_than_two_latencies_give_no_number(left: tuple[int, ...]) -> None:
    rows = sweep(1.5)
    lose(rows, set(KERNELS) - set(left))
    found = fit_scaling(rows)
    (one,) = found.frame.to_dict("records")
    assert np.isnan([one["exponent"], one["ops_exponent"], one["against_ops"], one["smallest"]]).all()
    assert one["reason"].startswith("fewer than two values have a latency; kernel ")
    assert "kernel cannot be judged: fewer than two values" in repr(found)
    assert found.points["ratio"].notna().sum() == len(left)
    found.plot()


def test_errors_that_are_not_known_give_an_interval_by_the_misfit_alone() -> None:
    rows = sweep(1.5).assign(std_error_ms=np.nan)
    rows["latency_ms"] *= [1, 1.02, 0.98, 1]
    found = fit_scaling(rows)
    assert 0.01 < found.frame["exponent_high"].item() - found.frame["exponent"].item() < 0.2
    assert found.points["ratio_low"].tolist() == pytest.approx([1, np.nan, np.nan, np.nan], nan_ok=True)
    assert found.frame["words"].item() == "kernel 7 costs 18.5x of kernel 1 here"
    two = only(rows[:2])
    assert np.isnan([two["exponent_low"], two["exponent_high"]]).all()


def test_what_computes_nothing_has_no_exponent_of_operations() -> None:
    found = fit_scaling(sweep(1.0).assign(ops=0))
    (one,) = found.frame.to_dict("records")
    assert one["exponent"] == pytest.approx(1)
    assert np.isnan([one["ops_exponent"], one["against_ops"], one["against_ops_low"]]).all()
    assert "operations" not in repr(found)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (sweep(values=(3,)), "no sweeps among these results"),
        (sweep(arrangement="chain"), "no sweeps among these results"),
        (sweep()[:0], "no sweeps among these results"),
        (sweep().drop(columns=["kernel", "mac"]), "lacks the columns kernel, mac"),
        ([1, 2], "expected a Results or its frame, got list"),
    ],
)
def test_nothing_to_judge_is_said(rows: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        fit_scaling(rows)


def test_results_read_from_a_file_give_the_same() -> None:
    rows = sweep(1.5, expansion=None)
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)))
    pd.testing.assert_frame_equal(fit_scaling(read).frame, fit_scaling(rows).frame)


def test_it_can_be_read_aloud_and_drawn() -> None:
    found = fit_scaling(pd.concat([sweep(1.5), sweep(1.0, DWCONV, "batch", (1, 2, 4))]))
    assert repr(found).splitlines()[0] == (
        "some, conv h56 cin32 cout32: kernel 7 costs 18.5x of kernel 1 here, not the 49x of its operations; "
        "latency goes as kernel^1.50 (1.50 to 1.50), operations as ^2.00, memory accesses as ^0.10"
    )
    assert found.plot().get_xlabel() == "value over the smallest"
    assert len(found.plot().get_legend().get_texts()) == 2
    assert fit_scaling(sweep()).plot().get_xlabel() == "kernel"


noisy = st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=4)


@settings(max_examples=30, deadline=None)
@given(noisy, st.floats(1e-3, 1e3), st.floats(0.0, 0.05))
def test_the_unit_changes_no_exponent_and_no_ratio(noise: list[float], factor: float, error: float) -> None:
    rows = sweep(1.5, error=error)
    rows["latency_ms"] *= np.exp(noise)
    scaled = rows.assign(latency_ms=rows["latency_ms"] * factor, std_error_ms=rows["std_error_ms"] * factor)
    one, other = fit_scaling(rows), fit_scaling(scaled)
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-4, atol=1e-6)
    judged = ["value", "ratio", "ratio_low", "ratio_high", "words"]
    pd.testing.assert_frame_equal(one.points[judged], other.points[judged])


@settings(max_examples=20, deadline=None)
@given(noisy, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(noise: list[float], random: Any) -> None:
    sweeps = [sweep(1.5), sweep(1.5, DWCONV), sweep(1.0, CONV, "batch"), sweep(1.4, session=2)]
    rows = pd.concat(sweeps, ignore_index=True)
    rows["latency_ms"] *= np.exp(np.resize(noise, len(rows)))
    order = list(range(len(rows)))
    random.shuffle(order)
    one, other = fit_scaling(rows), fit_scaling(rows.iloc[order])
    pd.testing.assert_frame_equal(by_name(one.frame), by_name(other.frame))
    pd.testing.assert_frame_equal(by_name(one.points), by_name(other.points))


@pytest.mark.parametrize(
    ("values", "misfit", "close"),
    [((1, 2, 4, 8), 0.0, 0.99), ((1, 3, 5, 7), 0.0, 0.99), ((7, 14, 28, 56, 112), 0.03, 0.98)],
)
def test_intervals_hold_the_truth(values: tuple[int, ...], misfit: float, close: float) -> None:
    """Three hundred sweeps at 2 % noise, of latencies that follow a power law, or leave it at random."""
    rng = np.random.default_rng(5)
    planted = rng.uniform(0, 2, 300)
    rows = pd.concat([sweep(1.0, DWCONV, "batch", values)] * 300, ignore_index=True)
    rows["dilation"] = np.repeat(np.arange(300), len(values))  # which nothing is swept over
    exact = rows["batch"] ** np.repeat(planted, len(values)) * np.exp(misfit * rng.standard_normal(len(rows)))
    rows["latency_ms"] = exact * (1 + 0.02 * rng.standard_normal(len(rows)))
    rows["std_error_ms"] = 0.02 * exact
    found = fit_scaling(rows).frame
    assert len(found) == 300
    assert np.mean((found["exponent_low"] <= planted) & (planted <= found["exponent_high"])) >= 0.93
    assert np.mean(np.abs(found["exponent"] - planted) < 0.05) >= close

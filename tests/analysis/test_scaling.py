"""Exponents and ratios, from measurements whose truth is known."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements
from tests.rows import frame_of, lost, row, scaled

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
) -> list[Measurement]:
    """Latency is the value to the power of the exponent, in ms."""
    return [row(base.replace(**{dimension: value}), float(value) ** exponent, error, **changes) for value in values]


def times(rows: Sequence[Measurement], factors: Iterable[float]) -> list[Measurement]:
    return [scaled(one, factor) for one, factor in zip(rows, factors, strict=True)]


def without(rows: Iterable[Measurement], kernels: Iterable[int], **why: Any) -> list[Measurement]:
    return [lost(one, **why) if one.subject.layers[0].kernel in kernels else one for one in rows]


def fitted(rows: Iterable[Measurement]) -> Scaling:
    return fit_scaling(Measurements(rows))


def only(rows: Iterable[Measurement]) -> dict[Any, Any]:
    (found,) = fitted(rows).frame.to_dict("records")
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


def test_each_value_stands_beside_its_operations() -> None:
    three, five = (DWCONV.replace(kernel=kernel) for kernel in (3, 5))
    points = fitted([row(three, 1.0, 0.001), row(five, 1.3, 0.001)]).points
    assert points["value"].tolist() == [3, 5]
    assert points["ratio"].tolist() == pytest.approx([1.0, 1.3])
    assert points["ops_ratio"].tolist() == pytest.approx([1, 25 / 9])
    assert points["mac_ratio"].tolist() == pytest.approx([1, 1.0025], abs=1e-4)
    assert (points.loc[0, "ratio_low"], points.loc[0, "ratio_high"]) == (1, 1)
    assert points.loc[1, "ratio_low"] == pytest.approx(1.3 * np.exp(-1.96 * 0.001 * 2**0.5))
    assert points["words"].tolist() == ["", "kernel 5 costs 1.3x of kernel 3 here, not the 2.78x of its operations"]
    same = fitted([row(three, 1.0, 0.001), row(five, 2.78, 0.001)]).points
    assert same.loc[1, "words"] == "kernel 5 costs 2.78x of kernel 3 here, the 2.78x of its operations"


def test_a_misfit_widens_the_interval() -> None:
    straight, bent = only(sweep(1.5)), only(times(sweep(1.5), [1, 1.1, 0.9, 1]))
    assert bent["misfit"] > 0.05
    assert bent["exponent_high"] - bent["exponent_low"] > 20 * (straight["exponent_high"] - straight["exponent_low"])
    assert bent["exponent_low"] < 1.5 < bent["exponent_high"]


def test_two_values_have_an_exponent_and_no_known_misfit() -> None:
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
    both = [row(wide.replace(height=h, width=3 * h), float(h**2)) for h in (8, 16)]
    found = fitted([*fixed, *both]).frame
    assert found["layer"].tolist() == ["conv cin8 cout8 width=3·height", "conv w12 cin8 cout8"]
    assert found["ops_exponent"].tolist() == pytest.approx([2, 1])


def test_channels_that_vary_together_are_one_sweep_and_apart_two() -> None:
    together = [row(CONV.replace(in_channels=c, out_channels=c), float(c)) for c in (8, 16, 32)]
    assert fitted(together).frame["dimension"].tolist() == ["in_channels"]
    apart = [row(CONV.replace(in_channels=c, out_channels=64), float(c)) for c in (8, 16, 32)]
    apart += [row(CONV.replace(in_channels=8, out_channels=c), float(c)) for c in (8, 16, 32)]
    assert fitted(apart).frame["dimension"].tolist() == ["in_channels", "out_channels"]


def test_all_sweeps_around_a_layer_share_it() -> None:
    base = CONV.replace(kernel=3)
    rows = [
        row(base.replace(**{dimension: value}), 1.0)
        for dimension, values in {"kernel": (1, 3, 5), "height": (28, 56), "batch": (1, 2), "stride": (1, 2)}.items()
        for value in values
    ]
    found = fitted(rows)
    assert found.frame["dimension"].tolist() == ["kernel", "height", "stride", "batch"]
    assert found.frame["exponent"].tolist() == pytest.approx([0] * 4)
    assert found.points.groupby("dimension", sort=False)["value"].max().tolist() == [5, 56, 2, 2]


@pytest.mark.parametrize("of", ["platform", "environment", "method", "precision", "activation", "padding"])
def test_layers_under_other_conditions_are_never_mixed(of: str) -> None:
    of_layer = {"precision": "int8", "activation": "relu", "padding": "valid"}
    base = CONV.replace(**{of: of_layer[of]}) if of in of_layer else CONV
    other = sweep(2.0, base, **({} if of in of_layer else {of: "other"}))  # type: ignore[arg-type]
    assert fitted([*sweep(1.0), *other]).frame["exponent"].tolist() == pytest.approx([1.0, 2.0])


def test_sessions_are_compared_by_their_references() -> None:
    first, second, third, fourth = sweep(1.5, relative_error=0.05)
    slow = scaled(third, 1.5, session=2)  # the machine was slow, and the references too
    found = only([first, second, slow, fourth])
    assert found["exponent"] == pytest.approx(1.5)
    assert found["exponent_high"] - found["exponent_low"] > 0.1
    assert slow.latency is not None
    unrelated = replace(slow, latency=replace(slow.latency, relative=np.nan))
    found = only([first, second, unrelated, fourth])
    assert (found["values"], found["exponent"]) == (3, pytest.approx(1.5))
    assert found["reason"] == "kernel 5: of another session, without references to compare it by"


def test_of_values_known_twice_the_session_that_knows_most_is_taken() -> None:
    again = [scaled(one, 1.3) for one in sweep(1.5, values=(1, 7), error=0.0001, session=2)]
    found = only([*again, *sweep(1.5)])
    assert (found["exponent"], found["misfit"]) == (pytest.approx(1.5), 0)


def test_values_without_a_latency_are_left_out_with_their_reasons() -> None:
    found = fitted(without(without(sweep(1.5), [3]), [1], status="unstable", reason=""))
    (one,) = found.frame.to_dict("records")
    assert (one["values"], one["smallest"], one["exponent"]) == (2, 5, pytest.approx(1.5))
    assert set(one["reason"].split("; ")) == {"kernel 3: no kernel", "kernel 1: unstable, no latency"}
    assert found.points["ratio"].tolist() == pytest.approx([np.nan, np.nan, 1, 1.4**1.5], nan_ok=True)
    assert found.points["reason"].tolist() == ["unstable, no latency", "no kernel", "", ""]


def test_a_total_that_leaves_operators_out_is_no_latency() -> None:
    short = row(CONV.replace(kernel=9), 1.0, left_out=["softmax"], reason="leaves out softmax")
    found = only([*sweep(1.5), short])
    assert (found["values"], found["reason"]) == (4, "kernel 9: leaves out softmax")


@pytest.mark.parametrize("left", [(), (1,)])
def test_fewer_than_two_latencies_give_no_number(left: tuple[int, ...]) -> None:
    found = fitted(without(sweep(1.5), set(KERNELS) - set(left)))
    (one,) = found.frame.to_dict("records")
    assert np.isnan([one["exponent"], one["ops_exponent"], one["against_ops"], one["smallest"]]).all()
    assert one["reason"].startswith("fewer than two values have a latency; kernel ")
    assert "kernel cannot be judged: fewer than two values" in repr(found)
    assert found.points["ratio"].notna().sum() == len(left)
    assert found.plot().get_legend() is None or left


def test_without_known_errors_the_misfit_alone_gives_an_interval() -> None:
    rows = times(sweep(1.5, error=np.nan), [1, 1.02, 0.98, 1])
    found = fitted(rows)
    assert 0.01 < found.frame["exponent_high"].item() - found.frame["exponent"].item() < 0.2
    assert found.points["ratio_low"].tolist() == pytest.approx([1, np.nan, np.nan, np.nan], nan_ok=True)
    assert found.frame["words"].item() == "kernel 7 costs 18.5x of kernel 1 here"
    two = only(rows[:2])
    assert np.isnan([two["exponent_low"], two["exponent_high"]]).all()


def test_an_operator_that_computes_nothing_has_no_exponent_of_operations() -> None:
    found = fitted(sweep(1.0, nb.Layer(op="shuffle", height=14, in_channels=8), "in_channels", (8, 16, 32)))
    (one,) = found.frame.to_dict("records")
    assert one["exponent"] == pytest.approx(1)
    assert np.isnan([one["ops_exponent"], one["against_ops"], one["against_ops_low"]]).all()
    assert "operations" not in repr(found)


CHAIN = nb.Graph([CONV, CONV], "chain")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (Measurements(sweep(values=(3,))), "no sweeps among these results"),
        (Measurements([row(CHAIN, 1.0)]), "no sweeps among these results"),
        (Measurements(), "no sweeps among these results"),
        (frame_of(sweep()).drop(columns=["layers", "session"]), "lacks the columns session, layers"),
        ([1, 2], "expected Results or their frame, got list"),
    ],
)
def test_an_input_without_sweeps_is_refused(results: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        fit_scaling(results)


def test_records_their_frame_and_a_file_of_it_give_the_same() -> None:
    table = frame_of(sweep(1.5))
    read = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    expected = fitted(sweep(1.5)).frame
    pd.testing.assert_frame_equal(fit_scaling(table).frame, expected)
    pd.testing.assert_frame_equal(fit_scaling(read).frame, expected)


def test_it_is_told_in_words_and_drawn() -> None:
    found = fitted([*sweep(1.5), *sweep(1.0, DWCONV, "batch", (1, 2, 4))])
    assert repr(found).splitlines()[0] == (
        "some, conv h56 cin32 cout32: kernel 7 costs 18.5x of kernel 1 here, not the 49x of its operations; "
        "latency goes as kernel^1.50 (1.50 to 1.50), operations as ^2.00, memory accesses as ^0.10"
    )
    assert found.plot().get_xlabel() == "value over the smallest"
    assert len(found.plot().get_legend().get_texts()) == 2
    assert fitted(sweep()).plot().get_xlabel() == "kernel"


noise = st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=4)


@settings(max_examples=30)
@given(noise, st.floats(1e-3, 1e3), st.floats(0.0, 0.05))
def test_the_unit_changes_no_exponent_and_no_ratio(noise: list[float], factor: float, error: float) -> None:
    rows = times(sweep(1.5, error=error), np.exp(noise))
    one, other = fitted(rows), fitted(times(rows, [factor] * 4))
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-4, atol=1e-6)
    columns = ["value", "ratio", "ratio_low", "ratio_high", "words"]
    pd.testing.assert_frame_equal(one.points[columns], other.points[columns])


@settings(max_examples=20)
@given(noise, st.randoms(use_true_random=False))
def test_the_order_of_measurements_is_irrelevant(noise: list[float], random: Random) -> None:
    sweeps = [sweep(1.5), sweep(1.5, DWCONV), sweep(1.0, CONV, "batch"), sweep(1.4, session=2)]
    rows = [one for some in sweeps for one in times(some, np.exp(noise))]
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = fitted(rows), fitted(shuffled)
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
    rows = []
    for i, exponent in enumerate(planted):
        exact = np.array(values) ** exponent * np.exp(misfit * rng.standard_normal(len(values)))
        for value, ms in zip(values, exact, strict=True):
            one = row(DWCONV.replace(batch=value), ms, 0.02, platform=f"platform {i}")
            noisy = ms * (1 + 0.02 * rng.standard_normal())
            assert one.latency is not None
            rows.append(replace(one, latency=replace(one.latency, ms=noisy)))  # the error stays that of the truth
    found = fitted(rows).frame
    assert len(found) == 300
    assert np.mean((found["exponent_low"] <= planted) & (planted <= found["exponent_high"])) >= 0.93
    assert np.mean(np.abs(found["exponent"] - planted) < 0.05) >= close

"""Speed-ups by precision, from measurements whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest

import nnbehave as nb
from nnbehave.analysis import Precisions, compare_precisions
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements
from tests import rows

CONV = nb.Layer(op="conv", height=28, in_channels=8, out_channels=96, kernel=3)
ADD = nb.Layer(op="add", height=28, in_channels=96)


def row(layer: nb.Layer, precision: str, ms: float, **changes: Any) -> Measurement:
    """The errors between sessions are twice those within one."""
    return rows.row(layer.replace(precision=precision), ms, **{"relative_error": 0.01, **changes})


def compared(*measured: Measurement) -> Precisions:
    return compare_precisions(Measurements(measured))


def test_operators_that_gain_and_operators_that_lose() -> None:
    found = compared(
        *(row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4, output_error=0.01, output_cosine=0.999)),
        *(row(ADD, "fp32", 0.1), row(ADD, "int8", 0.4, output_error=0.1), row(ADD, "fp16", 0.1005)),
    )
    table = found.frame.set_index(["op", "precision"])
    assert table["verdict"].to_dict() == {
        ("conv", "int8"): "faster",
        ("add", "int8"): "slower",
        ("add", "fp16"): "cannot tell",
    }
    assert table.loc[("conv", "int8"), "speedup"] == pytest.approx(2.5)
    assert table.loc[("conv", "int8"), "sqnr_db"] == pytest.approx(40)
    assert table.loc[("conv", "int8"), "output_cosine"] == 0.999
    assert "gains: conv 2.50x" in repr(found)
    assert "loses: add 0.25x" in repr(found)
    assert "noisiest output: add, 20 dB" in repr(found)
    assert found.plot().get_xlabel().startswith("speed-up")


def test_layers_that_differ_in_more_than_the_precision_are_not_compared() -> None:
    twice = CONV.replace(batch=2)
    measured = [row(CONV, "fp32", 1.0), row(twice, "int8", 0.4)]
    with pytest.raises(InvalidInputError, match="measure the same layers at fp32 and at another precision"):
        compared(*measured)
    found = compared(*measured, row(twice, "fp32", 2.0)).frame
    assert found["speedup"].tolist() == [pytest.approx(5.0)]
    assert found["base"].tolist() == [twice.id]


def test_the_caller_chooses_the_base() -> None:
    found = compare_precisions(Measurements([row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4)]), base="int8").frame
    assert found[["precision", "speedup"]].to_numpy().tolist() == [["fp32", pytest.approx(0.4)]]


def test_a_precision_that_cannot_run_is_a_row_with_its_reason() -> None:
    found = compared(row(CONV, "fp32", 1.0), rows.lost(row(CONV, "int8", 1.0)))
    (one,) = found.frame.to_dict("records")
    assert (one["verdict"], one["reason"]) == ("cannot tell", "no kernel")
    assert repr(found) == "some, int8: nothing runs (no kernel)"


def test_between_sessions_the_interval_is_wider() -> None:
    here = compared(row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4)).frame
    apart = compared(row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4, session=2)).frame
    width = [float((found["speedup_high"] - found["speedup_low"]).iloc[0]) for found in (here, apart)]
    assert width[1] > 1.5 * width[0]


@pytest.mark.process
def test_a_real_sweep_over_precisions() -> None:
    base = nb.Layer(op="conv", height=7, in_channels=8, out_channels=16, kernel=3)
    results = nb.sweep(
        layer=base, dimension="precision", values=["fp32", "int8"], platforms="simulated", progress=False
    )
    (found,) = compare_precisions(results).frame.to_dict("records")
    assert found["verdict"] == "cannot tell"  # the simulated law knows no precision
    assert found["speedup_low"] < 1 < found["speedup_high"]

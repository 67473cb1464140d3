"""Speed-ups by precision, from frames whose truth is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.analysis import compare_precisions
from nnbehave.errors import InvalidInputError
from tests import rows

CONV, ADD = "conv_h28_w28_cin8_cout96_k3_s1", "add_h28_w28_cin96_cout96_k1_s1"


def row(layer: str, precision: str, ms: float, **changes: Any) -> dict[str, Any]:
    wide = {"relative_low": 0.49 * ms, "relative_high": 0.51 * ms}  # between sessions
    return rows.row(f"{layer}_{precision}", ms, **{"precision": precision, **wide, **changes})


def test_what_gains_and_what_loses() -> None:
    measured = [row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4, output_error=0.01, output_cosine=0.999)]
    measured += [row(ADD, "fp32", 0.1), row(ADD, "int8", 0.4, output_error=0.1), row(ADD, "fp16", 0.1005)]
    found = compare_precisions(pd.DataFrame(measured))
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


def test_other_dimensions_are_not_taken_for_precision() -> None:
    """The id of a layer goes on after its precision where it has more fields."""
    measured = [row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4, layers=f"{CONV}_int8_batch=2")]
    with pytest.raises(InvalidInputError, match="measure the same layers at fp32 and at another precision"):
        compare_precisions(pd.DataFrame(measured))
    measured.append(row(CONV, "fp32", 2.0, layers=f"{CONV}_fp32_batch=2"))
    assert compare_precisions(pd.DataFrame(measured)).frame["speedup"].tolist() == [pytest.approx(5.0)]


def test_what_cannot_run_is_a_row_with_its_reason() -> None:
    measured = [row(CONV, "fp32", 1.0), row(CONV, "int8", float("nan"), status="unsupported", reason="no kernel")]
    found = compare_precisions(pd.DataFrame(measured))
    (lost,) = found.frame.to_dict("records")
    assert (lost["verdict"], lost["reason"]) == ("cannot tell", "no kernel")
    assert repr(found) == "some, int8: nothing runs (no kernel)"


def test_between_sessions_the_interval_is_wider() -> None:
    here = compare_precisions(pd.DataFrame([row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4)])).frame
    apart = compare_precisions(pd.DataFrame([row(CONV, "fp32", 1.0), row(CONV, "int8", 0.4, session=2)])).frame
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

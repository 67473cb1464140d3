"""What a study of scaling measures, on a platform whose law is known."""

from __future__ import annotations

import pytest

from nnbehave.errors import InvalidInputError
from nnbehave.studies.scaling import measure_scaling

pytestmark = pytest.mark.process

NOISE = "noise=0.02"


def test_every_dimension_of_both_operators() -> None:
    found = measure_scaling(f"simulated?law=roofline&{NOISE}", progress=False).frame
    assert set(found["dimension"]) == {"kernel", "height", "stride", "batch"}
    assert found["values"].tolist() == [4, 4, 5, 5, 2, 2, 4, 4]
    conv = found[(found["op"] == "conv") & (found["dimension"] != "kernel")]  # bound by computing
    assert conv["exponent"].tolist() == pytest.approx(conv["ops_exponent"].tolist(), abs=0.05)
    assert conv["against_ops"].tolist() == pytest.approx([1.0] * 3, abs=0.05)


@pytest.mark.parametrize("exponent", [0.3, 1.4])
def test_a_planted_exponent_is_found(exponent: float) -> None:
    platform = f"simulated?law=power&dimension=kernel&width=1&exponent={exponent}&{NOISE}"
    found = measure_scaling(platform, ops="conv", progress=False)
    rows = found.frame.set_index("dimension")
    assert rows.loc["kernel", "exponent"] == pytest.approx(exponent, abs=0.05)
    assert rows.loc["kernel", "ops_exponent"] == pytest.approx(2)
    assert rows.loc["batch", "exponent"] == pytest.approx(0, abs=0.05)
    assert "of kernel 1 here, not the 49x of its operations" in repr(found)


def test_what_a_platform_cannot_run_is_left_out_and_said() -> None:
    found = measure_scaling(f"simulated?law=flat&dimension=kernel&fail_at=7&{NOISE}", ops=["dwconv"], progress=False)
    row = found.frame[found.frame["dimension"] == "kernel"].to_dict("records")[0]
    assert (row["values"], row["largest"]) == (3, 5)
    assert "kernel 7: the simulated platform takes no kernel of 7" in row["reason"]


def test_dimensions_that_an_operator_lacks_are_left_out() -> None:
    found = measure_scaling(f"simulated?law=flat&{NOISE}", ops=["dense", "dilated_conv"], progress=False).frame
    assert found.groupby("op")["dimension"].agg(list).to_dict() == {
        "dense": ["batch"],
        "dilated_conv": ["kernel", "height", "batch"],
    }


@pytest.mark.parametrize(("ops", "says"), [([], "nothing to measure"), (["convolution"], "unknown operator")])
def test_operators_that_cannot_be_measured_are_refused(ops: list[str], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        measure_scaling("simulated", ops=ops, progress=False)

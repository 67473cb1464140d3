"""What a study of fusion measures."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.studies.fusion import PAIRS


@pytest.mark.process
def test_every_pair_of_the_study_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnbehave.studies.fusion._PROCESSES", 3)
    found = nb.check_fusion(PAIRS, "simulated?law=roofline&noise=0.001", shapes=[(8, 16)], rounds=6, progress=False)
    assert len(found.frame) == len(PAIRS) >= 60
    assert set(found.frame["verdict"]) <= {"not fused", "cannot tell"}


@pytest.mark.process
def test_layers_can_be_given_and_a_dense_layer_has_nothing_between() -> None:
    first = nb.Layer(op="dense", in_channels=64, out_channels=256)
    second = nb.Layer(op="dense", in_channels=256, out_channels=64)
    found = nb.check_fusion([(first, second)], "simulated?law=roofline&noise=0.001", progress=False)
    (row,) = found.frame.to_dict("records")
    assert (row["between"], row["verdict"]) == ("", "not fused")


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "nothing to measure"),
        ([("convolution", "relu")], "unknown operator 'convolution'"),
        ([("conv", "relu7")], "unknown operator 'relu7'"),
        ([(nb.Layer(op="dense", in_channels=64, out_channels=64), "maxpool")], "but layer 0 gives"),
    ],
)
def test_pairs_that_cannot_be_measured_are_refused(pairs: list, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        nb.check_fusion(pairs, "simulated", progress=False)

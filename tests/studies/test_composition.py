"""Whole networks against the sum of their layers, on real runtimes with a small network."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.design.networks import NetworkBuilder
from nnbehave.errors import InvalidInputError

pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")


def small() -> nb.Graph:
    """A residual block between a stem and a classifier."""
    net = NetworkBuilder((32, 32, 3))
    stem = net.add("conv", out_channels=32, kernel=3, activation="relu")
    net.add("conv", out_channels=32, kernel=3, activation="relu")
    branch = net.add("conv", out_channels=32, kernel=3)
    net.add("add", reads=(stem, branch), activation="relu")
    net.add("globalavgpool")
    net.add("dense", out_channels=10)
    return net.graph()


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["tflite", "openvino"])
def test_a_small_network_is_about_the_sum_of_its_layers(platform: str) -> None:
    """About: the tests' machine is not the quiet one of the benchmark, and six rounds are few."""
    pytest.importorskip("ai_edge_litert" if platform == "tflite" else "openvino")
    found = nb.check_composition({"small": small()}, platform, rounds=6, progress=False)
    (row,) = found.frame.to_dict("records")
    assert row["layers"] == 6
    assert abs(row["error"]) < 0.25
    assert row["error_low"] < row["error"] < row["error_high"]
    assert found.layers["count"].sum() == 6
    assert "whole" in repr(found)
    if platform == "openvino":  # which adds within the convolution
        assert "the network folds add into other kernels" in repr(found)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="unknown network"):
        nb.check_composition(["lenet"], "tflite")
    with pytest.raises(InvalidInputError, match="cannot be measured stacked"):
        nb.check_composition({"small": small()}, "simulated")
    with pytest.raises(InvalidInputError, match="at least one"):
        nb.check_composition([], "tflite")

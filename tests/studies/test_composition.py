"""Whole networks against the sum of their layers: where the truth is planted, and on real runtimes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.networks import NetworkBuilder
from nnbehave.errors import InvalidInputError
from nnbehave.measurement import isolation
from nnbehave.studies import composition
from nnbehave.studies.composition import Composition
from tests.plug_ins import Stackable, register

GOPS, CALL_MS = 50, 0.02
# A layer takes its operations over 50 G/s. The frame of a stack, all depthwise convolutions, takes nothing.
PLANTED = f"stackable?law=roofline&peak_gops={GOPS}&bandwidth_gbs=1e6&leaves_out=dwconv&noise=0.001"


def small() -> nb.Graph:
    """Return a residual block between a stem and a classifier."""
    net = NetworkBuilder((32, 32, 3))
    stem = net.add("conv", out_channels=32, kernel=3, activation="relu")
    net.add("conv", out_channels=32, kernel=3, activation="relu")
    branch = net.add("conv", out_channels=32, kernel=3)
    net.add("add", reads=(stem, branch), activation="relu")
    net.add("globalavgpool")
    net.add("dense", out_channels=10)
    return net.graph()


@pytest.fixture(scope="module")
def stackable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        register(patch, Stackable)
        yield


@pytest.fixture(scope="module")
def right(stackable: None) -> Composition:
    """Return the composition that others are compared with."""
    return check()


def check(platform: str = PLANTED) -> Composition:
    return nb.check_composition({"small": small()}, platform, rounds=6, progress=False)


def ms(ops: float) -> float:
    return ops / GOPS / 1e6


@pytest.mark.process
@pytest.mark.usefixtures("stackable")
def test_planted_layers_are_found_and_add_up_to_the_network(right: Composition) -> None:
    (row,) = right.frame.to_dict("records")
    ops = {Graph([layer]).id: layer.ops for layer in small().layers}
    assert dict(zip(right.layers["layer"], right.layers["latency_ms"], strict=True)) == pytest.approx(
        {name: ms(each) for name, each in ops.items()}, rel=0.02, abs=1e-5
    )
    assert row["whole_ms"] == pytest.approx(ms(small().ops), rel=0.01)  # without the call, which is no layer's
    assert row["sum_ms"] == pytest.approx(ms(small().ops), rel=0.01)
    assert row["error"] == pytest.approx(row["sum_ms"] / row["whole_ms"] - 1, abs=0.005)
    assert row["error_low"] <= 0.0 <= row["error_high"]


@pytest.mark.process
@pytest.mark.usefixtures("stackable")
def test_a_wrong_weight_of_a_stack_shows(right: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks that hold one copy more than their weight says make every layer, and the sum, too long."""
    depth, stack = isolation.stack_depth, isolation.stack

    def one_more(subject: Graph, copies: int, without: bool = False) -> Graph:
        return stack(subject, copies + (subject.layers[0].op != "flatten"), without)

    monkeypatch.setattr(isolation, "stack", one_more)
    wrong = check()
    factors = wrong.layers["latency_ms"] / right.layers["latency_ms"]
    expected = [1 + 1 / depth(Graph([layer])) for layer in dict.fromkeys(small().layers)]
    assert factors.tolist() == pytest.approx(expected, rel=0.05)
    assert wrong.frame["error_low"].item() > right.frame["error_high"].item() + 0.05


@pytest.mark.process
@pytest.mark.usefixtures("stackable")
def test_a_layer_that_the_sum_lacks_shows(right: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = small().layers[1]
    monkeypatch.setattr(
        composition, "Counter", lambda found=(): Counter(g for g in found if getattr(g, "layers", None) != (lost,))
    )
    wrong = check()
    missing = right.frame["sum_ms"].item() - wrong.frame["sum_ms"].item()
    assert missing == pytest.approx(ms(lost.ops), rel=0.02)
    assert wrong.frame["error_high"].item() < right.frame["error_low"].item() - 0.05


@pytest.mark.process
@pytest.mark.usefixtures("stackable")
def test_a_layer_that_the_network_folds_away_is_the_difference() -> None:
    (row,) = check(PLANTED.replace("leaves_out=dwconv", "leaves_out=dwconv&fuses=conv+add")).frame.to_dict("records")
    add = next(layer for layer in small().layers if layer.op == "add")
    assert row["sum_ms"] - row["whole_ms"] == pytest.approx(ms(add.ops), rel=0.1)


@pytest.mark.parametrize(
    ("platform", "module"),
    [
        pytest.param("tflite", "ai_edge_litert", id="tflite"),
        pytest.param("openvino", "openvino", id="openvino", marks=pytest.mark.setup),  # it takes long
    ],
)
@pytest.mark.pins_kernels
@pytest.mark.runtime("tensorflow")
def test_a_network_on_a_real_runtime_is_set_beside_all_its_layers(platform: str, module: str) -> None:
    pytest.importorskip(module)
    found = nb.check_composition({"small": small()}, platform, rounds=6, progress=False)
    (row,) = found.frame.to_dict("records")
    assert row["layers"] == found.layers["count"].sum() == 6
    assert (found.layers["latency_ms"] > 0).any()
    assert row["sum_ms"] == pytest.approx((found.layers["count"] * found.layers["latency_ms"]).sum())
    assert row["error_low"] <= row["error"] <= row["error_high"]
    assert "whole" in repr(found)
    if platform == "openvino":
        assert "the network folds add into other kernels" in repr(found)


def test_input_that_cannot_be_checked_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="unknown network"):
        nb.check_composition(["lenet"], "tflite")
    with pytest.raises(InvalidInputError, match="cannot be measured stacked"):
        nb.check_composition({"small": small()}, "simulated")
    with pytest.raises(InvalidInputError, match="at least one"):
        nb.check_composition([], "tflite")

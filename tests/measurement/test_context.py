"""Contexts: their names, the distances that they mean, and that measurements have what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.working_set import weight_bytes, working_set_bytes
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.context import NETWORK_BYTES, context_name, distance_bytes
from nnbehave.measurement.isolation import stack, stack_depth
from nnbehave.report.tables import steps_table

MIB = 2**20


@pytest.mark.parametrize(
    ("context", "name"), [("warm", "warm"), ("cold", "cold"), (4096, "4096"), ("32MiB", str(32 * MIB)), ("64", "64")]
)
def test_a_context_has_one_name(context: str | int, name: str) -> None:
    assert context_name(context) == name


@pytest.mark.parametrize("context", ["hot", "", 0, -1, 1.5, True, "0", "MiB", "1GB"])
def test_what_is_no_context_is_refused(context: object) -> None:
    with pytest.raises(InvalidInputError, match="context: expected warm, network, cold, loop or a number of bytes"):
        context_name(context)  # type: ignore[arg-type]


def test_the_distance_of_cold_follows_the_last_cache_within_bounds() -> None:
    assert [distance_bytes("cold", cache * MIB) // MIB for cache in (0, 8, 100, 2000)] == [64, 64, 200, 512]
    assert distance_bytes("network") == NETWORK_BYTES
    assert distance_bytes("12345") == 12345
    assert distance_bytes("warm") == distance_bytes("loop") == 0


@pytest.mark.parametrize("distance", [MIB, 24 * MIB, 64 * MIB])
@pytest.mark.parametrize("channels", [16, 128, 512, 2048])
def test_the_copies_of_a_stack_touch_no_more_than_the_distance(channels: int, distance: int) -> None:
    graph = nb.Graph([nb.Layer(op="conv", height=4, in_channels=channels, out_channels=channels, kernel=3)])
    copies = stack_depth(graph, distance)
    others = working_set_bytes(stack(graph, copies)) - weight_bytes(graph)
    assert copies == 1 or others <= distance * 1.05  # the layers around the copies take some


def test_a_network_touches_its_weights_and_the_most_that_is_alive() -> None:
    layer = nb.Layer(op="conv", height=8, in_channels=16, out_channels=32, kernel=1)
    back = nb.Layer(op="conv", height=8, in_channels=32, out_channels=16, kernel=1)
    chain = nb.Graph([layer, back, layer, back])
    assert weight_bytes(chain) == 4 * 4 * 16 * 32
    assert working_set_bytes(chain) == weight_bytes(chain) + 4 * 8 * 8 * (16 + 32)  # the first tensor is dead by then
    shortcut = nb.Graph([layer, back, nb.Layer(op="add", height=8, in_channels=16)], "network", [(-1,), (0,), (-1, 1)])
    assert working_set_bytes(shortcut) == weight_bytes(shortcut) + 4 * 8 * 8 * (16 + 32 + 16)  # the input stays alive


@pytest.mark.process
def test_results_say_their_context_and_are_curves_of_their_own(tmp_path: Path, base: nb.Layer) -> None:
    how = {"platforms": "simulated?noise=0.001", "store": tmp_path / "r.db", "progress": False}
    curve = {"layer": base, "dimension": "out_channels", "values": range(1, 13)}
    warm = nb.sweep(**how, **curve)
    far = nb.sweep(**how, **curve, context="4MiB")
    assert set(warm.frame["context"]) == {"warm"}
    assert set(far.frame["context"]) == {str(4 * MIB)}
    both = nb.load_results(tmp_path / "r.db")
    assert sorted(curve.context for curve in both.curves()) == [str(4 * MIB), "warm"]
    again = nb.sweep(**how, **curve)
    assert set(again.frame["session"]) == set(warm.frame["session"])  # nothing was measured again
    assert len(both.steps()) == 2
    assert "simulated?noise=0.001, warm " in steps_table(both.steps())
    assert both.step_map(context="warm").origin.context == "warm"  # type: ignore[union-attr]


@pytest.mark.process
def test_a_loop_is_of_networks_alone(base: nb.Layer) -> None:
    with pytest.raises(InvalidInputError, match="only networks are measured in a 'loop' of their own"):
        nb.measure([base], "simulated", context="loop", progress=False)
    network = nb.Graph([base, base], "network", [(-1,), (0,)])
    (one,) = nb.measure([network], "simulated", progress=False)
    assert one.context == "loop"


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
@pytest.mark.parametrize(("context", "asked"), [("warm", 0), ("network", NETWORK_BYTES), (6 * MIB, 6 * MIB)])
def test_what_was_touched_is_what_was_asked(context: str | int, asked: int) -> None:
    layers = [nb.Layer(op="conv", height=7, in_channels=n, out_channels=n, kernel=3) for n in (32, 256)]
    found = nb.measure(layers, "tflite", context=context, interval=0.5, progress=False)
    for one in found:
        assert one.latency is not None
        assert abs(one.distance_bytes - asked) <= 0.1 * asked

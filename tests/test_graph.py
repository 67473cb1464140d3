from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.graph import Graph, as_graph


def conv(**changes: int) -> nb.Layer:
    return nb.Layer(**{"op": "conv", "height": 7, "in_channels": 8, "out_channels": 8, "kernel": 3, **changes})


def test_a_single_graph_is_called_like_its_layer() -> None:
    assert Graph([conv()]).id == conv().id
    assert as_graph(conv()) == Graph([conv()])


def test_costs_add_up() -> None:
    graph = Graph([conv(), conv()])
    assert (graph.arrangement, graph.depth) == ("chain", 2)
    assert (graph.ops, graph.mac) == (2 * conv().ops, 2 * conv().mac)


def test_ids_tell_arrangements_and_orders_apart() -> None:
    a, b = conv(), conv(kernel=1)
    ids = {Graph(layers, how).id for layers in ([a, b], [b, a]) for how in ("chain", "fan", "pair")}
    assert len(ids) == 6
    assert Graph([a, b]).id == Graph([conv(), conv(kernel=1)]).id == "chain_2_" + Graph([a, b]).id[-16:]


@pytest.mark.parametrize("how", ["chain", "fan", "pair"])
def test_a_graph_survives_being_plain_data(how: str) -> None:
    graph = Graph([conv(), conv(kernel=1)], how)  # type: ignore[arg-type]
    assert Graph.from_dict(graph.to_dict()) == graph


@pytest.mark.parametrize(
    ("layers", "how", "says"),
    [
        ([], None, "takes some layers, got 0"),
        ([conv(), conv()], "single", "takes 1 layers, got 2"),
        ([conv()] * 3, "pair", "takes 2 layers, got 3"),
        (conv(), None, r"Graph\(\[layer, …\]\)"),
        (["conv"], None, r"Graph\(\[layer, …\]\)"),
        ([conv()], "ring", "must be one of single, chain, fan, pair"),
        ([conv(out_channels=9), conv()], "chain", r"takes \(1, 7, 7, 8\), but gets \(1, 7, 7, 9\)"),
        ([conv(), conv(in_channels=9)], "fan", "share their input"),
    ],
)
def test_what_does_not_fit_is_refused(layers: list[nb.Layer], how: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        Graph(layers, how)  # type: ignore[arg-type]


def test_other_subjects_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected a Layer or a Graph, got str"):
        as_graph("conv")  # type: ignore[arg-type]


def test_fan_layers_may_differ_in_their_output() -> None:
    assert Graph([conv(out_channels=3), conv(out_channels=9)], "fan").depth == 2

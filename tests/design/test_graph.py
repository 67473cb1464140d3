from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph, as_graph
from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError


def conv(**changes: int) -> nb.Layer:
    return nb.Layer(**{"op": "conv", "height": 7, "in_channels": 8, "out_channels": 8, "kernel": 3, **changes})


def test_a_graph_of_one_layer_has_the_id_of_the_layer() -> None:
    assert Graph([conv()]).id == conv().id
    assert as_graph(conv()) == Graph([conv()])


def test_costs_add_up() -> None:
    graph = Graph([conv(), conv()])
    assert (graph.arrangement, graph.depth) == ("chain", 2)
    assert (graph.ops, graph.mac) == (2 * conv().ops, 2 * conv().mac)


def test_graphs_of_other_arrangement_or_order_have_other_ids() -> None:
    a, b = conv(), conv(kernel=1)
    ids = {Graph(layers, how).id for layers in ([a, b], [b, a]) for how in ("chain", "fan", "pair")}
    assert len(ids) == 6
    assert Graph([a, b]).id == Graph([conv(), conv(kernel=1)]).id == "chain_2_" + Graph([a, b]).id[-16:]


@pytest.mark.parametrize("how", ["chain", "fan", "pair"])
def test_a_graph_is_rebuilt_from_its_plain_data(how: str) -> None:
    graph = Graph([conv(), conv(kernel=1)], how)  # type: ignore[arg-type]
    assert Graph.from_dict(graph.to_dict()) == graph


@pytest.mark.parametrize(
    ("layers", "how", "says"),
    [
        ([], None, "layers: a 'chain' has 1 or more, got 0"),
        ([conv(), conv()], "single", "layers: a 'single' has exactly 1, got 2"),
        ([conv()] * 3, "pair", "layers: a 'pair' has exactly 2, got 3"),
        (conv(), None, r"Graph\(\[layer, …\]\)"),
        (["conv"], None, r"Graph\(\[layer, …\]\)"),
        ([conv()], "ring", "arrangement: must be one of single, chain, fan, pair, network, got 'ring'"),
        ([conv(), conv().replace(precision="int8")], None, "layers: a graph has one precision, got fp32, int8"),
        ([conv(out_channels=9), conv()], "chain", r"layer 1 .* takes \(1, 7, 7, 8\), but layer 0 gives \(1, 7, 7, 9\)"),
        ([conv(), conv(in_channels=9)], "fan", "but input 0 of the graph is"),
    ],
)
def test_layers_that_do_not_fit_the_arrangement_are_refused(layers: list[nb.Layer], how: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        Graph(layers, how)  # type: ignore[arg-type]


def test_a_subject_that_is_neither_layer_nor_graph_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected a Layer or a Graph, got str"):
        as_graph("conv")  # type: ignore[arg-type]


def test_fan_layers_may_differ_in_their_output() -> None:
    assert Graph([conv(out_channels=3), conv(out_channels=9)], "fan").depth == 2


ADD = Layer(op="add", height=7, in_channels=8)


def test_each_layer_of_a_network_reads_its_sources() -> None:
    graph = Graph([conv(), conv(), ADD], "network", [(-1,), (0,), (0, 1)])
    assert graph.outputs == (2,)
    assert graph.input_shapes == ((1, 7, 7, 8),)
    assert Graph.from_dict(graph.to_dict()) == graph
    assert graph.id != Graph([conv(), conv(), ADD], "network", [(-1,), (0,), (1, 0)]).id


def test_a_chain_has_one_further_input_for_each_shape_that_its_layers_need() -> None:
    graph = Graph([conv(), ADD, ADD])
    assert graph.sources == ((-1,), (0, -2), (1, -2))
    assert graph.input_shapes == ((1, 7, 7, 8), (1, 7, 7, 8))


@pytest.mark.parametrize(
    ("layers", "sources", "message"),
    [
        ([conv(), conv()], None, "a 'network' needs them, .* got none"),
        ([conv()], [(-1,), (0,)], "sources: one for each of 1 layers, got 2"),
        ([conv(), ADD], [(-1,), (0,)], "takes 2 inputs, got 1"),
        ([conv(), conv()], [(1,), (0,)], "must read layers before it, got 1"),
        ([conv(), conv()], [(-1,), (-3,)], "without gaps, got .-1, -3."),
    ],
)
def test_impossible_sources_are_refused(layers: list[Layer], sources: list[tuple[int]], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Graph(layers, "network", sources)


def branches(*widths: int) -> list[Layer]:
    return [conv(out_channels=width) for width in widths]


def test_a_concat_takes_branches_of_any_widths_that_sum_to_its_output() -> None:
    concat = Layer(op="concat", height=7, in_channels=16, out_channels=31, groups=3)
    assert [shape[-1] for shape in concat.input_shapes] == [16, 5, 5, 5]
    sources = [(-1,)] * 4 + [(0, 1, 2, 3)]
    graph = Graph([*branches(16, 2, 9, 4), concat], "network", sources)
    assert graph.shapes[-1] == (1, 7, 7, 31)
    with pytest.raises(InvalidInputError, match=r"layer 4 .* takes \(1, 7, 7, 5\), but layer 1 gives \(1, 7, 7, 2\)"):
        Graph([*branches(16, 2, 9, 5), concat], "network", sources)
    with pytest.raises(InvalidInputError, match=r"takes \(1, 7, 7, 16\), but layer 0 gives \(1, 7, 7, 2\)"):
        Graph([*branches(2, 16, 9, 4), concat], "network", sources)


def test_a_layer_with_several_inputs_of_one_shape_reads_as_many_inputs_of_the_graph() -> None:
    concat = Layer(op="concat", height=7, in_channels=4, out_channels=12, groups=2)
    assert Graph([concat]).sources == ((-1, -2, -3),)
    assert Graph([concat, conv(in_channels=12, out_channels=4), concat]).sources[2] == (1, -2, -3)


def test_an_element_wise_layer_of_one_pixel_gives_a_vector_if_it_reads_vectors_alone() -> None:
    dense, relu = Layer(op="dense", in_channels=8, out_channels=8), Layer(op="relu", height=1, in_channels=8)
    assert Graph([dense, relu]).shapes == ((1, 8), (1, 8))
    image, scale = conv(height=1, kernel=1), Layer(op="scale", height=1, in_channels=8)
    pooled = Layer(op="globalavgpool", height=1, in_channels=8)
    graph = Graph([image, pooled, dense, scale, image], "network", [(-1,), (0,), (1,), (0, 2), (3,)])
    assert graph.shapes == ((1, 1, 1, 8), (1, 8), (1, 8), (1, 1, 1, 8), (1, 1, 1, 8))
    add = Layer(op="add", height=1, in_channels=8)
    with pytest.raises(InvalidInputError, match=r"takes \(1, 1, 1, 8\), but layer 1 gives \(1, 8\)"):
        Graph([image, pooled, add], "network", [(-1,), (0,), (0, 1)])

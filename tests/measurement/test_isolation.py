"""The graphs that are run for a layer."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.operators import OPERATORS
from nnbehave.measurement.isolation import bound, call_alone, stack, stack_depth, terms
from tests.strategies import sample


def layer(op: str) -> nb.Layer:
    return sample(op, {"height": 14, "in_channels": 16, "kernel": 5})


def test_whole_subtracts_the_call_of_a_graph_that_does_nothing() -> None:
    graph = Graph([layer("conv")])
    one, nothing = terms(graph, "whole")
    assert (one.graph, one.weight) == (graph, 1.0)
    assert (nothing.graph, nothing.weight) == (call_alone(), -1.0)
    assert [term.weight for term in terms(graph, "profiled")] == [1.0]


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_a_stack_differs_from_its_frame_only_by_the_copies(op: str) -> None:
    graph = Graph([layer(op)])
    full, empty = terms(graph, "stacked")
    copies = stack_depth(graph)
    assert (full.weight, empty.weight) == (1 / copies, -1 / copies)
    assert full.graph.layers.count(graph.layers[0]) == copies + empty.graph.layers.count(graph.layers[0])
    rest = [one for one in full.graph.layers if one != graph.layers[0]]
    taps = [one for one in rest if one.stride > 1]
    around = [one for one in empty.graph.layers if one.stride > 1]
    assert len(taps) == len(around)  # as many readers with the copies as without
    assert len(rest) - len(taps) == len(empty.graph.layers) - len(around)


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_a_stack_and_its_frame_have_the_same_image_outputs(op: str) -> None:
    """The layer would pay for converting an output that only one of them has."""
    graph = Graph([layer(op)])
    full, empty = (term.graph for term in terms(graph, "stacked"))
    images = [
        sorted(each.layers[i].output_shape for i in each.outputs if max(each.layers[i].output_shape[1:3]) > 1)
        for each in (full, empty)
        if len(graph.layers[0].output_shape) == 4
    ]
    assert all(shapes == [] for shapes in images)  # all outputs are those of taps: one pixel


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_no_two_copies_are_the_same_computation(op: str) -> None:
    """A runtime may merge layers without weights that read the same input."""
    full = stack(Graph([layer(op)]), 4)
    seen = [(one, reads) for one, reads in zip(full.layers, full.sources, strict=True) if not one.operator.has_weights]
    assert len(seen) == len(set(seen))


def test_larger_layers_have_fewer_copies() -> None:
    depths = [stack_depth(Graph([layer("conv").replace(out_channels=n, height=56)])) for n in (1, 16, 64, 512)]
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > depths[-1] >= 2


def test_pairs_and_whole_networks_can_be_stacked_too() -> None:
    pair = Graph([layer("conv"), nb.Layer(op="add", height=14, in_channels=32)], "pair")
    full = stack(pair, 3)
    assert [one.op for one in full.layers].count("add") == 3
    assert len(full.input_shapes) == len(pair.input_shapes) == 2
    assert stack(nb.load_network("squeezenet"), 2).depth > 2 * 38


def test_a_conv_is_bound_by_compute_and_an_add_by_memory() -> None:
    assert bound(Graph([layer("conv")])) == "compute"
    assert bound(Graph([layer("add")])) == "memory"

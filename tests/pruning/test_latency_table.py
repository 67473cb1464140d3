"""The latency table prices any network of its space, and refuses layers that it does not know."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import UnknownLayerError
from nnbehave.pruning.latency_table import Entry
from nnbehave.records import Environment, Measurement, Measurements
from tests.pruned import HERE, conv, results_of, swept
from tests.rows import lost, row

SPACE = nb.load_space("ofa_mobilenet_v3")


def layers_of(*channels: int) -> list[nb.Layer]:
    return [nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3) for n in channels]


def table_of(*measurements: Measurement) -> nb.LatencyTable:
    return nb.LatencyTable.from_results(results_of(measurements))


ONE, TWO = layers_of(8, 9)


# ---------------------------------------------------------------------- the price of a network


@pytest.fixture(scope="module")
def space_table() -> nb.LatencyTable:
    """The table of every layer that a network of a space can have; a layer takes 1 ns for each OP."""
    return table_of(*(row(layer, layer.ops * 1e-6) for layer in SPACE.unrolled().layers))


@pytest.mark.parametrize("seed", range(20))
def test_every_network_of_the_space_takes_the_sum_of_its_layers(space_table: nb.LatencyTable, seed: int) -> None:
    network = SPACE.sample(seed)
    assert space_table.latency(network) == pytest.approx(network.ops * 1e-6)
    low, high = space_table.latency_interval(network)
    assert low < space_table.latency(network) < high
    assert space_table.interpolated(network) == []


def test_a_layer_that_was_not_measured_is_refused_with_its_name(space_table: nb.LatencyTable) -> None:
    strange = nb.Layer(op="conv", height=9, in_channels=3, out_channels=5, kernel=3)
    with pytest.raises(UnknownLayerError, match=rf"^{strange.id} was not measured on some"):
        space_table.latency([*SPACE.sample(0).layers, strange])


@pytest.mark.process
def test_the_sweep_of_a_space_makes_a_table_that_prices_its_networks() -> None:
    results = nb.sweep(SPACE.unrolled(), platforms="simulated?law=power&noise=0", method="estimated", progress=False)
    table = nb.LatencyTable.from_results(results)
    for seed in range(20):
        network = SPACE.sample(seed)
        assert table.latency(network) == pytest.approx(
            sum(table.entries[each.id].latency_ms for each in network.layers)
        )


@given(st.lists(st.sampled_from([ONE, TWO]), max_size=12))
def test_a_layer_that_occurs_twice_has_the_same_error_twice(network: list[nb.Layer]) -> None:
    table = table_of(row(ONE, 1.0, 0.1), row(TWO, 2.0, 0.01))
    ones, twos = network.count(ONE), network.count(TWO)
    half = 1.96 * math.hypot(ones * 0.1, twos * 0.02)
    low, high = table.latency_interval(network)
    assert (low, high) == pytest.approx((ones + 2 * twos - half, ones + 2 * twos + half))


def test_layers_may_come_from_any_iterable() -> None:
    table = table_of(*(row(layer, 1.0) for layer in layers_of(8, 16)))
    assert table.latency(layer for layer in layers_of(8, 16)) == table.latency(layers_of(8, 16)) == 2.0
    with pytest.raises(UnknownLayerError, match="cout99"):
        table.latency(layer for layer in layers_of(8, 99))
    with pytest.raises(InvalidInputError, match="network: expected a Graph or layers, got a Layer; of_layer"):
        table.latency(ONE)


# ---------------------------------------------------------------------- interpolation


def test_a_layer_between_measured_ones_is_interpolated_along_the_step_map() -> None:
    table = nb.LatencyTable.from_results(swept(16, values=range(1, 257, 3)))
    base = conv().base
    between = base.replace(out_channels=150)
    assert between.id not in table.entries
    assert table.of_layer(between) == pytest.approx(0.02 + 0.04 * 10, rel=1e-3)
    assert table.interpolated(nb.Graph([between])) == [between.id]
    with pytest.raises(UnknownLayerError):
        table.of_layer(base.replace(out_channels=300))
    with pytest.raises(UnknownLayerError):
        table.of_layer(between.replace(in_channels=9))


def test_nothing_is_interpolated_along_an_unexplained_step_map() -> None:
    table = nb.LatencyTable.from_results(swept(32, values=[1, 64]))
    assert table.maps[0].kind == "unexplained"
    with pytest.raises(UnknownLayerError, match="lies on no step map"):
        table.of_layer(conv().base.replace(out_channels=33))


def test_step_maps_come_from_the_chosen_measurements_alone() -> None:
    older = swept(8, platform="p", values=range(1, 33))
    newer = [replace(one, method="whole", session=2) for one in swept(4, platform="p", values=range(1, 33))]
    both = results_of([*older, *newer])
    assert [found.width for found in nb.LatencyTable.from_results(both, method="estimated").maps] == [8]
    assert [found.width for found in nb.LatencyTable.from_results(both, method="whole").maps] == [4]


# ---------------------------------------------------------------------- from results


def test_a_layer_without_a_latency_is_refused_with_the_reason() -> None:
    table = table_of(row(ONE, 1.0), lost(row(TWO, 1.0), reason="takes no out_channels of 9"))
    assert table.missing == {TWO.id: "takes no out_channels of 9"}
    with pytest.raises(UnknownLayerError, match=f"{TWO.id} has no latency on some: takes no out_channels of 9"):
        table.of_layer(TWO)
    with pytest.raises(InvalidInputError, match="results: no layer has a latency"):
        table_of(lost(row(TWO, 1.0)))


@pytest.mark.parametrize(
    "unusable",
    [
        row(ONE, 1.0, math.inf, reason="one round alone"),
        row(ONE, 1.0, status="unstable", reason="one round alone"),
        row(ONE, 1.0, left_out=["softmax"], reason="one round alone"),
        row(ONE, math.nan, status="failed", reason="one round alone"),
    ],
)
def test_a_measurement_that_is_not_usable_enters_no_table(unusable: Measurement) -> None:
    table = table_of(unusable, row(TWO, 2.0))
    assert table.entries.keys() == {TWO.id}
    assert table.missing == {ONE.id: "one round alone"}


def test_a_noisy_measurement_enters_the_table() -> None:
    assert table_of(row(ONE, 1.0, 0.1, status="noisy")).entries == {ONE.id: Entry(1.0, 0.1)}


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_of_several_measurements_enters_the_table(order: int) -> None:
    measurements = [row(ONE, 1.0, session=1), row(ONE, 3.0, session=2), lost(row(ONE, 5.0, session=3))]
    assert table_of(*measurements[::order]).latency([ONE]) == 3.0


def test_graphs_are_left_out() -> None:
    table = table_of(row(ONE, 1.0), row(nb.Graph([ONE, TWO]), 3.0))
    assert table.entries.keys() == {ONE.id}


def test_the_table_knows_its_environment() -> None:
    table = table_of(row(ONE, 1.0))
    assert (table.platform, table.method, table.machine) == ("some", "whole", "some cpu")
    assert table.versions == {"some-runtime": "1.0"}
    assert repr(table) == "LatencyTable(1 layers on some, whole; some-runtime 1.0)"
    unknown = nb.LatencyTable.from_results(Measurements([row(ONE, 1.0)]))
    assert (unknown.machine, unknown.versions) == ("", {})


def test_several_platforms_need_a_choice() -> None:
    both = results_of([row(ONE, 1.0, platform="one"), row(ONE, 2.0, platform="two")])
    with pytest.raises(InvalidInputError, match="platform: a latency table is of one platform, .* of one, two; give"):
        nb.LatencyTable.from_results(both)
    assert nb.LatencyTable.from_results(both, "two").latency([ONE]) == 2.0


def test_several_methods_need_a_choice_but_the_method_none_is_left_out() -> None:
    results = results_of([row(ONE, math.nan, method="none"), row(ONE, 1.0), row(ONE, 2.0, method="estimated")])
    with pytest.raises(InvalidInputError, match="of one method, these results are of estimated, whole; give one"):
        nb.LatencyTable.from_results(results)
    assert nb.LatencyTable.from_results(results, method="whole").latency([ONE]) == 1.0


def test_several_environments_need_a_choice_and_are_named_with_their_versions() -> None:
    measurements = [row(ONE, 1.0), row(ONE, 2.0, environment="there")]
    facts = {**HERE, "there": Environment(versions={"ai-edge-litert": "1.0"})}
    both = nb.Results(measurements, facts)
    with pytest.raises(InvalidInputError, match=r"of one environment, .* there \(ai-edge-litert 1\.0\); give one"):
        nb.LatencyTable.from_results(both)
    assert nb.LatencyTable.from_results(both, environment="there").versions == {"ai-edge-litert": "1.0"}
    assert nb.LatencyTable.from_results(both, environment="here").versions == {"some-runtime": "1.0"}


# ---------------------------------------------------------------------- the price in a context

MIB = 2**20


def placed(layer: nb.Layer, ms: float, context: str, distance_bytes: float) -> Measurement:
    return replace(row(layer, ms), context=context, distance_bytes=distance_bytes)


@pytest.fixture
def two_contexts() -> nb.LatencyTable:
    """Two layers that take 1 and 2 ms at 1 MiB, and half as much again at 16 MiB."""
    return table_of(
        *(placed(layer, ms, str(MIB), MIB) for layer, ms in ((ONE, 1.0), (TWO, 2.0))),
        *(placed(layer, ms, "cold", 16 * MIB) for layer, ms in ((ONE, 1.5), (TWO, 3.0))),
    )


@given(st.integers(0, 40))
def test_a_price_between_two_contexts_is_between_their_prices_and_grows_with_the_distance(power: int) -> None:
    table = table_of(placed(ONE, 1.0, str(MIB), MIB), placed(ONE, 1.5, "cold", 16 * MIB))
    near, far = table.latency([ONE], 2**power), table.latency([ONE], 2 ** (power + 1))
    assert 1.0 <= near <= far <= 1.5


def test_a_network_is_priced_in_the_context_that_it_makes(two_contexts: nb.LatencyTable) -> None:
    assert two_contexts.latency([ONE, TWO], 4 * MIB) == pytest.approx(3.75)  # half way, over the logarithm
    assert two_contexts.latency([ONE, TWO], "cold") == pytest.approx(4.5)
    assert two_contexts.latency([ONE, TWO], "loop") == pytest.approx(3.0)  # it touches less than 1 MiB
    told = two_contexts.interpolation([ONE, TWO], 4 * MIB)
    assert told[["nearest_bytes", "furthest_bytes"]].to_numpy().tolist() == [[MIB, 16 * MIB]] * 2
    assert two_contexts.contexts == (str(MIB), "cold")


def test_a_table_in_contexts_is_read_back(two_contexts: nb.LatencyTable, tmp_path: Path) -> None:
    two_contexts.save(tmp_path / "table.json")
    assert nb.LatencyTable.load(tmp_path / "table.json") == two_contexts


def test_a_context_that_cannot_be_priced_is_refused(two_contexts: nb.LatencyTable) -> None:
    alone = table_of(placed(ONE, 1.0, "network", 24 * MIB))
    with pytest.raises(InvalidInputError, match="measured at one distance only"):
        alone.latency([ONE], "loop")
    with pytest.raises(InvalidInputError, match="no layer of this table was measured cold"):
        alone.latency([ONE], "cold")
    with pytest.raises(InvalidInputError, match="expected 'loop', 'cold' or a number of bytes, got 'warm'"):
        two_contexts.latency([ONE], "warm")
    with pytest.raises(UnknownLayerError, match="was not measured on some"):
        two_contexts.latency(layers_of(77), "loop")


def test_a_layer_without_weights_needs_one_context() -> None:
    add = nb.Layer(op="add", height=8, in_channels=16)
    table = table_of(placed(add, 1.0, "network", 24 * MIB), placed(ONE, 1.0, "cold", MIB))
    assert table.latency([add], "loop") == 1.0

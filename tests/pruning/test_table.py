"""The table prices any network of its space, and nothing that it does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import UnknownLayerError
from nnbehave.pruning.table import Entry

SPACE = nb.load_space("ofa_mobilenet_v3")


@pytest.fixture(scope="module")
def table() -> nb.LatencyTable:
    results = nb.sweep(SPACE.unrolled(), platforms="simulated?law=power&noise=0", method="estimated", progress=False)
    return nb.LatencyTable.from_results(results)


@pytest.mark.parametrize("seed", range(20))
def test_every_network_of_its_space_has_the_sum_of_its_layers(table: nb.LatencyTable, seed: int) -> None:
    network = SPACE.sample(seed)
    assert table.latency(network) == pytest.approx(sum(table.entries[layer.id].latency_ms for layer in network.layers))
    low, high = table.latency_interval(network)
    assert low < table.latency(network) < high
    assert table.interpolated(network) == []


def test_a_layer_that_it_does_not_know_is_named_and_never_free(table: nb.LatencyTable) -> None:
    strange = nb.Layer(op="conv", height=9, in_channels=3, out_channels=5, kernel=3)
    with pytest.raises(UnknownLayerError, match=rf"^{strange.id} was not measured on simulated"):
        table.latency([*SPACE.sample(0).layers, strange])


def test_what_has_no_latency_is_refused_with_the_reason() -> None:
    layers = [nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3) for n in (8, 9)]
    results = nb.measure(layers, platforms="simulated?fail_at=9", method="estimated", progress=False)
    table = nb.LatencyTable.from_results(results)
    with pytest.raises(UnknownLayerError, match="has no latency on simulated.*takes no out_channels of 9"):
        table.of_layer(layers[1])
    alone = nb.measure(layers[1:], platforms="simulated?fail_at=9", method="estimated", progress=False)
    with pytest.raises(InvalidInputError, match="no layer of these results has a latency"):
        nb.LatencyTable.from_results(alone)


def test_along_a_step_map_it_interpolates_and_says_so() -> None:
    base = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)
    results = nb.sweep(
        layer=base,
        dimension="out_channels",
        values=range(1, 257, 3),
        platforms="simulated",
        method="estimated",
        progress=False,
    )
    table = nb.LatencyTable.from_results(results)
    between = base.replace(out_channels=150)
    assert between.id not in table.entries
    assert table.of_layer(between) == pytest.approx((20 + 40 * 10) / 1e3, rel=1e-3)
    network = nb.Graph([between])
    assert table.interpolated(network) == [between.id]
    with pytest.raises(UnknownLayerError):
        table.of_layer(base.replace(out_channels=300))
    with pytest.raises(UnknownLayerError):
        table.of_layer(between.replace(in_channels=9))


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_it_survives_its_file(table: nb.LatencyTable, tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs nnbehave[parquet]")
    table.save(tmp_path / f"table.{suffix}")
    assert nb.LatencyTable.load(tmp_path / f"table.{suffix}") == table


def test_a_table_with_maps_survives_its_file(tmp_path: Path) -> None:
    base = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)
    results = nb.sweep(
        layer=base,
        dimension="out_channels",
        values=range(1, 65),
        platforms="simulated",
        method="estimated",
        progress=False,
    )
    made = nb.LatencyTable.from_results(results)
    made.save(tmp_path / "t.json")
    assert nb.LatencyTable.load(tmp_path / "t.json") == made
    assert made.maps[0].width == 16


def test_of_another_runtime_version_it_warns(table: nb.LatencyTable, tmp_path: Path) -> None:
    replace(table, versions={"numpy": "0.1"}).save(tmp_path / "t.json")
    with pytest.warns(UserWarning, match=r"measured with numpy 0\.1, and .* is here: measure it again"):
        nb.LatencyTable.load(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no latency table"),
        ("[]", "no latency table"),
        ("{}", "no latency table"),
        (
            json.dumps({"format": "nnbehave.latency_table", "version": 9, "entries": {}}),
            "version 9; this nnbehave reads",
        ),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        nb.LatencyTable.load(tmp_path / "t.json")
    with pytest.raises(InvalidInputError, match="no latency table"):
        nb.LatencyTable.load(tmp_path / "no.json")


def test_two_platforms_make_no_table(tmp_path: Path) -> None:
    layers = [nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)]
    both = nb.measure(layers, platforms=["simulated", "simulated?width=8"], method="estimated", progress=False)
    with pytest.raises(
        InvalidInputError, match="of one platform, and these results are of simulated, simulated.width=8: give one"
    ):
        nb.LatencyTable.from_results(both)
    assert nb.LatencyTable.from_results(both, "simulated").platform == "simulated"


def test_another_suffix_is_refused(table: nb.LatencyTable, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"saved as .json or .parquet"):
        table.save(tmp_path / "t.txt")


def test_once_for_all_finds_its_blocks(table: nb.LatencyTable, tmp_path: Path) -> None:
    """Keys as its code makes them, for the first block of a stage and for one with a shortcut, SE and hard swish."""
    made = table.export("ofa", tmp_path / "224_lookup_table.yaml")
    assert yaml.safe_load((tmp_path / "224_lookup_table.yaml").read_text()) == made
    assert "Conv-input:224x224x3-output:112x112x16" in made
    first = "expanded_conv-input:112x112x16-output:56x56x24-expand:48-kernel:3-stride:2-idskip:0-se:0-hs:0"
    later = "expanded_conv-input:14x14x112-output:14x14x112-expand:672-kernel:5-stride:1-idskip:1-se:1-hs:1"
    fields = {"in_channels": 16, "out_channels": 24, "kernel": 3, "stride": 2, "activation": "relu", "expansion": 3}
    assert made[first]["mean"] == table.of_layer(nb.Layer(op="mobilenet_v2", height=112, **fields))
    assert later in made
    assert len(made) == len(table.entries)


def test_nn_meter_reads_what_it_has_names_for() -> None:
    layers = [
        nb.Layer(op="conv", height=13, in_channels=212, out_channels=176, kernel=1, activation="relu"),
        nb.Layer(op="dwconv", height=13, in_channels=8, kernel=3),
        nb.Layer(op="gelu", height=13, in_channels=8),
    ]
    results = nb.measure(layers, platforms="simulated", method="estimated", progress=False)
    made = nb.LatencyTable.from_results(results).export("nn_meter")
    assert made["config"]["conv-relu"][layers[0].id] == {
        "model": "",
        "shapes": [[13, 13, 212]],
        "config": {"HW": 13, "CIN": 212, "COUT": 176, "KERNEL_SIZE": 1, "STRIDES": 1},
    }
    assert made["profiled"]["conv-relu"][layers[0].id] == {"latency": "0.46 +- 4.6e-05"}
    assert made["left_out"] == {"layers": [layers[2].id]}


def test_what_a_tool_cannot_take_in_is_named(tmp_path: Path) -> None:
    layer = nb.Layer(op="gelu", height=13, in_channels=8)
    table = nb.LatencyTable.from_results(nb.measure([layer], platforms="simulated", method="estimated", progress=False))
    with pytest.raises(InvalidInputError, match=f"nothing like {layer.id}"):
        table.export("ofa")
    with pytest.raises(InvalidInputError, match="one of ofa, nn_meter"):
        table.export("nni")
    with pytest.raises(InvalidInputError, match="written as .json or .yaml"):
        table.export("nn_meter", tmp_path / "t.txt")


# ---------------------------------------------------------------------- what must not be priced silently


def convs(*channels: int) -> list[nb.Layer]:
    return [nb.Layer(op="conv", height=7, in_channels=8, out_channels=n, kernel=3) for n in channels]


def measured(*layers: nb.Layer, platform: str = "simulated") -> nb.LatencyTable:
    return nb.LatencyTable.from_results(nb.measure(layers, platforms=platform, method="estimated", progress=False))


def test_layers_may_come_from_anything_that_yields_them() -> None:
    table = measured(*convs(8, 16))
    assert table.latency(layer for layer in convs(8, 16)) == table.latency(convs(8, 16))
    with pytest.raises(UnknownLayerError, match="cout99"):
        table.latency(layer for layer in convs(8, 99))
    with pytest.raises(InvalidInputError, match="of_layer takes one layer"):
        table.latency(convs(8)[0])


def test_a_layer_that_is_there_twice_is_off_by_the_same_twice() -> None:
    table = replace(measured(*convs(8)), entries={convs(8)[0].id: Entry(1.0, 0.1)})
    assert table.latency_interval(convs(8) * 9) == pytest.approx((9 - 1.96 * 0.9, 9 + 1.96 * 0.9))


def test_a_latency_of_which_nothing_is_sure_is_none(tmp_path: Path) -> None:
    results = nb.measure(convs(8, 16), platforms="simulated", method="estimated", progress=False)
    unsure = results.frame["subject"] == convs(8)[0].id
    results.frame.loc[unsure, ["std_error_ms", "reason"]] = float("inf"), "one round alone"
    table = nb.LatencyTable.from_results(results)
    assert table.missing == {convs(8)[0].id: "one round alone"}
    table.save(tmp_path / "t.json")
    assert nb.LatencyTable.load(tmp_path / "t.json") == table


def test_nothing_is_interpolated_where_there_is_no_law() -> None:
    results = nb.sweep(
        layer=convs(8)[0],
        dimension="out_channels",
        values=[1, 64],
        platforms="simulated?width=32",
        method="estimated",
        progress=False,
    )
    table = nb.LatencyTable.from_results(results)
    assert table.maps[0].kind == "unexplained"
    with pytest.raises(UnknownLayerError, match="lies on no step map"):
        table.of_layer(convs(33)[0])


def test_what_was_only_loaded_is_left_out_and_a_method_can_be_chosen(tmp_path: Path) -> None:
    for method in ("none", "estimated", "whole"):
        nb.measure(convs(8), platforms="simulated", method=method, store=tmp_path / "r.db", progress=False)
    results = nb.load_results(tmp_path / "r.db")
    with pytest.raises(InvalidInputError, match="of one method, and these results are of estimated, whole: give one"):
        nb.LatencyTable.from_results(results)
    assert nb.LatencyTable.from_results(results, method="whole").method == "whole"


def test_of_several_environments_it_names_their_versions() -> None:
    results = nb.measure(convs(8), platforms="simulated", method="estimated", progress=False)
    (here,) = results.environments
    other = results.frame.assign(environment="e2")
    facts = {**results.environments, "e2": {"versions": {"ai-edge-litert": "1.0"}}}
    both = nb.Results(pd.concat([results.frame, other]), environments=facts)
    with pytest.raises(InvalidInputError, match=r"of one environment, .* e2 \(ai-edge-litert 1\.0\): give one"):
        nb.LatencyTable.from_results(both)
    assert nb.LatencyTable.from_results(both, environment="e2").versions == {"ai-edge-litert": "1.0"}
    assert nb.LatencyTable.from_results(both, environment=here).versions != {"ai-edge-litert": "1.0"}


@pytest.mark.parametrize(
    "change",
    [
        {"entries": {"conv": [float("nan"), 0.1]}},
        {"entries": {"conv": [0.0, 0.1]}},
        {"entries": {"conv": [-1.0, 0.1]}},
        {"entries": {"conv": ["a", 0.1]}},
        {"entries": {"conv": [1.0]}},
        {"entries": None},
        {"versions": ["numpy"]},
        {"missing": 3},
        {"maps": [{"kind": "flat"}]},
    ],
)
def test_a_damaged_file_is_refused(table: nb.LatencyTable, tmp_path: Path, change: dict[str, object]) -> None:
    table.save(tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text())
    (tmp_path / "t.json").write_text(json.dumps(data | change))
    with pytest.raises(InvalidInputError, match="is no latency table"):
        nb.LatencyTable.load(tmp_path / "t.json")


# ---------------------------------------------------------------------- other tools


def test_once_for_all_finds_the_end_of_a_network() -> None:
    """``Logits`` has the bare number of classes, as its code asks."""
    layers = [
        nb.Layer(op="globalavgpool", height=7, in_channels=960),
        nb.Layer(op="conv", height=1, in_channels=960, out_channels=1280, kernel=1, activation="hardswish"),
        nb.Layer(op="dense", in_channels=1280, out_channels=1000),
    ]
    assert list(measured(*layers).export("ofa")) == [
        "AvgPool2D-input:7x7x960-output:1x1x960",
        "Conv_2-input:1x1x960-output:1x1x1280",
        "Logits-input:1x1x1280-output:1000",
    ]


@pytest.mark.parametrize("changes", [{"precision": "int8"}, {"kernel": 5}, {"activation": "relu"}])
def test_two_layers_that_a_tool_calls_the_same_are_named(changes: dict[str, object]) -> None:
    (layer,) = convs(8)
    other = layer.replace(**changes)
    with pytest.raises(InvalidInputError, match=f"calls {layer.id} and {other.id} the same, Conv-input:7x7x8"):
        measured(layer, other).export("ofa")


@pytest.mark.parametrize("changes", [{"batch": 4}, {"activation": "swish"}])
def test_once_for_all_has_no_batches_and_no_other_activations(changes: dict[str, object]) -> None:
    layer = convs(8)[0].replace(**changes)
    with pytest.raises(InvalidInputError, match="have nothing like"):
        measured(layer).export("ofa")


def test_nn_meter_s_data_are_of_one_precision_and_of_no_batch() -> None:
    (layer,) = convs(8)
    with pytest.raises(InvalidInputError, match="of one precision; this table has fp32, int8"):
        measured(layer, layer.replace(precision="int8")).export("nn_meter")
    assert measured(layer, layer.replace(batch=2)).export("nn_meter")["left_out"]["layers"] == [
        layer.replace(batch=2).id
    ]

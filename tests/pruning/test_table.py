"""The table prices any network of its space, and nothing that it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import UnknownLayerError

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
    from dataclasses import replace

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

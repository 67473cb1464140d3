"""nn-Meter: the data have its names and forms."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from tests.pruned import results_of
from tests.rows import row

CONV = nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)


def table_of(*layers: nb.Layer) -> nb.LatencyTable:
    return nb.LatencyTable.from_results(results_of(row(layer, 0.46, 1e-4) for layer in layers))


def test_layers_have_nn_meter_s_names_and_the_others_are_listed() -> None:
    layers = [
        nb.Layer(op="conv", height=13, in_channels=212, out_channels=176, kernel=1, activation="relu"),
        nb.Layer(op="dwconv", height=13, in_channels=8, kernel=3),
        nb.Layer(op="gelu", height=13, in_channels=8),
    ]
    made = table_of(*layers).export("nn_meter")
    assert made["config"]["conv-relu"][layers[0].id] == {
        "model": "",
        "shapes": [[13, 13, 212]],
        "config": {"HW": 13, "CIN": 212, "COUT": 176, "KERNEL_SIZE": 1, "STRIDES": 1},
    }
    assert made["profiled"]["conv-relu"][layers[0].id] == {"latency": "0.46 +- 4.6e-05"}
    assert made["config"]["dwconv"].keys() == made["profiled"]["dwconv"].keys() == {layers[1].id}
    assert made["left_out"] == {"layers": [layers[2].id]}


def test_several_precisions_are_refused_and_batches_are_left_out() -> None:
    with pytest.raises(InvalidInputError, match="of one precision; this table has fp32, int8"):
        table_of(CONV, CONV.replace(precision="int8")).export("nn_meter")
    batch = CONV.replace(batch=2)
    assert table_of(CONV, batch).export("nn_meter")["left_out"]["layers"] == [batch.id]

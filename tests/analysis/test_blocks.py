"""Blocks beside one another, from measurements whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest

import nnbehave as nb
from nnbehave.analysis import Blocks, compare_blocks
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements
from tests import rows


def layer(op: str, height: int = 28, **others: Any) -> nb.Layer:
    return nb.Layer(op=op, height=height, in_channels=64, kernel=3, **others)


def row(op: str, ms: float, height: int = 28, **changes: Any) -> Measurement:
    return rows.row(layer(op, height), ms, **changes)


def compared(*measured: Measurement) -> Blocks:
    return compare_blocks(Measurements(measured))


def test_pairs_that_operations_order_wrongly_are_counted() -> None:
    """Latency follows the memory accesses of three blocks, and the operations of two of the three pairs not."""
    v1, resnet, shuffle = (layer(op) for op in ("mobilenet_v1", "resnet_basic", "shufflenet_v2"))
    assert v1.mac < resnet.mac < shuffle.mac
    assert shuffle.ops < v1.ops < resnet.ops
    found = compared(row("mobilenet_v1", 2.0), row("resnet_basic", 3.0), row("shufflenet_v2", 4.0))
    (stage,) = found.stages.to_dict("records")
    assert (stage["fastest"], stage["sure"], stage["pairs"]) == ("mobilenet_v1", True, 3)
    assert (stage["ops_wrong"], stage["mac_wrong"]) == (pytest.approx(2 / 3), 0.0)
    table = found.frame.set_index("op")
    expected = [2.0, shuffle.ops / v1.ops, shuffle.mac / v1.mac]
    assert table.loc["shufflenet_v2", ["relative", "relative_ops", "relative_mac"]].tolist() == expected
    assert "28x28x64: mobilenet_v1 is the fastest; OPs order 67% of 3 pairs wrongly, mac 0%" in repr(found)
    assert found.plot().get_xlabel() == "latency relative to mobilenet_v1"


def test_each_stage_has_its_own_fastest_and_a_tie_is_not_sure() -> None:
    stages = compared(
        *(row("fire", 1.0), row("mobilenet_v1", 2.0)),
        *(row("fire", 1.0, height=14), row("mobilenet_v1", 0.999, height=14)),
    ).stages
    assert stages["fastest"].tolist() == ["fire", "mobilenet_v1"]
    assert stages["sure"].tolist() == [True, False]
    assert stages["pairs"].tolist() == [1, 0]


def test_without_the_base_block_the_one_with_the_fewest_operations_is_the_base() -> None:
    assert layer("shufflenet_v2").ops < layer("fire").ops
    found = compared(row("fire", 1.0), row("shufflenet_v2", 2.0))
    assert set(found.frame["base"]) == {"shufflenet_v2"}


def test_of_several_layers_of_one_block_the_first_counts() -> None:
    found = compared(row("fire", 1.0), row("fire", 9.0), row("mobilenet_v1", 2.0))
    assert found.frame["latency_ms"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "measured",
    [
        [row("fire", 1.0)],
        [row("fire", 1.0), row("mobilenet_v1", 1.0, status="unsupported")],
        [row("fire", 1.0), row("mobilenet_v1", 1.0, platform="other")],
        [row("fire", 1.0), row("mobilenet_v1", 1.0, height=14)],
    ],
)
def test_blocks_that_cannot_be_compared_are_refused(measured: list[Measurement]) -> None:
    with pytest.raises(InvalidInputError, match="no two blocks"):
        compared(*measured)

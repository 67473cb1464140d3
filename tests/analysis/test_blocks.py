"""Blocks beside one another, from frames whose truth is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from nnbehave.analysis import compare_blocks
from nnbehave.errors import InvalidInputError
from tests import rows


def row(op: str, ms: float, ops: int, mac: int, **changes: Any) -> dict[str, Any]:
    shape = {"height": 28, "width": 28, "in_channels": 64, "kernel": 3, "stride": 1, "batch": 1}
    return rows.row(op, ms, **{"op": op, "ops": ops, "mac": mac, **shape, **changes})


def test_operations_that_order_blocks_wrongly_are_counted() -> None:
    """Three blocks; the one with the most operations is the fastest, the one with the most accesses the slowest."""
    measured = [row("mobilenet_v1", 2.0, 100, 100), row("fire", 1.0, 300, 50), row("shufflenet_v2", 3.0, 200, 200)]
    found = compare_blocks(pd.DataFrame(measured))
    (stage,) = found.stages.to_dict("records")
    assert (stage["fastest"], stage["sure"], stage["pairs"]) == ("fire", True, 3)
    assert (stage["ops_wrong"], stage["mac_wrong"]) == (pytest.approx(2 / 3), 0.0)
    table = found.frame.set_index("op")
    assert table.loc["shufflenet_v2", ["relative", "relative_ops", "relative_mac"]].tolist() == [1.5, 2.0, 2.0]
    assert "fire is the fastest; OPs order 67% of 3 pairs wrongly, mac 0%" in repr(found)
    assert found.plot().get_xlabel() == "latency relative to mobilenet_v1"


def test_each_stage_has_its_own_fastest_and_a_tie_is_not_sure() -> None:
    measured = [row("fire", 1.0, 1, 1), row("mobilenet_v1", 2.0, 1, 1)]
    measured += [row("fire", 1.0, 1, 1, height=14), row("mobilenet_v1", 0.999, 1, 1, height=14)]
    stages = compare_blocks(pd.DataFrame(measured)).stages
    assert stages["fastest"].tolist() == ["fire", "mobilenet_v1"]
    assert stages["sure"].tolist() == [True, False]


def test_without_the_base_the_block_with_the_fewest_operations_is_it() -> None:
    found = compare_blocks(pd.DataFrame([row("fire", 1.0, 300, 1), row("shufflenet_v2", 2.0, 200, 1)]))
    assert set(found.frame["base"]) == {"shufflenet_v2"}


def test_of_several_layers_of_an_operator_the_first_counts() -> None:
    found = compare_blocks(
        pd.DataFrame([row("fire", 1.0, 1, 1), row("fire", 9.0, 1, 1), row("mobilenet_v1", 2.0, 1, 1)])
    )
    assert found.frame["latency_ms"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "measured",
    [
        [row("fire", 1.0, 1, 1)],
        [row("fire", 1.0, 1, 1), row("mobilenet_v1", 1.0, 1, 1, status="unsupported")],
        [row("fire", 1.0, 1, 1), row("mobilenet_v1", 1.0, 1, 1, platform="other")],
        [row("fire", 1.0, 1, 1), row("mobilenet_v1", 1.0, 1, 1, height=14)],
    ],
)
def test_nothing_to_compare_is_said(measured: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidInputError, match="no two blocks"):
        compare_blocks(pd.DataFrame(measured))

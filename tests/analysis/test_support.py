"""The support matrix, from measurements alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.analysis import support_matrix
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurements
from tests.rows import row

INT8 = nb.Layer(op="conv", height=14, in_channels=8, out_channels=8, kernel=3, precision="int8")
RELU = nb.Layer(op="relu", height=14, in_channels=8, precision="int8")


def matrix(*changes: dict[str, Any]) -> pd.DataFrame:
    """The support matrix of one layer a change, of different channels."""
    layers = [INT8.replace(in_channels=8 + i) for i in range(len(changes))]
    rows = [
        row(layer, 1.0, output_error=0.01, **change) if "output_error" not in change else row(layer, 1.0, **change)
        for layer, change in zip(layers, changes, strict=True)
    ]
    return support_matrix(Measurements(rows))


WHY = {"reason": "why"}


@pytest.mark.parametrize(
    ("changes", "support"),
    [
        ([{}, {}], "full"),
        ([{"executed_precision": "unknown"}], "full"),  # a reshape computes nothing
        ([{"executed_precision": None}], "full"),
        ([{"executed_precision": "fp32", **WHY}], "partial"),
        ([{"placement": "fallback", **WHY}], "partial"),
        ([{"placement": None, **WHY}], "partial"),
        ([{}, {"status": "unsupported", **WHY}], "partial"),
        ([{"status": "failed", **WHY}, {"status": "timeout", **WHY}], "none"),
    ],
)
def test_full_partial_and_none(changes: list[dict[str, Any]], support: str) -> None:
    (cell,) = matrix(*changes).to_dict("records")
    assert cell["support"] == support
    assert cell["layers"] == len(changes)
    assert cell["reason"] == ("" if support == "full" else "why")


def test_a_cell_says_what_ran_where_and_how_wrong_it_was() -> None:
    other = {"executed_precision": "fp32", "placement": "partial", "output_error": 0.02}
    (cell,) = matrix({}, other).to_dict("records")
    assert (cell["executed_precision"], cell["placement"], cell["output_error"]) == ("fp32, int8", "partial", 0.02)
    nothing = {"status": "unsupported", "executed_precision": None, "placement": None, "output_error": float("nan")}
    (cell,) = matrix(nothing).to_dict("records")
    assert (cell["executed_precision"], cell["placement"]) == ("", "")
    assert pd.isna(cell["output_error"])


def test_two_environments_are_two_matrices() -> None:
    table = matrix({}, {"environment": "there", "executed_precision": "fp32", "reason": "why"})
    assert dict(zip(table["environment"], table["support"], strict=True)) == {"here": "full", "there": "partial"}


def test_a_graph_of_several_operators_stands_under_its_arrangement() -> None:
    graph = nb.Graph([INT8, RELU], "pair")
    assert support_matrix(Measurements([row(graph, 1.0)]))["op"].tolist() == ["pair"]


def test_the_most_frequent_reason_comes_first() -> None:
    rare, often = ({"status": "failed", "reason": reason} for reason in ("rare", "often"))
    assert matrix(rare, often, often).loc[0, "reason"] == "often; rare"


def test_no_measurements_make_no_cells() -> None:
    assert support_matrix(Measurements()).empty


def test_an_input_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected Results or their frame, got list"):
        support_matrix([1])  # type: ignore[arg-type]

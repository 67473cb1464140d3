"""The support matrix, from rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nnbehave.analysis import support_matrix

ROW = {
    "platform": "p",
    "environment": "here",
    "op": "conv",
    "arrangement": "single",
    "precision": "int8",
    "status": "ok",
    "executed_precision": "int8",
    "placement": "full",
    "output_error": 0.01,
    "reason": "",
}


def matrix(*changes: dict[str, object]) -> pd.DataFrame:
    return support_matrix(pd.DataFrame([{**ROW, "subject": str(i), **change} for i, change in enumerate(changes)]))


def test_full_partial_and_none() -> None:
    told = {"reason": "why"}
    cases = [
        ([{}, {}], "full"),
        ([{"executed_precision": "unknown"}], "full"),  # a reshape computes nothing
        ([{"executed_precision": "fp32", **told}], "partial"),
        ([{"placement": "fallback", **told}], "partial"),
        ([{}, {"status": "unsupported", **told}], "partial"),
        ([{"status": "failed", **told}, {"status": "timeout", **told}], "none"),
    ]
    for changes, support in cases:
        (cell,) = matrix(*changes).to_dict("records")
        assert cell["support"] == support
        assert cell["layers"] == len(changes)
        assert cell["reason"] == ("" if support == "full" else "why")


def test_a_cell_says_what_ran_where_and_how_wrong_it_was() -> None:
    other = {"executed_precision": "fp32", "placement": "partial", "output_error": 0.02}
    (cell,) = matrix({}, other).to_dict("records")
    assert (cell["executed_precision"], cell["placement"], cell["output_error"]) == ("fp32, int8", "partial", 0.02)
    nothing = {"status": "unsupported", "executed_precision": None, "placement": None, "output_error": np.nan}
    (cell,) = matrix(nothing).to_dict("records")
    assert (cell["executed_precision"], cell["placement"]) == ("", "")


def test_two_environments_are_two_matrices() -> None:
    table = matrix({}, {"environment": "there", "executed_precision": "fp32", "reason": "why"})
    assert dict(zip(table["environment"], table["support"], strict=True)) == {"here": "full", "there": "partial"}


def test_graphs_of_several_operators_are_told_by_their_arrangement() -> None:
    assert list(matrix({"op": None, "arrangement": "network"})["op"]) == ["network"]


def test_the_most_frequent_reason_comes_first() -> None:
    rare, often = ({"status": "failed", "reason": reason} for reason in ("rare", "often"))
    assert matrix(rare, often, often).loc[0, "reason"] == "often; rare"


def test_no_rows_make_no_cells() -> None:
    assert support_matrix(pd.DataFrame(columns=[*ROW, "subject"])).empty

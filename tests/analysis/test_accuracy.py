"""Drops of accuracy, judged from scores whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import nnbehave as nb
from nnbehave.analysis import Accuracy, Scored


def scored(scores: npt.ArrayLike | None, **others: Any) -> Scored:
    return Scored("some", "int8", scores, executed_precision="int8", **others)


def only(found: Accuracy) -> dict[Any, Any]:
    (row,) = found.frame.to_dict("records")
    return row


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [(0, "keeps"), (4, "keeps"), (11, "cannot tell"), (60, "loses")],
)
def test_a_verdict_needs_evidence(wrong: int, verdict: str) -> None:
    base = np.ones(1000)
    lower = base.copy()
    lower[:wrong] = 0
    found = only(nb.judge_accuracy(base, [scored(lower)]))
    assert found["verdict"] == verdict
    assert found["drop"] == pytest.approx(wrong / 1000)
    assert found["drop_low"] < found["drop"] < found["drop_high"]


def test_fifty_examples_do_not_suffice_even_if_none_changed() -> None:
    found = only(nb.judge_accuracy(np.ones(50), [scored(np.ones(50))]))
    assert (found["drop"], found["verdict"]) == (0, "cannot tell")


def test_intervals_hold_the_truth_at_their_rate() -> None:
    """Of the examples one in 20 is lost and one in 50 gained, so that the mean falls by 0.03."""
    rng = np.random.default_rng(0)
    held, width = 0, []
    for _ in range(400):
        base = rng.random(300) < 0.8
        after = np.where(base, rng.random(300) > 0.05 / 0.8, rng.random(300) < 0.02 / 0.2)
        found = only(nb.judge_accuracy(base, [scored(after)]))
        held += found["drop_low"] <= 0.03 <= found["drop_high"]
        width.append(found["drop_high"] - found["drop_low"])
    assert held / 400 >= 0.93
    exact = 2 * 1.96 * np.sqrt((0.05 + 0.02 - 0.03**2) / 300)  # of a mean of 300 differences of −1, 0 and 1
    assert np.median(width) == pytest.approx(exact, rel=0.15)


def test_one_score_has_no_interval() -> None:
    found = only(nb.judge_accuracy(0.9, [scored(0.7)]))
    assert (found["verdict"], found["drop"]) == ("cannot tell", pytest.approx(0.2))
    assert "let evaluate return one for each example" in found["reason"]


def test_a_precision_that_did_not_run_is_a_row_with_its_reason() -> None:
    judged = nb.judge_accuracy(np.ones(9), [scored(None, reason="no kernel")])
    assert repr(judged) == "some, int8: cannot tell; no kernel"
    assert np.isnan(judged.frame["drop"][0])


def test_the_drop_is_drawn_with_its_tolerance() -> None:
    judged = nb.judge_accuracy(np.ones(900), [scored(np.ones(900), sqnr_db=40.0)], tolerance=0.05)
    assert "the outputs have an SQNR of 40 dB" in repr(judged)
    axes = judged.plot()
    assert axes.get_xlabel() == "drop of the score"
    assert [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == "--"] == [0.05]

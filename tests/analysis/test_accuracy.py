"""Drops of accuracy: from scores whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

import nnbehave as nb


def scored(scores: object, **more: object) -> dict[str, object]:
    return {"platform": "some", "precision": "int8", "executed_precision": "int8", "scores": scores, **more}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(0, "keeps"), (4, "keeps"), (11, "cannot tell"), (60, "loses")],
)
def test_a_verdict_needs_evidence(wrong: int, says: str) -> None:
    base = np.ones(1000)
    lower = base.copy()
    lower[:wrong] = 0
    (found,) = nb.judge_accuracy(base, [scored(lower)]).frame.to_dict("records")
    assert found["verdict"] == says
    assert found["drop"] == pytest.approx(wrong / 1000)
    assert found["drop_low"] < found["drop"] < found["drop_high"]


def test_few_examples_cannot_tell_even_where_none_changed() -> None:
    (found,) = nb.judge_accuracy(np.ones(50), [scored(np.ones(50))]).frame.to_dict("records")
    assert (found["drop"], found["verdict"]) == (0, "cannot tell")


def test_the_interval_holds_the_truth() -> None:
    """Of examples of which one in 20 is lost and one in 50 gained."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        base = rng.random(300) < 0.8
        after = np.where(base, rng.random(300) > 0.05 / 0.8, rng.random(300) < 0.02 / 0.2)
        (found,) = nb.judge_accuracy(base, [scored(after)]).frame.to_dict("records")
        held += found["drop_low"] <= 0.03 <= found["drop_high"]
    assert held / 400 >= 0.93


def test_one_score_has_no_interval() -> None:
    (found,) = nb.judge_accuracy(0.9, [scored(0.7)]).frame.to_dict("records")
    assert (found["verdict"], found["drop"]) == ("cannot tell", pytest.approx(0.2))
    assert "let evaluate return one for each example" in found["reason"]


def test_what_did_not_run_is_a_row_with_its_reason() -> None:
    judged = nb.judge_accuracy(np.ones(9), [scored(None, reason="no kernel")])
    assert repr(judged) == "some, int8: cannot tell; no kernel"
    assert np.isnan(judged.frame["drop"][0])


def test_it_is_drawn_with_its_tolerance() -> None:
    judged = nb.judge_accuracy(np.ones(900), [scored(np.ones(900), sqnr_db=40.0)], tolerance=0.05)
    assert "outputs 40 dB above their error" in repr(judged)
    assert judged.plot().get_xlabel() == "drop of the score"

"""Verdicts on fusion: from frames whose truth is known, and on the simulated platform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from tests.rows import row

A, B, X = "conv_h28_w28_cin8_cout96_k3_s1_fp32", "relu_h28_w28_cin96_cout96_k1_s1_fp32", "shuffle_h28_w28_cin96_fp32"


def frame(added: float, apart: float = 0.2, error: float = 0.001, **changes: Any) -> pd.DataFrame:
    """A takes 1 ms and X 0.3; B takes ``apart`` after X and adds ``added`` to A."""
    times = {A: 1.0, f"{A};{B}": 1 + added, f"{A};{X}": 1.3, f"{A};{X};{B}": 1.3 + apart}
    return pd.DataFrame([row(layers, ms, error, **changes) for layers, ms in times.items()])


def verdict(frame: pd.DataFrame) -> dict[str, Any]:
    (found,) = nb.detect_fusion(frame).frame.to_dict("records")
    return found


@pytest.mark.parametrize(
    ("added", "error", "says"),
    [(0.0, 0.001, "fused"), (0.2, 0.001, "not fused"), (0.1, 0.001, "cannot tell"), (0.0, 0.03, "cannot tell")],
)
def test_a_verdict_needs_evidence(added: float, error: float, says: str) -> None:
    found = verdict(frame(added, error=error))
    assert found["verdict"] == says
    assert found["saved_share"] == pytest.approx(1 - added / 0.2)
    assert found["saved_low"] < found["saved_share"] < found["saved_high"]
    assert (found["first_op"], found["second_op"], found["between"]) == ("conv", "relu", X)


def test_without_anything_between_the_second_alone_is_what_it_takes() -> None:
    rows = frame(0.0)
    alone = pd.concat([rows[rows["layers"].isin([A, f"{A};{B}"])], pd.DataFrame([row(B, 0.2, 0.001)])])
    found = verdict(alone)
    assert (found["verdict"], found["between"], found["saved_share"]) == ("fused", "", pytest.approx(1.0))


def test_layouts_changed_at_the_edges_are_not_taken_for_time_saved() -> None:
    """B alone takes its own time and that of two changes of layout; directly after A it adds its own alone."""
    rows = pd.concat([frame(0.2), pd.DataFrame([row(B, 0.8, 0.001)])])
    assert verdict(rows)["verdict"] == "not fused"


@pytest.mark.parametrize(
    ("added", "kernels", "told", "words"),
    [
        (0.0, ("Convolution:a", "Convolution:a"), "folded", "fused: adds 0%"),
        (
            0.2,
            ("Convolution:a", "Convolution:a"),
            "folded",
            "fused but costly: folded into the kernel before, and adds 100%",
        ),
        (0.2, ("Convolution:a", "Convolution:a;Eltwise:b"), "separate", "not fused: adds 100%"),
        (0.0, ("Convolution:a", "Convolution:a;Eltwise:b"), "separate", "not folded, yet nearly free: adds 0%"),
        (0.0, ("Convolution:a", "Reorder:c;Convolution:a"), "folded", "fused: adds 0%"),
        (0.04, ("Convolution:a", "Convolution:a;Eltwise:b"), "separate", "not fused, but cheap: adds 100%"),
    ],
)
def test_the_runtimes_word_is_set_beside(added: float, kernels: tuple[str, str], told: str, words: str) -> None:
    rows = frame(added, apart=0.04 if added == 0.04 else 0.2, error=0.0002)
    rows.loc[rows["layers"] == A, "kernels"] = kernels[0]
    rows.loc[rows["layers"] == f"{A};{B}", "kernels"] = kernels[1]
    found = verdict(rows)
    assert found["told"] == told
    assert found["words"].startswith(words)
    blind = verdict(rows.assign(kernels=None))
    assert (blind["verdict"], blind["saved_share"]) == (found["verdict"], found["saved_share"])


def test_what_was_measured_in_several_sessions_is_compared_by_references() -> None:
    rows = frame(0.0)
    other = rows["layers"] == A
    rows.loc[other, ["latency_ms", "std_error_ms"]] *= 1.5  # the machine was slow, the references too
    rows.loc[other, "session"] = 2
    assert verdict(rows)["saved_share"] == pytest.approx(1.0)


def test_what_has_no_latency_cannot_be_told() -> None:
    rows = frame(0.0)
    rows.loc[rows["layers"] == f"{A};{B}", ["latency_ms", "status", "reason"]] = [
        np.nan,
        "unsupported",
        "no such kernel",
    ]
    found = verdict(rows)
    assert (found["verdict"], found["words"]) == ("cannot tell", f"{A};{B}: no such kernel")
    assert "no such kernel" in repr(nb.detect_fusion(rows))


def test_platforms_and_methods_are_never_mixed() -> None:
    found = nb.detect_fusion(pd.concat([frame(0.0), frame(0.2, platform="other"), frame(0.2, method="stacked")])).frame
    assert found["verdict"].tolist() == ["fused", "not fused", "not fused"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (pd.DataFrame([row(A, 1.0)]), "no pairs"),
        (pd.DataFrame([row(f"{A};{B}", 1.0)]), "nothing to compare"),
        (pd.DataFrame([row(f"{A};{B}", 1.0), row(A, 1.0)]), "nothing to compare"),
        (pd.DataFrame({"a": [1]}), "lacks the columns"),
        ([1, 2], "expected a Results or its frame, got list"),
    ],
)
def test_nothing_to_judge_is_said(rows: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        nb.detect_fusion(rows)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0]), st.floats(0.02, 1.0), st.floats(0.0005, 0.02))
def test_a_verdict_is_seldom_wrong(seed: int, share: float, apart: float, error: float) -> None:
    """Any ratio of the two, any noise: wrong verdicts are drawn again, and must not come twice in a row."""
    truth = {0.0: "fused", 1.0: "not fused"}[share]
    for attempt in range(2):
        rng = np.random.default_rng([seed, attempt])
        rows = frame(share * apart, apart, error)
        rows["latency_ms"] *= 1 + error * rng.standard_normal(len(rows))
        if verdict(rows)["verdict"] in (truth, "cannot tell"):
            return
    pytest.fail("wrong twice")


def test_intervals_hold_the_truth_and_verdicts_are_right() -> None:
    """A thousand pairs at 2 % noise a round, 24 rounds, the second between a fiftieth and all of the first."""
    rng = np.random.default_rng(3)
    held, wrong, decided = [], [], []
    for _ in range(1000):
        apart, share, error = float(rng.uniform(0.02, 1.0)), float(rng.choice([0.0, 1.0])), 0.02 / 24**0.5
        rows = frame(share * apart, apart, error)
        rows["latency_ms"] *= 1 + error * rng.standard_normal(len(rows))
        found = verdict(rows)
        if not np.isnan(found["saved_share"]):
            held.append(found["saved_low"] <= 1 - share <= found["saved_high"])
        decided.append(found["verdict"] != "cannot tell")
        wrong.append(decided[-1] and found["verdict"] != ("fused" if share == 0 else "not fused"))
    assert np.mean(held) >= 0.93
    assert np.mean(wrong) < 0.01
    assert np.mean(decided) > 0.9


@pytest.mark.process
def test_planted_fusion_is_found() -> None:
    """The simulated platform folds ReLU into a conv, and nothing else."""
    platform = "simulated?law=roofline&fuses=conv+relu&noise=0.02"
    found = nb.check_fusion(
        [("conv", "relu"), ("conv", "hardswish"), ("dwconv", "relu")], platform, rounds=24, progress=False
    )
    verdicts = found.frame.groupby(["first_op", "second_op"])["verdict"].unique().map(list)
    assert verdicts["conv", "relu"] == ["fused"]
    assert verdicts["conv", "hardswish"] == verdicts["dwconv", "relu"] == ["not fused"]
    assert (found.frame["told"] == "folded").tolist() == (found.frame["verdict"] == "fused").tolist()
    assert "conv + relu: fused: adds" in repr(found)
    assert found.plot().get_xlabel().startswith("share of the second")

"""Verdicts on fusion, from measurements whose truth is known and on the simulated platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.analysis import detect_fusion
from nnbehave.errors import InvalidInputError
from nnbehave.records import Execution, Measurement, Measurements
from tests.rows import lost, row, scaled

A = "conv_h28_w28_cin8_cout96_k3_s1_fp32"
B = "relu_h28_w28_cin96_cout96_k1_s1_fp32"
X = "shuffle_h28_w28_cin96_cout96_k1_s1_fp32"
TRUTH = {0.0: "fused", 1.0: "not fused"}  # by the share of its time that the second operator adds


def rows(added: float, apart: float = 0.2, error: float = 0.001, **changes: Any) -> dict[str, Measurement]:
    """A takes 1 ms and X 0.3; B takes ``apart`` after X and adds ``added`` to A."""
    times = {A: 1.0, f"{A};{B}": 1 + added, f"{A};{X}": 1.3, f"{A};{X};{B}": 1.3 + apart}
    return {layers: row(layers, ms, error, **changes) for layers, ms in times.items()}


def noisy(some: dict[str, Measurement], error: float, rng: np.random.Generator) -> list[Measurement]:
    return [scaled(one, 1 + error * rng.standard_normal()) for one in some.values()]


def verdict(some: Iterable[Measurement]) -> dict[Any, Any]:
    (found,) = detect_fusion(Measurements(some)).frame.to_dict("records")
    return found


@pytest.mark.parametrize(
    ("added", "error", "expected"),
    [(0.0, 0.001, "fused"), (0.2, 0.001, "not fused"), (0.1, 0.001, "cannot tell"), (0.0, 0.03, "cannot tell")],
)
def test_a_verdict_needs_evidence(added: float, error: float, expected: str) -> None:
    found = verdict(rows(added, error=error).values())
    assert found["verdict"] == expected
    assert found["saved_share"] == pytest.approx(1 - added / 0.2)
    assert found["saved_low"] < found["saved_share"] < found["saved_high"]
    assert (found["first_op"], found["second_op"], found["between"]) == ("conv", "relu", X)


def test_unknown_errors_give_a_share_and_no_verdict() -> None:
    found = verdict(rows(0.0, error=np.nan).values())
    assert (found["verdict"], found["saved_share"]) == ("cannot tell", pytest.approx(1.0))


def test_without_an_operator_between_the_second_is_measured_alone() -> None:
    some = rows(0.0)
    found = verdict([some[A], some[f"{A};{B}"], row(B, 0.2, 0.001)])
    assert (found["verdict"], found["between"], found["saved_share"]) == ("fused", "", pytest.approx(1.0))


def test_changes_of_layout_at_the_edges_do_not_count_as_saved() -> None:
    """B alone takes its own time and that of two changes of layout; directly after A it adds its own time alone."""
    assert verdict([*rows(0.2).values(), row(B, 0.8, 0.001)])["verdict"] == "not fused"


FIRST, ELTWISE, REORDER = "Convolution:a", "Eltwise:b", "Reorder:c"


@pytest.mark.parametrize(
    ("added", "kernels", "told", "words"),
    [
        (0.0, (FIRST,), "folded", "fused: adds 0%"),
        (0.2, (FIRST,), "folded", "fused but costly: folded into the kernel before, and adds 100%"),
        (0.2, (FIRST, ELTWISE), "separate", "not fused: adds 100%"),
        (0.0, (FIRST, ELTWISE), "separate", "not folded, yet nearly free: adds 0%"),
        (0.0, (REORDER, FIRST), "folded", "fused: adds 0%"),
        (0.04, (FIRST, ELTWISE), "separate", "not fused, but cheap: adds 100%"),
    ],
)
def test_the_report_of_the_runtime_stands_beside_the_verdict(
    added: float, kernels: tuple[str, ...], told: str, words: str
) -> None:
    some = rows(added, apart=0.04 if added == 0.04 else 0.2, error=0.0002)
    seen = some | {
        layers: replace(some[layers], execution=Execution(kernels=names))
        for layers, names in ((A, (FIRST,)), (f"{A};{B}", kernels))
    }
    found = verdict(seen.values())
    assert found["told"] == told
    assert found["words"].startswith(words)
    blind = verdict(some.values())
    assert (blind["told"], blind["verdict"], blind["saved_share"]) == ("", found["verdict"], found["saved_share"])


def test_sessions_are_compared_by_their_references() -> None:
    some = rows(0.0)
    some[A] = scaled(some[A], 1.5, session=2)  # the machine was slow, and the references too
    assert verdict(some.values())["saved_share"] == pytest.approx(1.0)


def test_a_pair_without_a_latency_cannot_be_told() -> None:
    some = rows(0.0)
    some[f"{A};{B}"] = lost(some[f"{A};{B}"])
    found = verdict(some.values())
    assert (found["verdict"], found["words"]) == ("cannot tell", f"{A};{B}: no kernel")
    assert "no kernel" in repr(detect_fusion(Measurements(some.values())))


def test_platforms_and_methods_are_never_mixed() -> None:
    groups = [rows(0.0), rows(0.2, platform="other"), rows(0.2, method="stacked")]
    found = detect_fusion(Measurements(one for group in groups for one in group.values())).frame
    assert found["verdict"].tolist() == ["fused", "not fused", "not fused"]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (Measurements([row(A, 1.0)]), "no pairs"),
        (Measurements([row(f"{A};{B}", 1.0)]), "nothing to compare"),
        (Measurements([row(f"{A};{B}", 1.0), row(A, 1.0)]), "nothing to compare"),
        (pd.DataFrame({"a": [1]}), "lacks the columns"),
        ([1, 2], "expected Results or their frame, got list"),
    ],
)
def test_an_input_without_pairs_is_refused(results: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        detect_fusion(results)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0]), st.floats(0.02, 1.0), st.floats(0.0005, 0.02))
def test_a_verdict_is_seldom_wrong_and_is_given_where_the_noise_allows_it(
    seed: int, share: float, apart: float, error: float
) -> None:
    """At any ratio of the two and any noise. A wrong or missing verdict is drawn again; it must not come twice."""
    # The evidence is the distance of the saved time from one half of the second's time, over its standard error.
    squares = (1 + share * apart) ** 2 + 1 + 0.25 * (1.3**2 + (1.3 + apart) ** 2)
    clear = 0.5 * apart > 6 * error * squares**0.5  # 6 standard errors, where 2.58 are asked for
    allowed = {TRUTH[share]} if clear else {TRUTH[share], "cannot tell"}
    found = []
    for attempt in range(2):
        some = rows(share * apart, apart, error)
        found.append(verdict(noisy(some, error, np.random.default_rng([seed, attempt])))["verdict"])
        if found[-1] in allowed:
            return
    pytest.fail(f"{found} where {allowed} was expected")


def test_intervals_hold_the_truth_and_verdicts_are_right() -> None:
    """A thousand pairs at 2 % noise a round, 24 rounds, the second between a fiftieth and all of the first."""
    rng = np.random.default_rng(3)
    held, wrong, decided = [], [], []
    for _ in range(1000):
        apart, share, error = float(rng.uniform(0.02, 1.0)), float(rng.choice([0.0, 1.0])), 0.02 / 24**0.5
        found = verdict(noisy(rows(share * apart, apart, error), error, rng))
        if not np.isnan(found["saved_share"]):
            held.append(found["saved_low"] <= 1 - share <= found["saved_high"])
        decided.append(found["verdict"] != "cannot tell")
        wrong.append(decided[-1] and found["verdict"] != TRUTH[share])
    assert np.mean(held) >= 0.93
    assert np.mean(wrong) < 0.01
    assert np.mean(decided) > 0.9


@pytest.mark.process
def test_planted_fusion_is_found() -> None:
    """The simulated platform folds ReLU into a conv, and nothing else."""
    platform = "simulated?law=roofline&fuses=conv+relu&noise=0.02"
    pairs = [("conv", "relu"), ("conv", "hardswish"), ("dwconv", "relu")]
    found = nb.check_fusion(pairs, platform, rounds=24, progress=False)
    verdicts = found.frame.groupby(["first_op", "second_op"])["verdict"].unique().map(list)
    assert verdicts["conv", "relu"] == ["fused"]
    assert verdicts["conv", "hardswish"] == verdicts["dwconv", "relu"] == ["not fused"]
    assert (found.frame["told"] == "folded").tolist() == (found.frame["verdict"] == "fused").tolist()
    assert "conv + relu: fused: adds" in repr(found)
    assert found.plot().get_xlabel().startswith("share of the second")

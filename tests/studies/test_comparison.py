"""A/B comparisons: on the simulated platform, whose truth is known, and their arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.statistics import Observation
from nnbehave.studies.comparison import judge, ratio, student_t


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.04, 1.2, "yes"), (0.5, 0.9, "yes"), (0.98, 1.02, "no"), (0.9, 1.1, "cannot tell"), (1.0, 1.05, "cannot tell")],
)
def test_a_verdict_takes_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert judge(low, high, 1 / 1.03, 1.03) == verdict
    assert judge(math.nan, high, 0.97, 1.03) == "cannot tell"


@pytest.mark.process
def test_layers_that_differ_do_and_those_that_do_not_do_not(base: nb.Layer) -> None:
    platform = "simulated?width=8&world=1"
    one, same, more = (base.replace(out_channels=n) for n in (9, 16, 17))
    found = nb.compare(one, more, platform, pairs=20, progress=False)
    assert found.low <= 2 / 3 <= found.high
    assert found.differs(by=0.1) == "yes"
    assert nb.compare(one, same, platform, pairs=20, progress=False).differs(by=0.1) == "no"


@pytest.mark.process
def test_a_comparison_on_a_loud_machine_cannot_tell(base: nb.Layer) -> None:
    one, more = (base.replace(out_channels=n) for n in (100, 113))  # 7 and 8 steps
    found = nb.compare(one, more, "simulated?noise=1.0", pairs=8, processes=2, progress=False)
    assert found.differs(by=0.01) == "cannot tell"
    assert "cannot tell" in repr(found)


def test_what_cannot_be_compared_is_refused(base: nb.Layer) -> None:
    with pytest.raises(InvalidInputError, match="nothing to compare"):
        nb.compare(base, base, "simulated", progress=False)
    with pytest.raises(InvalidInputError, match="can be measured by whole"):
        nb.compare(base, base.replace(kernel=1), "simulated", method="stacked", progress=False)


def test_equal_latencies_are_seldom_told_apart_though_processes_have_their_luck() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        luck = 0.02 * rng.standard_normal((5, 2))
        samples = [
            Observation(part, float(np.exp(luck[p, i] + 0.02 * rng.standard_normal())), "compute", 6 * p + r, p)
            for p in range(5)
            for r in range(6)
            for i, part in enumerate("ab")
        ]
        wrong += ratio(samples, [("a", 1.0)], [("b", 1.0)]).differs(by=0.0) == "yes"
    assert wrong <= 0.05 * 300 + 3 * (0.05 * 0.95 * 300) ** 0.5


def test_no_pairs_no_ratio() -> None:
    assert ratio([], [("a", 1.0)], [("b", 1.0)]).differs() == "cannot tell"


@pytest.mark.parametrize("processes", [2, 11, 30])
def test_the_interval_holds_the_spread_between_any_number_of_processes(processes: int) -> None:
    luck = [1.0 + 0.1 * (-1) ** p for p in range(processes)]  # a process is fast or slow, and its rounds agree
    samples = [
        Observation(part, luck[p] if part == "a" else 1.0, "compute", 40 * p + r, p)
        for p in range(processes)
        for r in range(40)
        for part in "ab"
    ]
    found = ratio(samples, [("a", 1.0)], [("b", 1.0)])
    half = student_t(processes - 1) * float(np.std(luck, ddof=1)) / math.sqrt(processes)
    assert found.low <= found.ratio - half
    assert found.high >= found.ratio + half


def test_student_s_t_is_that_of_the_tables() -> None:
    assert [round(student_t(degrees), 3) for degrees in (1, 10, 11, 30)] == [12.706, 2.228, 2.201, 2.042]

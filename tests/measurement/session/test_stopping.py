"""The rule that ends the measuring of a subject."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.stopping import MOST_EXCESS, Progress, StoppingRule
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate
from nnbehave.records import StopRule

SETTINGS = Settings(interval=0.02, min_rounds=6, max_rounds=60, time_limit_s=10)
RULE = StoppingRule(SETTINGS)

excesses = st.lists(st.floats(0.01, 2e3), min_size=1, max_size=70)


def after(history: list[float], settings: Settings = SETTINGS) -> Progress:
    """Progress after rounds in which the interval was so many times as wide as asked."""
    progress = Progress()
    for rounds, excess in enumerate(history, 1):
        half = excess * settings.interval
        progress.update(Estimate(1.0, 1.0 - half, 1.0 + half, half / 1.96, rounds), settings.interval)
    return progress


@given(excesses)
def test_progress_keeps_the_narrowest_interval_of_each_round(history: list[float]) -> None:
    progress = after(history)
    assert progress.rounds == len(progress.narrowest) == len(history)
    assert progress.narrowest == sorted(progress.narrowest, reverse=True)
    assert progress.narrowest[-1] == pytest.approx(min(MOST_EXCESS, *history))
    assert progress.excess == pytest.approx(min(MOST_EXCESS, history[-1]))


def test_an_interval_without_end_counts_as_very_wide() -> None:
    progress = Progress()
    progress.update(Estimate(1.0, -math.inf, math.inf, math.inf, 2), 0.02)
    assert (progress.rounds, progress.excess, progress.narrowest) == (2, MOST_EXCESS, [MOST_EXCESS] * 2)


@given(excesses, st.floats(0, 100))
def test_no_subject_stops_before_its_fewest_rounds_and_every_one_after_its_most(
    history: list[float], spent_s: float
) -> None:
    rule = RULE(after(history), spent_s)
    if len(history) < SETTINGS.min_rounds:
        assert rule is None
    if len(history) >= SETTINGS.max_rounds:
        assert rule is not None


@given(excesses, st.floats(0, 100))
def test_the_rule_that_is_named_holds(history: list[float], spent_s: float) -> None:
    progress = after(history)
    rule = RULE(progress, spent_s)
    enough = progress.rounds >= SETTINGS.min_rounds
    assert (rule == StopRule.INTERVAL) == (enough and progress.excess <= 1)
    if rule == StopRule.MAX_ROUNDS:
        assert progress.rounds >= SETTINGS.max_rounds
    if rule == StopRule.TIME_LIMIT:
        assert spent_s > SETTINGS.time_limit_s
    if rule in (StopRule.OUT_OF_REACH, StopRule.NO_PROGRESS, None) and enough:
        assert progress.excess > 1
        assert progress.rounds < SETTINGS.max_rounds
        assert spent_s <= SETTINGS.time_limit_s


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        ([1.5] * 30, StopRule.NO_PROGRESS),
        ([1.5] * 20, None),  # not yet the rounds that it could have had
        ([3 / (rounds + 1) ** 0.5 + 1 for rounds in range(30)], None),
        ([2.0] * 18 + [1.5] * 12, None),
        ([200.0] * 11, None),
        ([200.0] * 12, StopRule.OUT_OF_REACH),
        ([5.0] * 23, None),  # 25 times as many rounds: not ten times the most
        ([5.0] * 25, StopRule.OUT_OF_REACH),
        ([1.5] * 60, StopRule.MAX_ROUNDS),
        ([1.5] * 6 + [0.9], StopRule.INTERVAL),
        ([0.9] * 5, None),
    ],
)
def test_each_rule(history: list[float], rule: StopRule | None) -> None:
    assert RULE(after(history), 0.0) == rule


def test_time_that_is_spent_stops_a_subject() -> None:
    assert RULE(after([1.5] * 8), 10.0) is None
    assert RULE(after([1.5] * 8), 10.1) == StopRule.TIME_LIMIT
    assert RULE(after([0.5] * 8), 10.1) == StopRule.INTERVAL


@given(excesses)
def test_a_subject_that_goes_on_needs_a_round_at_least_and_no_more_than_it_may_have(history: list[float]) -> None:
    progress = after(history)
    if RULE(progress, 0.0) is None:
        ahead = RULE.rounds_ahead(progress)
        assert 1 <= ahead <= max(SETTINGS.min_rounds, SETTINGS.max_rounds) - progress.rounds


def test_rounds_ahead_follow_the_law_of_the_square_root() -> None:
    assert RULE.rounds_ahead(after([2.0] * 8)) == 4 * 8 - 8
    assert RULE.rounds_ahead(Progress()) == SETTINGS.min_rounds

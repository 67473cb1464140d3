"""What a session concludes from given samples, without a runner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from nnbehave.measurement.session.events import Sample, Stopped
from nnbehave.measurement.session.knowledge import Knowledge
from nnbehave.measurement.session.schedule import FEWEST_PER_ROUND, Schedule
from nnbehave.measurement.settings import Settings
from nnbehave.records import StopRule

NAMES = [f"layer{i}" for i in range(12)]
TERMS = {name: [(name, 1.0)] for name in NAMES}


def sample(part: str, number: int, us: int, **witnesses: str) -> Sample:
    return Sample(part, number, 0, number // 2, 1, (us * 1000,) * 3, witnesses, 0.0)


def measured(settings: Settings, latency_us: Callable[[str, int], int]) -> tuple[Knowledge, Counter[str]]:
    """Measure all layers until the stopping rule ends it; return what is known and how many samples each had."""
    knowledge, schedule, taken = Knowledge(settings), Schedule(settings), Counter[str]()
    while not knowledge.update(TERMS):
        for turn in schedule.turns(schedule.choose(NAMES, knowledge.done, []), settings.processes - 1):
            for part in turn.parts:
                knowledge.take(sample(part, turn.round, latency_us(part, turn.round)), "compute")
                taken[part] += 1
    return knowledge, taken


def alternating(part: str, number: int) -> int:
    """The last three layers take 5 % more in every other round; the others always the same."""
    return 1050 if part in NAMES[-3:] and number % 2 else 1000


def test_layers_known_well_enough_leave_and_the_rest_goes_on() -> None:
    settings = Settings(max_rounds=40)
    knowledge, taken = measured(settings, alternating)
    quiet, loud = NAMES[:-3], NAMES[-3:]
    rounds_after_all = settings.max_rounds - settings.min_rounds
    stopped = {event.subject: event.rule for event in knowledge.stopped(TERMS)}
    assert {stopped[name] for name in quiet} == {StopRule.INTERVAL}
    assert {stopped[name] for name in loud} <= {StopRule.MAX_ROUNDS, StopRule.NO_PROGRESS}
    assert min(taken[name] for name in loud) > 2 * settings.min_rounds
    # Of the layers that are known, no more stay than fill a round up.
    fillers = sum(taken[name] - settings.min_rounds for name in quiet)
    assert 0 < fillers <= rounds_after_all * (FEWEST_PER_ROUND - len(loud))


def test_layers_that_are_all_quiet_get_the_fewest_rounds() -> None:
    settings = Settings()
    knowledge, taken = measured(settings, lambda part, number: 1000)
    assert set(taken.values()) == {settings.min_rounds}
    assert knowledge.done == set(NAMES)
    assert knowledge.expected_samples == settings.min_rounds * len(NAMES)


def test_a_part_that_needs_more_rounds_is_expected_as_often_as_the_subject_that_needs_most() -> None:
    knowledge = Knowledge(Settings())
    assert not knowledge.update({"one": [("a", 1.0), ("b", -1.0)], "two": [("b", 1.0)]})
    assert knowledge.expected_samples == 2 * Settings().min_rounds


def test_a_discarded_sample_is_no_observation_but_time_spent() -> None:
    settings = Settings(time_limit_s=1, max_rounds=600)
    knowledge = Knowledge(settings)
    for number in range(6):
        knowledge.take(sample("layer0", number, 1000 + 300 * (number % 2)), "compute")
    terms = {"layer0": [("layer0", 1.0)]}
    assert not knowledge.update(terms)
    before = knowledge.estimates
    knowledge.take(sample("layer0", 6, 10**6, discarded="stolen"), "compute")
    assert knowledge.update(terms)
    assert knowledge.estimates == before
    assert [event.rule for event in knowledge.stopped(terms)] == [StopRule.TIME_LIMIT]


def test_a_stop_is_told_once_and_again_when_it_has_changed() -> None:
    knowledge = Knowledge(Settings())
    terms = {"layer0": [("layer0", 1.0)]}
    for number in range(6):
        knowledge.take(sample("layer0", number, 1000), "compute")
    assert knowledge.update(terms)
    assert list(knowledge.stopped(terms)) == [Stopped("layer0", StopRule.INTERVAL, 6, 0.0)]
    assert list(knowledge.stopped(terms)) == []
    knowledge.take(sample("layer0", 6, 1000), "compute")
    assert knowledge.update(terms)
    assert list(knowledge.stopped(terms)) == [Stopped("layer0", StopRule.INTERVAL, 7, 0.0)]


def test_a_subject_that_is_less_certain_after_a_retest_is_stopped_by_the_rule_before_it() -> None:
    knowledge = Knowledge(Settings())
    terms = {"layer0": [("layer0", 1.0)]}
    for number in range(6):
        knowledge.take(sample("layer0", number, 1000), "compute")
    assert knowledge.update(terms)
    for number in range(6, 12):
        knowledge.take(sample("layer0", number, 1000 + 30 * (number % 2)), "compute")
    assert not knowledge.update(terms)
    (stopped,) = knowledge.stopped(terms)
    assert (stopped.rule, stopped.rounds) == (StopRule.INTERVAL, 12)
    assert stopped.half_width > Settings().interval

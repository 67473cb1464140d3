"""The order in which a session measures."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.session.schedule import (
    FEWEST_PER_ROUND,
    MOST_RETAKES,
    PARTS_PER_TURN,
    USE_PER_LOAD,
    Schedule,
    Turn,
)
from nnbehave.measurement.settings import Settings

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(1, 80)


def names(count: int) -> list[str]:
    return [f"part{i}" for i in range(count)]


def rounds_of(turns: list[Turn]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for turn in turns:
        found.setdefault(turn.round, []).extend(turn.parts)
    return found


@given(seeds, counts, st.integers(0, 5))
def test_every_round_holds_every_part_once_and_rounds_are_numbered_on(seed: int, count: int, process: int) -> None:
    schedule = Schedule(Settings(seed=seed))
    first = rounds_of(schedule.turns(names(count), process))
    again = rounds_of(schedule.turns(names(count), process))
    assert list(first | again) == list(range(schedule.round))
    assert all(sorted(order) == sorted(names(count)) for order in (first | again).values())


@given(seeds)
def test_rounds_have_orders_of_their_own(seed: int) -> None:
    schedule = Schedule(Settings(seed=seed))
    orders = [tuple(order) for _ in range(6) for order in rounds_of(schedule.turns(names(20), 9)).values()]
    assert len(set(orders)) == len(orders)  # two of 20! orders are the same by less than a chance in 1e15


@given(seeds, counts)
def test_the_same_seed_gives_the_same_turns_and_another_seed_others(seed: int, count: int) -> None:
    def all_turns(seed: int) -> list[Turn]:
        schedule = Schedule(Settings(seed=seed))
        done = names(count)[::2]
        chosen = schedule.choose(names(count), done, done[:3])
        return [turn for process in range(4) for turn in schedule.turns(chosen, process)]

    assert all_turns(seed) == all_turns(seed)
    if count >= 20:
        assert all_turns(seed) != all_turns((seed + 1) % 2**32)


@given(counts)
def test_turns_are_pieces_that_a_runner_takes_at_once(count: int) -> None:
    turns = Schedule(Settings()).turns(names(count), 0)
    assert all(0 < len(turn.parts) <= PARTS_PER_TURN for turn in turns)
    assert {turn.retakes for turn in turns} == {MOST_RETAKES}


def test_nothing_to_measure_takes_no_round() -> None:
    schedule = Schedule(Settings())
    assert schedule.turns([], 0) == []
    assert schedule.round == 0


def test_a_turn_can_be_taken_again_so_often() -> None:
    turn = Turn(5, ("a", "b", "c"))
    for left in reversed(range(MOST_RETAKES)):
        turn = turn.again(["b"])
        assert turn == Turn(5, ("b",), left)


@given(st.integers(1, 6), st.integers(6, 20), counts)
def test_the_first_rounds_are_dealt_out_evenly_to_fresh_processes(processes: int, rounds: int, count: int) -> None:
    schedule = Schedule(Settings(processes=processes, min_rounds=rounds))
    process, of_process = 0, Counter[int]()
    while schedule.round < rounds or process + 1 < processes:
        if schedule.wants_fresh_process(process, 0.0, used_s=0.0, load_s=1.0):
            process += 1
        before = schedule.round
        schedule.turns(names(count), process)
        of_process[process] += min(schedule.round, rounds) - min(before, rounds)
    shares = [of_process[number] for number in range(processes)]
    assert process + 1 == processes
    assert sum(shares) == rounds
    assert max(shares) - min(shares) <= 1


@given(counts, st.data())
def test_the_next_rounds_hold_all_that_is_needed_and_enough_beside_it(count: int, data: st.DataObject) -> None:
    known = names(count)
    done = data.draw(st.sets(st.sampled_from(known)))
    companions = data.draw(st.sets(st.sampled_from(known)))
    chosen = Schedule(Settings()).choose(known, done, companions)
    active = [name for name in known if name not in done]
    beside = [name for name in chosen if name in done]
    assert len(set(chosen)) == len(chosen)
    assert chosen[: len(active)] == active
    assert len(chosen) >= min(FEWEST_PER_ROUND, count)
    assert len(beside) <= max(len(active), FEWEST_PER_ROUND - len(active))
    assert len(companions & set(beside)) >= min(len(companions & done), len(active))
    if len(active) >= FEWEST_PER_ROUND:
        assert set(beside) <= companions


def test_later_rounds_get_a_fresh_process_where_processes_differ_and_loading_is_cheap() -> None:
    schedule = Schedule(Settings(interval=0.02, processes=3))
    differs, alike, cheap, dear = 0.02, 0.001, 1.0, 3.0
    used = 1.01 * USE_PER_LOAD * cheap
    assert schedule.wants_fresh_process(2, differs, used, cheap)
    assert not schedule.wants_fresh_process(2, alike, used, cheap)
    assert not schedule.wants_fresh_process(2, differs, used, dear)
    assert not schedule.wants_fresh_process(19, differs, used, cheap)  # many processes have averaged it out


def test_added_subjects_get_a_fresh_process_where_one_is_due_or_loading_is_cheap() -> None:
    schedule = Schedule(Settings(processes=3))
    assert schedule.may_start_fresh(1, used_s=0.0, load_s=1.0)
    assert not schedule.may_start_fresh(2, used_s=USE_PER_LOAD * 1.0, load_s=1.0)
    assert schedule.may_start_fresh(2, used_s=USE_PER_LOAD * 1.01, load_s=1.0)

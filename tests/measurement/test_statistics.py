from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.measurement.statistics import block_ms, estimate, estimate_session, normalise

latencies = st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=60)


@given(latencies)
def test_the_interval_holds_the_median_and_lies_in_the_data(rounds: list[float]) -> None:
    found = estimate(rounds)
    assert min(rounds) <= found.low_ms <= found.latency_ms <= found.high_ms <= max(rounds)
    assert found.rounds == len(rounds)


@given(latencies, st.randoms())
def test_the_order_of_rounds_is_of_no_consequence(rounds: list[float], random: object) -> None:
    shuffled = list(rounds)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert estimate(shuffled) == estimate(rounds)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=5))
def test_five_rounds_are_too_few_for_an_interval(rounds: list[float]) -> None:
    assert math.isinf(estimate(rounds).interval)


@pytest.mark.parametrize("n", [6, 7, 10, 20, 60])
def test_the_interval_covers_the_median_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(n)
    runs = [estimate(list(np.exp(rng.standard_normal(n)))) for _ in range(2000)]
    covered = np.mean([run.low_ms <= 1.0 <= run.high_ms for run in runs])
    assert covered >= 0.95 - 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_a_block_is_the_lower_quartile_of_its_spans_a_call() -> None:
    assert block_ms([4_000_000, 1_000_000, 3_000_000, 2_000_000, 5_000_000], inner=2) == pytest.approx(1.0)
    assert block_ms([1_000_000], inner=4) == pytest.approx(0.25)


@given(st.lists(st.integers(1, 10**9), min_size=3, max_size=10), st.integers(1, 64))
def test_a_block_lies_between_its_fastest_and_median_span(spans: list[int], inner: int) -> None:
    found = block_ms(spans, inner) * inner * 1e6
    assert min(spans) * (1 - 1e-9) <= found <= np.median(spans) * (1 + 1e-9)


def world(rng: np.random.Generator, layers: int, rounds: int) -> tuple[list[str], list[float], np.ndarray]:
    """Blocks of a noisy machine: a drift, bursts of neighbours, a clock of two states, jitter and spikes."""
    truth = np.exp(rng.uniform(-2, 2, layers))
    order = np.concatenate([rng.permutation(layers) for _ in range(rounds)])
    drift = np.cumsum(0.002 * rng.standard_normal(len(order)))
    slow = 0.15 * (np.sin(np.arange(len(order)) / 17 + rng.uniform(0, 6)) > 0.3)
    jitter = 0.01 * rng.standard_normal(len(order)) + 0.3 * (rng.random(len(order)) < 0.02)
    return [str(i) for i in order], list(truth[order] * np.exp(drift + slow + jitter)), truth


def test_intervals_hold_the_truth_on_a_noisy_machine_and_are_narrower_than_without_normalising() -> None:
    """Up to the one factor that all layers share: what the machine's usual state is."""
    held, widths, plain = [], [], []
    for seed in range(20):
        subjects, blocks, truth = world(np.random.default_rng(seed), layers=40, rounds=12)
        found = estimate_session(subjects, blocks)
        scale = np.median([one.latency_ms / truth[int(subject)] for subject, one in found.items()])
        held += [one.low_ms <= scale * truth[int(subject)] <= one.high_ms for subject, one in found.items()]
        widths += [one.interval for one in found.values()]
        for subject in found:
            plain.append(estimate([b for s, b in zip(subjects, blocks, strict=True) if s == subject]).interval)
    assert np.mean(held) >= 0.93
    assert np.median(widths) < 0.25 * np.median(plain)


def test_a_steady_machine_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    subjects = [str(i) for _ in range(10) for i in rng.permutation(30)]
    blocks = list(np.exp(0.01 * rng.standard_normal(300)))
    assert normalise(subjects, blocks) == pytest.approx(blocks)


@given(latencies)
def test_one_layer_alone_has_nothing_to_be_normalised_by(rounds: list[float]) -> None:
    assert normalise(["only"] * len(rounds), rounds) == rounds

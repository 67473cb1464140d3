from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.statistics import (
    Observation,
    RawSample,
    Statistic,
    estimate,
    estimate_plainly,
    estimate_session,
    normalise,
    process_share,
    response_share,
    sample_ms,
)

latencies = st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=60)


@given(latencies)
def test_the_interval_holds_the_median_and_lies_in_the_data(rounds: list[float]) -> None:
    found = estimate(rounds)
    assert min(rounds) <= found.low_ms <= found.latency_ms <= found.high_ms <= max(rounds)
    assert found.rounds == len(rounds)


@given(latencies, st.randoms())
def test_the_order_of_rounds_does_not_matter(rounds: list[float], random: object) -> None:
    shuffled = list(rounds)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert estimate(shuffled) == estimate(rounds)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=5))
def test_five_rounds_are_too_few_for_an_interval(rounds: list[float]) -> None:
    assert math.isinf(estimate(rounds).interval)


@pytest.mark.parametrize("n", [6, 7, 10, 20, 60])
def test_the_interval_covers_the_median_in_95_of_100_runs(n: int) -> None:
    rng = np.random.default_rng(n)
    runs = [estimate(list(np.exp(rng.standard_normal(n)))) for _ in range(2000)]
    covered = np.mean([run.low_ms <= 1.0 <= run.high_ms for run in runs])
    assert covered >= 0.95 - 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_a_sample_is_the_mean_of_its_faster_spans_for_one_call() -> None:
    assert sample_ms(
        [4_000_000, 1_000_000, 3_000_000, 2_000_000, 90_000_000, 80_000_000], calls_per_span=2
    ) == pytest.approx(1.25)
    assert sample_ms([1_000_000], calls_per_span=4) == pytest.approx(0.25)


@given(st.lists(st.integers(1, 10**9), min_size=3, max_size=10), st.integers(1, 64))
def test_a_sample_lies_between_its_fastest_span_and_their_mean(spans: list[int], calls: int) -> None:
    found = sample_ms(spans, calls) * calls * 1e6
    assert min(spans) * (1 - 1e-9) <= found <= np.mean(spans) * (1 + 1e-9)


def samples(subjects: list[str], samples_ms: list[float]) -> list[Observation]:
    """Samples of one process, in the order taken."""
    rounds: dict[str, int] = {}
    found = []
    for subject, ms in zip(subjects, samples_ms, strict=True):
        rounds[subject] = rounds.get(subject, -1) + 1
        found.append(Observation(subject, ms, "compute", rounds[subject], 0))
    return found


def alone(subjects: list[str]) -> dict[str, list[tuple[str, float]]]:
    return {subject: [(subject, 1.0)] for subject in subjects}


def world(rng: np.random.Generator, layers: int, rounds: int) -> tuple[list[str], list[float], np.ndarray]:
    """Samples of a noisy machine: a drift, bursts of neighbours, a clock of two states, jitter and spikes."""
    truth = np.exp(rng.uniform(-2, 2, layers))
    order = np.concatenate([rng.permutation(layers) for _ in range(rounds)])
    drift = np.cumsum(0.002 * rng.standard_normal(len(order)))
    slow = 0.15 * (np.sin(np.arange(len(order)) / 17 + rng.uniform(0, 6)) > 0.3)
    jitter = 0.01 * rng.standard_normal(len(order)) + 0.3 * (rng.random(len(order)) < 0.02)
    return [str(i) for i in order], list(truth[order] * np.exp(drift + slow + jitter)), truth


def test_normalised_intervals_hold_the_truth_on_a_noisy_machine_and_are_narrower() -> None:
    """True up to one factor that all layers share, the usual state of the machine."""
    held, widths, plain = [], [], []
    for seed in range(20):
        subjects, observations, truth = world(np.random.default_rng(seed), layers=40, rounds=12)
        found = estimate_session(samples(subjects, observations), alone(subjects))
        scale = np.median([one.latency_ms / truth[int(subject)] for subject, one in found.items()])
        held += [one.low_ms <= scale * truth[int(subject)] <= one.high_ms for subject, one in found.items()]
        widths += [one.interval for one in found.values()]
        for subject in found:
            plain.append(estimate([b for s, b in zip(subjects, observations, strict=True) if s == subject]).interval)
    assert np.mean(held) >= 0.93
    assert np.median(widths) < 0.25 * np.median(plain)


def test_samples_of_a_steady_machine_are_not_changed() -> None:
    rng = np.random.default_rng(0)
    subjects = [str(i) for _ in range(10) for i in rng.permutation(30)]
    observations = list(np.exp(0.01 * rng.standard_normal(300)))
    values, exponents, _ = normalise(samples(subjects, observations))
    assert values == pytest.approx(observations)
    assert exponents == {"compute": 0.0}


@given(latencies)
def test_samples_of_one_layer_alone_are_not_changed(rounds: list[float]) -> None:
    assert normalise(samples(["only"] * len(rounds), rounds))[0] == rounds


def test_samples_of_a_class_that_does_not_follow_the_machine_are_not_changed() -> None:
    """Compute-bound layers slow down with the clock here, memory-bound layers do not."""
    rng = np.random.default_rng(1)
    clock = np.repeat(np.where(rng.random(150) < 0.5, 0.0, 0.2), 8)
    kinds = {str(i): "compute" if i < 30 else "memory" for i in range(40)}
    order = [str(i) for _ in range(30) for i in rng.permutation(40)]
    follows = np.array([kinds[subject] == "compute" for subject in order])
    ms = np.exp(0.01 * rng.standard_normal(1200) + clock * follows)
    observations = [
        Observation(s, float(v), kinds[s], i // 40, 0) for i, (s, v) in enumerate(zip(order, ms, strict=True))
    ]
    values, exponents, _ = normalise(observations)
    assert exponents["compute"] == pytest.approx(1.0, abs=0.15)
    assert exponents["memory"] < 0.1
    logs = np.log(values)
    assert np.std(logs[follows]) < 0.6 * np.std(np.log(ms[follows]))
    assert np.std(logs[~follows]) < 0.02


def rounds_of(rng: np.random.Generator, subjects: int, processes: int, between: float) -> list[dict[int, list[float]]]:
    return [
        {
            p: list(np.exp(between * luck + 0.01 * rng.standard_normal(4)))
            for p, luck in enumerate(rng.standard_normal(processes))
        }
        for _ in range(subjects)
    ]


@pytest.mark.parametrize("between", [0.0, 0.01, 0.03])
def test_differences_between_processes_are_found(between: float) -> None:
    found = process_share(rounds_of(np.random.default_rng(2), 200, 3, between))
    assert found == pytest.approx(between, abs=max(0.003, 0.3 * between))


def test_intervals_hold_the_truth_though_processes_differ() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(10):
        subjects = rounds_of(rng, 40, 3, 0.02)
        observations = [
            Observation(str(s), ms, "compute", 4 * p + i, p)
            for s, of in enumerate(subjects)
            for p, values in of.items()
            for i, ms in enumerate(values)
        ]
        found = estimate_session(observations, alone([str(s) for s in range(40)]))
        held += [one.low_ms <= 1.0 <= one.high_ms for one in found.values()]
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize("unlike", [0.0, 0.3])
def test_layers_that_respond_differently_widen_the_share_between_sessions(unlike: float) -> None:
    rng = np.random.default_rng(4)
    responses = 1 + unlike * rng.standard_normal(40)
    state = np.repeat(0.1 * rng.standard_normal(30), 40)
    order = [i for _ in range(30) for i in rng.permutation(40)]
    ms = np.exp(responses[order] * state + 0.01 * rng.standard_normal(1200))
    observations = [
        Observation(str(i), float(v), "compute", k // 40, 0) for k, (i, v) in enumerate(zip(order, ms, strict=True))
    ]
    found = response_share(observations)["compute"]
    assert found == pytest.approx(unlike * np.std(state), abs=0.01)


def test_the_latency_of_a_subject_is_the_weighted_sum_of_its_parts() -> None:
    observations = [
        Observation(part, ms * (1 + 0.001 * i), "compute", i, i // 2)
        for i in range(6)
        for part, ms in (("deep", 9.0), ("shallow", 3.0))
    ]
    found = estimate_session(observations, {"layer": [("deep", 0.5), ("shallow", -0.5)]})["layer"]
    assert found.latency_ms == pytest.approx(3.0, rel=0.01)
    assert found.low_ms < 3.0 < found.high_ms
    assert (found.rounds, found.processes) == (6, 3)


@pytest.mark.parametrize(
    ("name", "expected"), [("mean", 4.0), ("median", 2.5), ("p50", 2.5), ("p90", 7.9), ("p1", 1.03)]
)
def test_a_plain_statistic_is_of_all_spans(name: str, expected: float) -> None:
    found = estimate_plainly(
        [RawSample("a", (1.0, 2.0), 0, 0), RawSample("a", (3.0, 10.0), 1, 0)], {"a": [("a", 1.0)]}, Statistic(name)
    )["a"]
    assert found.latency_ms == pytest.approx(expected)
    assert (found.rounds, found.processes) == (2, 1)


@pytest.mark.parametrize("name", ["", "p0", "p100", "p9.5", "mode", "Median"])
def test_an_unknown_statistic_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"statistic: expected 'mean', 'median' or 'p1' to 'p99', got"):
        Statistic(name)


def test_the_interval_of_a_plain_statistic_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    names = ("mean", "median", "p90")
    truths = dict(zip(names, (math.exp(0.005), 1.0, math.exp(0.1 * 1.2816)), strict=True))
    held = dict.fromkeys(names, 0)
    for _ in range(40):
        samples = [RawSample("a", rng.lognormal(0, 0.1, 8).tolist(), i, i % 3) for i in range(15)]
        for name in names:
            found = estimate_plainly(samples, {"a": [("a", 1.0)]}, Statistic(name))["a"]
            held[name] += found.low_ms <= truths[name] <= found.high_ms
    assert all(count >= 34 for count in held.values()), held  # 38 expected; fewer than 34 are one in 300


def test_one_round_gives_a_plain_statistic_no_interval() -> None:
    found = estimate_plainly([RawSample("a", (1.0, 2.0), 0, 0)], {"a": [("a", 1.0)]}, Statistic("mean"))["a"]
    assert (found.low_ms, found.high_ms) == (-math.inf, math.inf)

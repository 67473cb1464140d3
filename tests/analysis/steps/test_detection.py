from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nnbehave.analysis import detect_steps

Law = Callable[[np.ndarray], np.ndarray]


def curve(law: Law, high: int = 256, noise: float = 0.0, seed: int = 0, low: int = 1) -> tuple[np.ndarray, np.ndarray]:
    n = np.arange(low, high + 1)
    return n, law(n) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(n)))


def stairs(width: int, phase: int = 0, overhead: float = 0.05, step: float = 0.04) -> Law:
    return lambda n: overhead + step * np.ceil((n - phase) / width)


def line(n: np.ndarray) -> np.ndarray:
    return 0.05 + 0.0025 * n


def flat(n: np.ndarray) -> np.ndarray:
    return np.full(len(n), 0.3)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01, 0.02])
@pytest.mark.parametrize("width", [4, 7, 8, 16, 24, 32, 64])
def test_a_staircase_is_found_with_its_width_its_edges_and_its_best_channels(width: int, noise: float) -> None:
    found = detect_steps(*curve(stairs(width), noise=noise))
    assert (found.kind, found.width, found.phase) == ("staircase", width, 0)
    assert found.edges == tuple(range(width + 1, 257, width))
    assert len(found.levels) == len(found.edges) + 1
    assert found.best_channels(1, 256) == sorted({*range(width, 257, width), 256})
    assert found.confidence > 0.9


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("law", "kind"), [(line, "linear"), (flat, "flat")])
def test_a_line_and_a_flat_curve_have_no_steps(law: Law, kind: str, seed: int) -> None:
    found = detect_steps(*curve(law, noise=0.01, seed=seed))
    assert (found.kind, found.width, found.edges) == (kind, None, ())
    assert "would not have been seen" in found.reason


def test_every_n_of_a_line_is_worth_keeping_and_of_a_flat_curve_only_the_last() -> None:
    assert detect_steps(*curve(line)).best_channels(3, 9) == [3, 4, 5, 6, 7, 8, 9]
    assert detect_steps(*curve(flat)).best_channels(3, 9) == [9]


@pytest.mark.parametrize("phase", [1, 3, 5, 11])
def test_the_phase_of_steps_is_found(phase: int) -> None:
    found = detect_steps(*curve(stairs(16, phase), noise=0.005))
    assert (found.width, found.phase) == (16, phase)
    assert found.best_channels(1, 256)[:3] == [phase, phase + 16, phase + 32]


def test_another_first_step_and_a_kernel_for_one_n_are_found_beside_the_width() -> None:
    """XNNPACK's conv on AVX-512: kernels 16 wide up to 31, one made for 32, then steps of 32."""

    def law(n: np.ndarray) -> np.ndarray:
        return np.select([n <= 16, n <= 31, n == 32], [20.0, 40.0, 30.0], 30.0 * np.ceil(n / 32))

    found = detect_steps(*curve(law, 256, noise=0.005))
    assert (found.kind, found.width) == ("staircase", 32)
    assert found.edges == (17, 32, 33, 65, 97, 129, 161, 193, 225)
    assert found.best_channels() == [16, *range(32, 257, 32)]
    few = detect_steps(*curve(law, 128, noise=0.005))
    assert (few.kind, few.width) == ("staircase", 32)
    assert few.best_channels() == [16, 32, 64, 96, 128]


def test_a_width_is_doubled_where_the_points_deny_every_other_edge() -> None:
    """Steps of 32 after two of 16: the narrower period alone fits both."""
    n, y = curve(lambda n: np.where(n <= 32, 1 + (n > 16), 1 + np.ceil(n / 32)), 128, 0.008)
    found = detect_steps(n, y, 0.009 * y)
    assert (found.kind, found.width) == ("staircase", 32)
    assert found.confidence > 0.9


def test_jumps_that_grow_with_n_still_make_a_staircase() -> None:
    def law(n: np.ndarray) -> np.ndarray:
        k = np.ceil(n / 16)
        return 0.1 * k + 0.004 * k**2

    found = detect_steps(*curve(law, noise=0.005))
    assert (found.kind, found.width) == ("staircase", 16)
    for n in (1, 100, 256):
        assert found.latency(n) == pytest.approx(float(law(np.array([n]))[0]), rel=0.01)


def test_a_sloped_staircase_has_its_share_and_keeps_every_n() -> None:
    found = detect_steps(*curve(lambda n: 0.05 + 0.024 * np.ceil(n / 16) + 0.001 * n, noise=0.003))
    assert (found.kind, found.width) == ("sloped-staircase", 16)
    assert found.step_share == pytest.approx(0.6, abs=0.05)
    assert found.latency(15) - found.latency(10) == pytest.approx(0.005, rel=0.1)
    assert len(found.best_channels()) == 256


ENDS = [9, 40, 52, 99, 110, 150, 171, 230]


@pytest.mark.parametrize("seed", range(5))
def test_steps_of_many_widths_are_irregular_with_their_edges(seed: int) -> None:
    found = detect_steps(*curve(lambda n: 0.05 + 0.05 * np.searchsorted(ENDS, n), noise=0.01, seed=seed))
    assert (found.kind, found.width) == ("irregular", None)
    assert found.edges == tuple(end + 1 for end in ENDS)
    assert set(found.edge_evidence) == {"observed"}
    assert found.best_channels() == [*ENDS, 256]
    assert found.confidence > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_a_change_of_width_is_irregular(seed: int) -> None:
    def law(n: np.ndarray) -> np.ndarray:
        return 0.1 + 0.04 * np.where(n <= 128, np.ceil(n / 16), 8 + np.ceil((n - 128) / 40))

    found = detect_steps(*curve(law, noise=0.01, seed=seed))
    assert (found.kind, found.edges) == ("irregular", (*range(17, 145, 16), 169, 209, 249))


@pytest.mark.parametrize("seed", range(5))
def test_a_zigzag_keeps_its_pareto_set(seed: int) -> None:
    """As of a depthwise convolution: the channels after the last whole vector cost more than a vector."""

    def law(n: np.ndarray) -> np.ndarray:
        return 0.1 + 0.0025 * n + 0.08 * (n % 16) / 16

    found = detect_steps(*curve(law, noise=0.01, seed=seed))
    assert (found.kind, found.width) == ("zigzag", 16)
    truth = law(np.arange(1, 257))
    pareto = [n for n in range(1, 257) if truth[n - 1] < truth[n:].min(initial=np.inf)]
    assert found.best_channels() == pareto


@pytest.mark.parametrize("seed", range(5))
def test_a_parabola_is_quadratic(seed: int) -> None:
    found = detect_steps(*curve(lambda n: 0.05 + 2e-5 * n**2, noise=0.01, seed=seed))
    assert (found.kind, found.edges) == ("quadratic", ())
    assert found.latency(200) == pytest.approx(0.85, rel=0.01)
    assert len(found.best_channels()) == 256


@pytest.mark.parametrize("seed", range(5))
def test_a_wave_is_unexplained(seed: int) -> None:
    found = detect_steps(*curve(lambda n: 0.3 + 0.1 * np.sin(n / 9), noise=0.01, seed=seed))
    assert (found.kind, found.confidence) == ("unexplained", 0.0)
    assert found.reason
    assert found.best_channels(10, 20) == list(range(10, 21))


def test_a_period_inside_a_larger_one_is_found() -> None:
    found = detect_steps(*curve(lambda n: 0.05 + 0.02 * np.ceil(n / 8) + 0.1 * np.ceil(n / 64), 512, 0.01))
    assert (found.kind, found.width, found.outer_width) == ("staircase", 8, 64)
    assert found.best_channels() == list(range(8, 513, 8))


def test_two_periods_need_not_begin_together() -> None:
    """Latency falls at each multiple of 8 and rises past each multiple of 16: only the latter are worth keeping."""
    n = np.arange(1, 401)
    y = 1 + 0.02 * (12 * ((n - 1) // 16) - 3 * (n // 8))
    found = detect_steps(n, y * np.exp(0.002 * np.random.default_rng(0).standard_normal(len(n))))
    assert found.best_channels() == list(range(16, 401, 16))
    assert max(abs(found.latency(int(k)) / truth - 1) for k, truth in zip(n, y, strict=True)) < 0.01


def test_a_pattern_that_grows_is_followed_and_extended() -> None:
    """Dips at each multiple of 16 by a share of the latency, as of depthwise layers whose rows are aligned there."""
    n = np.arange(1, 513)
    y = (0.01 + 0.001 * n) * np.where(n % 16 == 0, 0.75, np.where(n % 8 == 0, 0.9, 1))
    found = detect_steps(n, y * np.exp(0.005 * np.random.default_rng(0).standard_normal(len(n))))
    assert (found.kind, found.width) == ("zigzag", 16)
    assert set(range(16, 513, 16)) <= set(found.best_channels())
    assert max(abs(found.latency(int(k)) / truth - 1) for k, truth in zip(n[16:], y[16:], strict=True)) < 0.03


def test_a_point_that_no_law_explains_is_priced_by_its_measurement() -> None:
    """The points leave every law by about 3 %, and are measured to 0.2 %."""
    n = np.arange(1, 257)
    rng = np.random.default_rng(3)
    truth = (1 + 0.01 * n) * np.where(n % 16 == 0, 0.75, 1) * np.exp(0.03 * rng.standard_normal(len(n)))
    y = truth * np.exp(0.002 * rng.standard_normal(len(n)))
    found = detect_steps(n, y, 0.002 * y)
    assert (found.kind, found.width) == ("zigzag", 16)
    off = [abs(found.latency(int(k)) / latency - 1) for k, latency in zip(n, y, strict=True)]
    assert np.mean(off) < 0.005


def test_a_cliff_does_not_hide_the_width() -> None:
    found = detect_steps(*curve(lambda n: stairs(16)(n) * np.where(n >= 157, 1.2, 1.0), noise=0.01))
    assert (found.kind, found.width) == ("staircase", 16)
    assert found.edges == tuple(sorted({157, *range(17, 257, 16)}))


def test_outliers_change_neither_the_kind_nor_the_edges() -> None:
    n, y = curve(stairs(16), noise=0.005)
    clean = detect_steps(n, y)
    y[[20, 70, 71, 140, 200]] *= 1.4
    found = detect_steps(n, y)
    assert (found.kind, found.width, found.edges) == (clean.kind, clean.width, clean.edges)
    assert found.latency(72) == pytest.approx(clean.latency(72), rel=0.003)


def test_jumps_of_twice_the_smallest_visible_size_are_found() -> None:
    """Put into a line, jumps are found from twice the size that its finding calls invisible."""
    n, y = curve(line, 512, 0.01, seed=3)
    blind = detect_steps(n, y).smallest_jump
    for width in (8, 16, 32):
        place = (n - 1) % width / width
        found = detect_steps(n, y * (1 - 2 * blind * (place - 0.5)))
        assert found.width == width


def test_the_interval_holds_the_true_latency_in_95_percent_of_curves() -> None:
    inside = []
    for seed in range(60):
        found = detect_steps(*curve(stairs(16), noise=0.02, seed=seed))
        low, high = found.latency_interval(200)
        inside.append(low <= stairs(16)(np.array([200]))[0] <= high)
    assert 50 <= sum(inside) <= 60  # 95 % of 60, give or take three standard deviations


@pytest.mark.parametrize(("width", "phase"), [(16, 0), (32, 0), (16, 4)])
def test_on_a_grid_steps_end_at_the_points(width: int, phase: int) -> None:
    n = np.arange(4, 257, 4)
    found = detect_steps(n, stairs(width, phase)(n))
    assert (found.width, found.phase) == (width, phase)


def test_a_few_points_far_apart_make_no_period() -> None:
    found = detect_steps([1, 10, 100, 1000, 10_000, 20_000, 50_000, 70_000, 99_999, 100_000], np.arange(1.0, 11.0))
    assert found.width is None


def test_few_points_are_unexplained() -> None:
    found = detect_steps([1, 2, 3], [1.0, 1.0, 2.0])
    assert (found.kind, found.reason) == ("unexplained", "3 points; at least 8 are needed")
    assert found.latency(2) == 1.0


widths = st.integers(3, 40)
seeds = st.integers(0, 10_000)


@settings(max_examples=20, deadline=None)
@given(widths, seeds, st.floats(1e-6, 1e6))
def test_the_answer_does_not_depend_on_the_unit_of_latency(width: int, seed: int, unit: float) -> None:
    n, y = curve(stairs(width), 200, 0.01, seed)
    ours, theirs = detect_steps(n, y), detect_steps(n, y * unit)
    assert (ours.kind, ours.width, ours.edges) == (theirs.kind, theirs.width, theirs.edges)
    assert ours.best_channels() == theirs.best_channels()
    np.testing.assert_allclose(np.array(theirs.levels), np.array(ours.levels) * unit, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(widths, seeds)
def test_the_answer_does_not_depend_on_the_order_of_the_points(width: int, seed: int) -> None:
    n, y = curve(stairs(width), 200, 0.02, seed)
    order = np.random.default_rng(seed).permutation(len(n))
    assert detect_steps(n[order], y[order]) == detect_steps(n, y)


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 40), seeds, st.floats(0.6, 1.0), st.integers(1, 100))
def test_the_width_is_found_with_gaps_and_from_any_first_n(width: int, seed: int, share: float, low: int) -> None:
    n, y = curve(stairs(width), low + 250, 0.005, seed, low)
    kept = np.random.default_rng(seed).random(len(n)) < share
    found = detect_steps(n[kept], y[kept])
    assert (found.kind, found.width) == ("staircase", width)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(1e-3, 1e3)), min_size=1, max_size=60, unique_by=lambda p: p[0])
)
def test_any_curve_has_a_finite_law_and_the_pareto_set_of_that_law(points: list[tuple[int, float]]) -> None:
    n, y = zip(*points, strict=True)
    found = detect_steps(n, y)
    assert 0 <= found.confidence <= 1
    assert (found.low, found.high) == (min(n), max(n))
    best = found.best_channels()
    assert best[-1] == found.high
    law = {k: found.latency(k) for k in range(found.low, found.high + 1)}
    assert all(np.isfinite(value) for value in law.values())
    if found.kind != "unexplained":
        for k in law:
            dominated = any(law[m] <= law[k] for m in range(k + 1, found.high + 1))
            assert (k in best) == (not dominated)


@given(st.integers(10, 100), seeds)
@settings(max_examples=20, deadline=None)
def test_points_with_large_standard_errors_count_for_little(count: int, seed: int) -> None:
    n, y = curve(stairs(8), 100, 0.002, seed)
    rng = np.random.default_rng(seed)
    bad = rng.random(len(n)) < 0.1
    assume(bad.any())
    y = np.where(bad, y * np.exp(0.3 * rng.standard_normal(len(n))), y)
    found = detect_steps(n, y, np.where(bad, 0.3 * y, 0.002 * y))
    assert (found.kind, found.width) == ("staircase", 8)


@pytest.mark.parametrize("seed", range(5))
def test_one_jump_makes_no_staircase(seed: int) -> None:
    found = detect_steps(*curve(stairs(32), high=64, noise=0.01, seed=seed))
    assert (found.kind, found.width, found.edges) == ("irregular", None, (33,))

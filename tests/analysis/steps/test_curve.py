from __future__ import annotations

import numpy as np
import pytest

from nnbehave.analysis.steps import detect_steps
from nnbehave.analysis.steps.curve import Curve, noise_between_neighbours, read_points
from nnbehave.errors import InvalidInputError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("n", "y", "errors", "says"),
    [
        ([], [], None, "n: must have one dimension and at least one value, got shape (0,)"),
        ([[1, 2]], [[1.0, 2.0]], None, "n: must have one dimension and at least one value, got shape (1, 2)"),
        ([1, 2], [1.0], None, "latency_ms: must have one value for each of the 2 n, got 1"),
        ([1, 2], [1.0, 2.0], [0.1], "std_error_ms: must have one value for each of the 2 n, got 1"),
        ([4, 2], [1.0, NAN], None, "latency_ms: must be finite, got nan at n=2"),
        ([4, 2], [INF, 1.0], None, "latency_ms: must be finite, got inf at n=4"),
        ([1, 24, 7], [1.0, -0.5, 1.0], None, "latency_ms: must be above 0, got -0.5 at n=24"),
        ([1, 24, 7], [1.0, -0.5, 0.0], None, "latency_ms: must be above 0, got 0 at n=7 (and 1 more)"),
        ([8, 9], [1.0, 2.0], [0.1, -0.1], "std_error_ms: must be 0 or more, got -0.1 at n=9"),
        ([8, 9], [1.0, 2.0], [NAN, 0.1], "std_error_ms: must be finite, got nan at n=8"),
        ([3, 1, 3], [1.0, 2.0, 4.0], None, "n: no n may be there twice, but 3 is there with latency_ms 1, 4"),
        ([5, 0], [1.0, 2.0], None, "n: must be 1 or more, got 0 at index 1"),
        ([1, 2.5], [1.0, 2.0], None, "n: must be whole numbers, got 2.5 at index 1"),
        ([NAN, 2], [1.0, 2.0], None, "n: must be finite, got nan at index 0"),
        ([1, 1e9], [1.0, 2.0], None, "n: must be at most 1048576, got 1e+09 at index 1"),
        (["a", "b"], [1.0, 2.0], None, "n: must be an array of numbers, but could not convert string to float: 'a'"),
        ([1, 2], [1.0, [2.0]], None, "latency_ms: must be an array of numbers, but"),
    ],
)
def test_an_array_that_is_not_allowed_is_refused_with_the_n_at_fault(
    n: list, y: list, errors: list | None, says: str
) -> None:
    with pytest.raises(InvalidInputError) as raised:
        detect_steps(n, y, errors)
    assert str(raised.value).startswith(says)


def test_points_are_sorted_with_their_latencies_and_errors() -> None:
    points = read_points([3, 1, 2], [30.0, 10.0, 20.0], [0.3, 0.1, 0.2])
    assert points.pairs == ((1, 10.0), (2, 20.0), (3, 30.0))
    assert points.std_error_ms is not None
    assert points.std_error_ms.tolist() == [0.1, 0.2, 0.3]
    assert points.unit_ms == 20.0


def test_a_curve_has_a_median_of_one_and_errors_relative_to_the_typical_point() -> None:
    curve = Curve.of(read_points([1, 2, 3], [10.0, 20.0, 40.0], [0.1, 0.2, 4.0]))
    assert np.median(curve.y) == 1
    assert curve.given_error == pytest.approx(np.hypot(0.01, 0.003))
    assert curve.sigma.tolist() == pytest.approx([1, 1, np.hypot(0.1, 0.003) / np.hypot(0.01, 0.003)])
    assert Curve.of(read_points([1, 2], [1.0, 2.0], None)).given_error is None


def test_an_estimate_of_the_noise_is_not_far_below_the_given_errors() -> None:
    given = Curve.of(read_points([1, 2], [1.0, 1.0], [0.01, 0.01]))
    assert given.given_error is not None
    assert given.at_least_given(0.0) == pytest.approx(0.9 * given.given_error)
    assert given.at_least_given(0.5) == 0.5
    assert Curve.of(read_points([1, 2], [1.0, 1.0], None)).at_least_given(0.0) > 0


def test_jumps_do_not_count_as_noise() -> None:
    rng = np.random.default_rng(0)
    steps = np.repeat(np.arange(10.0), 100) + 0.02 * rng.standard_normal(1000)
    assert noise_between_neighbours(steps, np.ones(1000)) == pytest.approx(0.02, rel=0.15)

"""References of artifacts, and the comparison of outputs with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnbehave.runner.kernels import Kernel, executed_precision, placement
from nnbehave.runner.reference import (
    NOT_QUANTISED,
    Quantisation,
    fidelity,
    load_quantisation,
    nudged,
    quantise,
    random_inputs,
    save_reference,
)


@pytest.mark.parametrize("size", [5, 50_000])
def test_the_error_of_an_output_is_measured(tmp_path: Path, size: int) -> None:
    output = np.random.default_rng(1).standard_normal((1, size)).astype(np.float32)
    save_reference(tmp_path, output, output, [NOT_QUANTISED], [NOT_QUANTISED])
    artifact = str(tmp_path / "model")
    assert (tmp_path / "reference.npz").stat().st_size < 30_000
    assert load_quantisation(artifact) == [NOT_QUANTISED]
    assert fidelity(artifact, output) == pytest.approx((0, 1, 0, 0))
    assert fidelity(artifact, output * 1.01) == pytest.approx((0.01, 1, 0.01, 0), rel=1e-3)
    assert fidelity(artifact, -output) == pytest.approx((2, -1, 2, 0))


def test_an_output_that_is_not_finite_has_an_infinite_error(tmp_path: Path) -> None:
    save_reference(tmp_path, *[np.ones(4, np.float32)] * 2, [NOT_QUANTISED], [NOT_QUANTISED])
    found = fidelity(str(tmp_path / "model"), np.array([1, np.nan, 1, 1], np.float32))
    assert (found.output_error, found.largest_error) == (np.inf, np.inf)
    assert np.isnan(found.output_cosine)


def test_a_reference_has_the_effect_of_rounding(tmp_path: Path) -> None:
    inputs = random_inputs([(1, 500)], 3)
    (moved,) = nudged(inputs)
    save_reference(tmp_path, inputs[0], moved, [NOT_QUANTISED], [NOT_QUANTISED])
    found = fidelity(str(tmp_path / "model"), inputs[0])
    assert found.output_error == 0
    assert found.rounding_error == pytest.approx(1e-5, rel=0.2)


def test_an_output_of_zeros_has_no_cosine(tmp_path: Path) -> None:
    save_reference(tmp_path, *[np.zeros(4, np.float32)] * 2, [NOT_QUANTISED], [NOT_QUANTISED])
    found = fidelity(str(tmp_path / "model"), np.array([0, 0, 0, 1], np.float32))
    assert (found.output_error, found.largest_error) == (0.5, 1.0)
    assert np.isnan(found.output_cosine)


def test_integer_outputs_are_compared_as_real_numbers(tmp_path: Path) -> None:
    output = np.linspace(-1, 1, 201, dtype=np.float32)
    save_reference(tmp_path, output, output, [Quantisation(0.1, 3)], [Quantisation(0.01, -4)])
    as_int8 = quantise(output, Quantisation(0.01, -4), np.int8)
    assert as_int8.dtype == np.int8
    assert fidelity(str(tmp_path / "model"), as_int8).output_error < 1e-6
    shifted = fidelity(str(tmp_path / "model"), as_int8 + 10)
    assert shifted.output_error == pytest.approx(0.1 / np.sqrt(np.mean(output**2)))
    assert shifted.largest_error == pytest.approx(0.1)


def test_quantised_values_stay_in_range() -> None:
    assert list(quantise(np.array([-9.0, 0.0, 9.0], np.float32), Quantisation(0.01, 100), np.uint8)) == [0, 100, 255]


def test_an_artifact_without_a_reference_has_no_quantisation(tmp_path: Path) -> None:
    assert load_quantisation(str(tmp_path / "model")) is None


def test_a_seed_determines_the_inputs() -> None:
    shapes = [(2, 3), (4,)]
    one, other, another = random_inputs(shapes, 5), random_inputs(shapes, 5), random_inputs(shapes, 6)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], another[0])
    assert [x.shape for x in one] == shapes
    weights = np.random.default_rng(5).standard_normal(6, dtype=np.float32)  # drawn like the weights of a graph
    assert not np.isin(weights, one[0]).any()


def test_kernels_give_the_executed_precision_and_the_placement() -> None:
    here, there, moving = Kernel("a", "fp32"), Kernel("b", "int8", False), Kernel("c")
    assert executed_precision([here, there, moving]) == "fp32+int8"
    assert executed_precision([moving]) == executed_precision([]) == "unknown"
    assert [placement(some) for some in ([], [here], [here, there], [there])] == ["full", "full", "partial", "fallback"]

"""Throughput against batch, found from measurements whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest

import nnbehave as nb
from nnbehave.analysis import Batches, compare_batches
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements
from tests.rows import row

CONV = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)


def rows(times: dict[int, float], error: float = 0.005, **changes: Any) -> list[Measurement]:
    return [row(CONV.replace(batch=batch), ms, error, **changes) for batch, ms in times.items()]


def compared(some: list[Measurement]) -> Batches:
    return compare_batches(Measurements(some))


def test_the_smallest_batch_that_is_as_good_is_the_best() -> None:
    found = compared(rows({8: 2.802, 1: 1.0, 4: 1.4, 2: 1.1}))
    assert found.frame["batch"].tolist() == [1, 2, 4, 8]
    assert found.frame["best"].tolist() == [False, False, True, False]  # 4 and 8 cannot be told apart
    assert found.frame["throughput"].tolist() == pytest.approx([1000, 2000 / 1.1, 4000 / 1.4, 8000 / 2.802])
    best = found.frame.set_index("batch").loc[4]
    assert best["gain"] == pytest.approx(4 / 1.4)
    assert best["gain_low"] < best["gain"] < best["gain_high"]
    assert f"{CONV.id}: batch 4 is worth taking: 2857 a second, 2.86x" in repr(found)
    assert found.plot().get_ylabel().startswith("throughput")


def test_a_batch_that_costs_more_than_its_elements_is_not_taken() -> None:
    assert compared(rows({1: 1.0, 2: 2.2, 4: 5.0})).frame["best"].tolist() == [True, False, False]


def test_of_a_batch_measured_twice_the_smaller_error_counts() -> None:
    twice = [*rows({1: 1.0, 2: 9.0}, error=0.05), *rows({2: 1.1}, error=0.001)]
    assert compared(twice).frame["latency_ms"].tolist() == [1.0, 1.1]


def test_platforms_are_not_mixed() -> None:
    with pytest.raises(InvalidInputError, match="nothing was measured at two batches"):
        compared([*rows({1: 1.0}), *rows({2: 1.0}, platform="other")])


def test_a_network_is_known_by_all_its_layers() -> None:
    relu = nb.Layer(op="relu", height=14, in_channels=32)
    graphs = [nb.Graph([CONV.replace(batch=batch), relu.replace(batch=batch)]) for batch in (1, 2)]
    found = compared([row(graphs[0], 1.0), row(graphs[1], 1.5)]).frame
    assert found["layers"].unique().tolist() == [f"{CONV.id};{relu.id}"]
    assert found["best"].tolist() == [False, True]


def test_a_batch_without_a_latency_is_none() -> None:
    with pytest.raises(InvalidInputError, match="sweep a layer over batch"):
        compared([*rows({1: 1.0}), *rows({2: 1.0}, status="unsupported")])


@pytest.mark.process
def test_a_real_sweep_over_batch() -> None:
    results = nb.sweep(layer=CONV, dimension="batch", values=[1, 2, 4], platforms="simulated", progress=False)
    found = nb.compare_batches(results).frame
    assert found["batch"].tolist() == [1, 2, 4]
    assert found["best"].sum() == 1

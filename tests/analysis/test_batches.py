"""Throughput against batch: from frames whose truth is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from tests.rows import row

CONV = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3)


def frame(times: dict[int, float], error: float = 0.005, **changes: Any) -> pd.DataFrame:
    return pd.DataFrame([row(CONV.replace(batch=batch), ms, error, **changes) for batch, ms in times.items()])


def test_the_smallest_batch_that_is_as_good_is_the_best() -> None:
    found = nb.compare_batches(frame({8: 2.802, 1: 1.0, 4: 1.4, 2: 1.1}))
    assert found.frame["batch"].tolist() == [1, 2, 4, 8]
    assert found.frame["best"].tolist() == [False, False, True, False]  # 4 and 8 cannot be told apart
    assert found.frame["throughput"].tolist() == pytest.approx([1000, 2000 / 1.1, 4000 / 1.4, 8000 / 2.802])
    best = found.frame.set_index("batch").loc[4]
    assert best["gain"] == pytest.approx(4 / 1.4)
    assert best["gain_low"] < best["gain"] < best["gain_high"]
    assert f"{CONV.id}: batch 4 is worth taking: 2857 a second, 2.86x" in repr(found)
    assert found.plot().get_ylabel().startswith("throughput")


def test_a_batch_that_costs_more_than_its_elements_is_not_taken() -> None:
    assert nb.compare_batches(frame({1: 1.0, 2: 2.2, 4: 5.0})).frame["best"].tolist() == [True, False, False]


def test_platforms_are_not_mixed() -> None:
    mixed = pd.concat([frame({1: 1.0}), frame({2: 1.0}, platform="other")])
    with pytest.raises(InvalidInputError, match="nothing was measured at two batches"):
        nb.compare_batches(mixed)


@pytest.mark.parametrize("changes", [{"status": "unsupported"}, {"batch": None}])
def test_batches_without_a_latency_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="sweep a layer over batch"):
        nb.compare_batches(pd.DataFrame([row(CONV, 1.0), row(CONV.replace(batch=2), 1.0, **changes)]))


@pytest.mark.process
def test_a_real_sweep_over_batch() -> None:
    results = nb.sweep(layer=CONV, dimension="batch", values=[1, 2, 4], platforms="simulated", progress=False)
    found = nb.compare_batches(results).frame
    assert found["batch"].tolist() == [1, 2, 4]
    assert found["best"].sum() == 1

"""Exact costs: one answer each, and the operators that a cost leaves out are named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError

pytestmark = pytest.mark.process


def estimated(space: Space, platform: str, **options: object) -> nb.Results:
    return nb.sweep(space, platforms=platform, method="estimated", progress=False, **options)


def test_a_cost_is_exact_after_one_answer(space: Space) -> None:
    frame = estimated(space, "simulated?noise=0.5&world=1").frame
    steps = np.ceil(frame["out_channels"].astype(int) / 16)
    np.testing.assert_allclose(frame["latency_ms"], (20 + 40 * steps) / 1e3)
    assert (frame["std_error_ms"] / frame["latency_ms"]).round(6).eq(1e-4).all()
    assert set(frame["rounds"]) == {1}
    assert set(frame["method"]) == {"estimated"}
    assert json.loads(frame["counts"][0]) == {"cycles": frame["cycles"][0]}


def test_exact_sessions_share_one_scale(space: Space, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    some = space.among(range(1, 4))
    nb.measure(some.layers, platforms="simulated", store=store, method="estimated", progress=False)
    results = estimated(space, "simulated", store=store)
    assert results.frame["session"].nunique() == 2
    assert results.frame["join_factor"].eq(1).all()
    found = results.step_map(platform="simulated")
    assert found.edges == (17,)


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("fail_at", "unsupported", "takes no out_channels of 7"),
        ("crash_at", "failed", r"died \(exit code 42\)"),
        ("hang_at", "timeout", "no answer within 5 s"),
    ],
)
def test_a_failure_is_the_result_of_the_layer_that_failed(space: Space, fault: str, status: str, says: str) -> None:
    frame = estimated(space, f"simulated?{fault}=7", time_limit_s=5).frame.set_index("out_channels")
    assert frame.loc[7, "status"] == status
    assert re.search(says, frame.loc[7, "reason"])
    assert np.isnan(frame.loc[7, "latency_ms"])
    assert (frame.drop(7)["status"] == "ok").all()
    assert frame.drop(7)["latency_ms"].notna().all()


def test_no_analyser_uses_a_total_that_leaves_an_operator_out(tmp_path: Path) -> None:
    """An operator without a cost must not look free."""
    conv = nb.Layer(op="conv", height=28, in_channels=8, out_channels=32, kernel=3)
    relu = nb.Layer(op="relu", height=28, in_channels=32)
    pair = Graph([conv, relu], "pair")
    subjects = [conv, relu, pair]
    whole = nb.measure(subjects, platforms="simulated?dimension=in_channels", method="estimated", progress=False)
    assert list(nb.detect_fusion(whole).frame["verdict"]) == ["not fused"]
    short = nb.measure(
        subjects, platforms="simulated?dimension=in_channels&leaves_out=relu", method="estimated", progress=False
    )
    frame = short.frame.set_index("layers")
    assert frame["complete"].to_dict() == {conv.id: True, relu.id: False, f"{conv.id};{relu.id}": False}
    assert frame.loc[relu.id, "reason"] == "its total leaves out relu"
    found = nb.detect_fusion(short).frame.iloc[0]
    assert found["verdict"] == "cannot tell"
    assert "leaves out relu" in found["words"]


def test_a_curve_of_incomplete_totals_has_no_steps() -> None:
    base = nb.Layer(op="relu", height=7, in_channels=8)
    results = nb.sweep(
        layer=base,
        dimension="in_channels",
        values=range(1, 41),
        platforms="simulated?dimension=in_channels&leaves_out=relu",
        method="estimated",
        progress=False,
    )
    with pytest.raises(InvalidInputError, match="no latencies in this curve"):
        results.step_map(platform="simulated?dimension=in_channels&leaves_out=relu")


def test_an_adaptive_sweep_asks_for_fewer_costs(base: nb.Layer) -> None:
    results = nb.sweep(
        layer=base,
        dimension="out_channels",
        values=range(1, 401),
        platforms="simulated",
        method="estimated",
        sampling="adaptive",
        progress=False,
    )
    found = results.step_map(platform="simulated")
    assert (found.kind, found.width) == ("staircase", 16)
    assert len(results.frame) < 200

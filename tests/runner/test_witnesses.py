"""The witnesses of samples."""

from __future__ import annotations

import os
import time

import pytest

from nnbehave.runner.witnesses import Witnesses, clock_proxy_ns


def test_a_sample_has_witnesses_and_unreadable_ones_are_none() -> None:
    witnesses = Witnesses([0])
    # The try with the least processor time, because threads that other tests have started may still be busy.
    tries = [witnesses.around(lambda: time.sleep(0.02) or 42) for _ in range(10)]
    assert {result for result, _ in tries} == {42}
    seen = min((seen for _, seen in tries), key=lambda each: each["cpu_ns"])
    assert seen["wall_ns"] >= 20_000_000 > 5 * seen["cpu_ns"]
    available = witnesses.available()
    assert set(available) < set(seen)
    assert all((seen[name] is not None) == there for name, there in available.items())
    assert seen["clock_proxy_ns"] > 0


def test_a_machine_without_witnesses_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError("no")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("nnbehave.runner.witnesses.resource", None)
    witnesses = Witnesses([0])
    _, seen = witnesses.around(lambda: None)
    unseen = {"steal_ms", "frequency_mhz", "temperature_c", "involuntary_switches"}
    assert {name for name, value in seen.items() if value is None} == unseen
    assert {name for name, there in witnesses.available().items() if not there} == unseen


def test_the_proxy_takes_time() -> None:
    assert 1_000 < clock_proxy_ns() < 10_000_000

"""What is said of a machine: a simulated one, quiet and loud."""

from __future__ import annotations

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.studies.doctor import _advice, _states


@pytest.mark.process
def test_a_louder_machine_resolves_less() -> None:
    quiet, loud = (
        nb.diagnose(f"simulated?noise={noise}&dimension=in_channels", seconds=0.6, progress=False)
        for noise in (0.005, 0.2)
    )
    assert quiet.facts["spread_raw"] < loud.facts["spread_raw"]
    assert quiet.facts["smallest_step"] < loud.facts["smallest_step"]
    assert quiet.facts["smallest_saving"] < loud.facts["smallest_saving"]
    assert "smallest step" in repr(quiet)


def test_a_clock_of_two_speeds_is_seen() -> None:
    rng = np.random.default_rng(0)
    one = 20_000 * np.exp(0.02 * rng.standard_normal(400))
    two = one * np.where(rng.random(400) < 0.4, 1.3, 1.0)
    assert (_states(one), _states(two)) == (1, 2)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"steal_share": 0.05}, "hypervisor"),
        ({"interrupted_share": 0.1}, "other programs"),
        ({"clock_states": 2}, "two speeds"),
        ({"process_share": 0.05}, "fresh processes"),
        ({"spread_normalised": 0.1}, "--interval 0.05"),
    ],
)
def test_advice_follows_from_what_was_found(facts: dict[str, float], says: str) -> None:
    fine = {
        "steal_share": 0.0,
        "interrupted_share": 0.0,
        "clock_states": 1,
        "process_share": 0.0,
        "spread_normalised": 0.0,
    }
    there = {"frequency_mhz": True, "temperature_c": True}
    assert not any(says in text for text in _advice(fine, there))
    assert any(says in text for text in _advice(fine | facts, there))

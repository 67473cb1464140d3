"""The settings of a session."""

from __future__ import annotations

import pytest

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.settings import Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval": 0.0},
        {"interval": 2.0},
        {"min_rounds": 5},
        {"max_rounds": 3},
        {"time_limit_s": 0.0},
        {"span_ms": -1.0},
        {"nonsense": 1},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        Settings(**wrong)


def test_old_stored_settings_are_read() -> None:
    stored = Settings(interval=0.05, seed=3).model_dump()
    stored |= {"value_ms": 0.7, "block_ms": 7.0}
    del stored["span_ms"], stored["sample_ms"]
    assert Settings(**stored) == Settings(interval=0.05, seed=3, span_ms=0.7, sample_ms=7.0)


def test_settings_are_read_back_as_they_are_stored() -> None:
    settings = Settings(interval=0.05, seed=3, span_ms=0.7, sample_ms=7.0)
    assert Settings(**settings.model_dump()) == settings


def test_an_old_name_beside_the_new_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="value_ms"):
        Settings(span_ms=0.2, value_ms=0.3)

"""A small sweep on each measured runtime that is no part of the other tests."""

from __future__ import annotations

import pytest

import nnbehave as nb
from nnbehave.errors import MissingExtraError
from nnbehave.platforms import get_platform

PLATFORMS = ["onnxruntime"]


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_sweep_has_a_right_and_measured_row_for_every_layer(platform: str, base: nb.Layer) -> None:
    try:
        get_platform(platform).version()
    except MissingExtraError as error:
        pytest.skip(str(error))
    rows = nb.sweep(
        layer=base, dimension="out_channels", values=range(8, 48, 8), platforms=platform, interval=0.2, progress=False
    ).frame
    assert list(rows["out_channels"]) == [8, 16, 24, 32, 40]
    assert set(rows["status"]) <= {"ok", "noisy"}  # a busy machine is no fault of the runtime
    assert (rows["latency_ms"] > 0).all()
    assert (rows["output_error"] < 1e-4).all()
    assert set(rows["executed_precision"]) == {"fp32"}
    assert set(rows["placement"]) == {"full"}
    assert set(rows["method"]) == {get_platform(platform).methods[0]}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_another_precision_is_refused(platform: str, base: nb.Layer) -> None:
    asked = nb.Graph([base.replace(precision="int16x8")])
    assert get_platform(platform).refuses(asked).startswith(f"{platform} has no int16x8, only fp32")

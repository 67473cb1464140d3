"""The platform ``rknn``. Most tests need the environment of 2.4 GB that ``nnbehave setup rknn`` makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.rknn import RKNN
from nnbehave.testing import PlatformContract

_OWN = RKNN.preparation().folder  # the user's folder, because no test has changed the cache yet


@pytest.fixture
def toolkit(cache_dir: Path) -> None:
    """Link the user's environment into the cache of the tests."""
    folder = RKNN.preparation().folder
    if _OWN.exists() and not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        folder.symlink_to(_OWN)
    try:
        RKNN.version()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.setup
@pytest.mark.usefixtures("toolkit")
class TestRK3588(PlatformContract):
    platform = "rknn:rk3588"


def test_unknown_variants_and_options_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="no variant 'rk3399pro'; it has rknn:rk3562"):
        get_platform("rknn:rk3399pro")
    with pytest.raises(InvalidInputError, match="clock_ghz"):
        get_platform("rknn:rk3588?clock_ghz=fast")


@pytest.mark.parametrize(("variant", "runs"), [("rk3588", "fp16"), ("rv1106", "int8")])
def test_fp32_layers_run_at_a_precision_of_the_target(variant: str, runs: str) -> None:
    platform = get_platform(f"rknn:{variant}")
    assert platform.runs_at("fp32") == runs
    assert platform.runs_at("int8") == "int8"


def test_the_setup_says_that_no_licence_is_stated() -> None:
    said = RKNN.preparation().downloads
    assert "not stated" in said[0].licence
    assert sum(download.size_mb for download in said) > 2000


@pytest.mark.setup
@pytest.mark.parametrize(
    ("platform", "precision", "edges"),
    [("rknn:rk3588", "fp16", [17]), ("rknn:rk3566", "int8", [17]), ("rknn:rk3566", "fp16", [9, 17])],
)
def test_convolutions_climb_in_steps_of_the_multipliers_width(
    toolkit: None, platform: str, precision: str, edges: list[int]
) -> None:
    layer = nb.Layer(op="conv", height=28, in_channels=64, out_channels=8, kernel=3, precision=precision)
    values = range(1, 21)
    frame = nb.sweep(layer=layer, dimension="out_channels", values=values, platforms=platform, progress=False).frame
    assert list(np.flatnonzero(np.diff(frame["cycles"])) + 2) == edges
    assert set(frame["executed_precision"]) == {precision}


@pytest.mark.setup
def test_a_layer_that_the_compiler_refuses_has_a_reason(toolkit: None, base: nb.Layer) -> None:
    layers = [base.replace(precision=precision) for precision in ("fp16", "int8")]
    rows = nb.measure(layers, ["rknn:rv1106", "rknn:rk2118"], progress=False).frame.set_index(["platform", "precision"])
    assert "not support do_quantization = False" in rows.loc[("rknn:rv1106", "fp16"), "reason"]
    assert "SIGABRT" in rows.loc[("rknn:rk2118", "int8"), "reason"]
    assert list(rows["status"]) == ["unsupported", "ok", "ok", "failed"]


@pytest.mark.setup
def test_the_clock_scales_all_latencies_alike(toolkit: None, base: nb.Layer) -> None:
    rows = nb.measure([base], ["rknn:rk3588", "rknn:rk3588?clock_ghz=0.5"], progress=False).frame
    assert rows["latency_ms"].iloc[1] == pytest.approx(2 * rows["latency_ms"].iloc[0])
    assert rows["cycles"].nunique() == 1

"""The platform ``litert-gpu``, with and without a device."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms import get_platform, litert_gpu
from nnbehave.runner import vulkan
from nnbehave.testing import PlatformContract


@pytest.mark.setup
class TestLiteRTGPU(PlatformContract):
    platform = "litert-gpu"


@pytest.mark.runtime("ai_edge_litert")
@pytest.mark.parametrize("loader", [False, True])
def test_without_a_device_the_platform_is_unavailable_and_says_what_to_do(
    loader: bool, monkeypatch: pytest.MonkeyPatch, base: nb.Layer
) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    if loader and not vulkan.has_loader():
        pytest.skip("needs Vulkan's loader: install libvulkan1")
    if not loader:
        monkeypatch.setattr(vulkan, "_LOADER", "no-such-library.so")
    monkeypatch.setenv("VK_DRIVER_FILES", "/no/such/driver.json")
    row = nb.platforms().set_index("name").loc["litert-gpu"]
    assert not row["available"]
    assert "finds no Vulkan device: install Vulkan's loader (libvulkan1) and the driver" in row["why_not"]
    with pytest.raises(MissingExtraError, match="no Vulkan device"):
        nb.measure([base], platforms="litert-gpu", progress=False)


@pytest.mark.process
def test_a_driver_that_crashes_counts_as_no_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crashes = tmp_path / "crashes.py"
    crashes.write_text("import os; os.abort()")
    monkeypatch.setattr(vulkan, "has_loader", lambda: True)
    monkeypatch.setattr(vulkan, "__file__", str(crashes))
    assert litert_gpu._vulkan_devices() == []
    crashes.write_text("print('[\"A GPU\"]')")
    assert litert_gpu._vulkan_devices() == ["A GPU"]


@pytest.mark.setup
def test_a_layer_is_computed_in_its_precision(base: nb.Layer) -> None:
    try:
        get_platform("litert-gpu").version()
    except MissingExtraError as error:
        pytest.skip(str(error))
    conv = base.replace(in_channels=64, out_channels=64)
    rows = nb.measure([conv, conv.replace(precision="fp16")], "litert-gpu", method="none", progress=False).frame
    assert list(rows["status"]) == ["ok", "ok"]
    assert list(rows["placement"]) == ["full", "full"]
    assert rows["output_error"].iloc[0] < 1e-5 < rows["output_error"].iloc[1] < 1e-2
    assert not rows["output_error"].isna().any()

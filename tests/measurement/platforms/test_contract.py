"""The contract tests for plug-ins, run on the built-in platforms and on the guide's plug-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.measurement.platforms import PLATFORMS
from nnbehave.testing import PlatformContract

GUIDE = Path(__file__).parents[3] / "docs" / "contributing" / "platform.md"


@pytest.mark.process
class TestSimulated(PlatformContract):
    platform = "simulated?noise=0.001"


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
class TestTFLite(PlatformContract):
    platform = "tflite"


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
class TestTFLiteBuiltin(PlatformContract):
    platform = "tflite:builtin"


@pytest.mark.runtime("tensorflow", "openvino")
class TestOpenVINO(PlatformContract):
    platform = "openvino"


@pytest.mark.runtime("tensorflow", "onnxruntime", "onnx")
class TestOnnxRuntime(PlatformContract):
    platform = "onnxruntime"


@pytest.mark.setup
@pytest.mark.runtime("tensorflow")
class TestTensorFlow(PlatformContract):
    platform = "tensorflow"
    layers = (  # large ones, because TensorFlow's executor takes tens of µs for each node
        nb.Layer(op="conv", height=28, in_channels=32, out_channels=64, kernel=3),
        nb.Layer(op="conv", height=28, in_channels=64, out_channels=32, kernel=3, activation="relu"),
        nb.Layer(op="dwconv", height=56, in_channels=64, kernel=3),
        nb.Layer(op="dense", in_channels=1024, out_channels=1024),
        nb.Layer(op="gelu", height=56, in_channels=64),
    )
    max_rounds = 6


@pytest.fixture(scope="class")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the guide's plug-in as a distribution: nnbehave finds it by its entry point, and the runner loads it."""
    site = tmp_path_factory.mktemp("site")
    text = GUIDE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# roofline_platform.py\n.*?)```", text, re.DOTALL)
    (entry,) = re.findall(r"```toml\n\[project.entry-points.\"(.*?)\"\]\n(.*?)\n```", text, re.DOTALL)
    (site / "roofline_platform.py").write_text(code, encoding="utf-8")
    about = site / "roofline_platform-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: roofline-platform\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{entry[0]}]\n{entry[1].replace(chr(34), '')}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site))
        PLATFORMS.forget_plug_ins()
        yield
    PLATFORMS.forget_plug_ins()


@pytest.mark.process
@pytest.mark.usefixtures("plug_in")
class TestPlugIn(PlatformContract):
    platform = "roofline?peak_gops=100"

    def test_costs_follow_the_roofline(self) -> None:
        frame = nb.measure(self.layers, platforms=self.platform, progress=False).frame.set_index("op")
        ops, latency_ms = frame.loc["conv", "ops"].iloc[0], frame.loc["conv", "latency_ms"].iloc[0]
        assert latency_ms == pytest.approx(ops / 100 / 1e6, rel=1e-3)
        assert frame.loc["conv", "executed_precision"].iloc[0] == "int8"
        assert not frame.loc["gelu", "complete"]
        assert frame.loc["gelu", "left_out"] == "gelu"

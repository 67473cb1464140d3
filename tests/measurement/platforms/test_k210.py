from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError, MissingExtraError, SetupError, WorkerDied
from nnbehave.measurement.converters import Artifact, ArtifactCache, convert_all, get_converter
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.k210 import K210
from nnbehave.measurement.platforms.preparation import find_python
from nnbehave.measurement.targets import LocalTarget
from nnbehave.testing import PlatformContract


@pytest.fixture(scope="module")
def nncase(cache_dir: Path) -> None:
    """Set the platform up in the cache of the tests."""
    try:
        find_python(8, 10)
        for _ in K210.preparation().make():
            pass
    except (InvalidInputError, SetupError) as error:
        pytest.skip(str(error))


@pytest.mark.setup
@pytest.mark.usefixtures("nncase")
class TestK210(PlatformContract):
    platform = "k210"


def test_without_setup_the_platform_says_how_to_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))
    with pytest.raises(MissingExtraError, match="nnbehave setup k210"):
        K210.version()
    with pytest.raises(MissingExtraError, match="nnbehave setup k210"):
        nb.measure([nb.Layer(op="relu", height=7, in_channels=8)], "k210", progress=False)


@pytest.mark.setup
@pytest.mark.usefixtures("nncase")
def test_nothing_is_timed() -> None:
    layer = nb.Layer(op="relu", height=7, in_channels=8)
    with pytest.raises(InvalidInputError, match="can be measured by none"):
        nb.measure([layer], "k210", method="whole", progress=False)
    assert get_platform("k210").methods == ("none",)


@pytest.mark.setup
@pytest.mark.usefixtures("nncase")
def test_the_kpu_runs_the_operators_that_the_paper_lists() -> None:
    size = {"height": 14, "in_channels": 16}
    placed = {
        nb.Layer(op="conv", out_channels=16, kernel=3, activation="relu", **size): "full",
        nb.Layer(op="conv", out_channels=16, kernel=3, activation="hardswish", **size): "full",
        nb.Layer(op="dwconv", kernel=3, activation="swish", precision="uint8", **size): "full",
        nb.Layer(op="conv", out_channels=16, kernel=5, **size): "fallback",
        nb.Layer(op="dwconv", kernel=7, **size): "fallback",
        nb.Layer(op="mobilenet_v2_se", kernel=3, **size): "partial",
    }
    results = nb.measure(list(placed), "k210", progress=False)
    rows = results.frame.set_index("subject")
    assert {row["status"] for _, row in rows.iterrows()} == {"ok"}
    assert rows["latency_ms"].isna().all()
    assert {layer: rows.loc[layer.id, "placement"] for layer in placed} == placed
    first, _, quantised, wide, _, excited = (rows.loc[layer.id] for layer in placed)
    assert first["kernels"].count("KPUConv2D") == 1  # with the activation fused into it
    assert (first["executed_precision"], wide["executed_precision"]) == ("uint8", "fp32")
    assert quantised["reason"] == ""
    assert excited["reason"].endswith("partial: Binary, Reduce, TableLookup1D")


@pytest.mark.setup
@pytest.mark.usefixtures("nncase")
def test_a_layer_that_nncase_cannot_compile_has_its_reason() -> None:
    layers = [nb.Layer(op=op, height=7, in_channels=8) for op in ("gelu", "add")]
    rows = nb.measure(layers, "k210", progress=False).frame.set_index("op")
    assert dict(rows["status"]) == {"gelu": "unsupported", "add": "ok"}
    assert "Unsupported tflite opcode" in rows.loc["gelu", "reason"]


@pytest.mark.setup
def test_a_crash_of_nncase_ends_its_runner_with_a_reason(nncase: None, base: nb.Layer) -> None:
    graph = nb.Graph([base.replace(precision="int8")])  # nncase crashes on integer models
    ((_, artifact),) = convert_all([(get_converter("tflite"), graph)], 0, ArtifactCache())
    assert isinstance(artifact, Artifact)
    with LocalTarget().start(get_platform("k210")) as runner, pytest.raises(WorkerDied, match="SIGSEGV"):
        runner.request("load", 60, handle="x", path=artifact.path, precision="int8", seed=0)

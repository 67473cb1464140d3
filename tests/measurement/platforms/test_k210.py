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
    """Set the platform up in the tests' cache."""
    try:
        find_python(8, 10)
        for _ in K210.preparation().make():
            pass
    except (InvalidInputError, SetupError) as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.usefixtures("nncase")
class TestK210(PlatformContract):
    platform = "k210"


def test_it_says_how_to_set_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))
    with pytest.raises(MissingExtraError, match="nnbehave setup k210"):
        K210.version()
    with pytest.raises(MissingExtraError, match="nnbehave setup k210"):
        nb.measure([nb.Layer(op="relu", height=7, in_channels=8)], "k210", progress=False)


def test_nothing_is_timed() -> None:
    layer = nb.Layer(op="relu", height=7, in_channels=8)
    with pytest.raises(InvalidInputError, match="can be measured by none"):
        nb.measure([layer], "k210", method="whole", progress=False)
    assert get_platform("k210").methods == ("none",)


@pytest.mark.slow
@pytest.mark.usefixtures("nncase")
def test_it_agrees_with_the_paper_on_what_the_kpu_runs() -> None:
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
    assert first["kernels"].count("KPUConv2D") == 1  # the activation is in it
    assert (first["executed_precision"], wide["executed_precision"]) == ("uint8", "fp32")
    assert quantised["reason"] == ""
    assert excited["reason"].endswith("partial: Binary, Reduce, TableLookup1D")


@pytest.mark.slow
@pytest.mark.usefixtures("nncase")
def test_what_nncase_cannot_compile_is_a_row_with_its_words() -> None:
    layers = [nb.Layer(op=op, height=7, in_channels=8) for op in ("gelu", "add")]
    rows = nb.measure(layers, "k210", progress=False).frame.set_index("op")
    assert dict(rows["status"]) == {"gelu": "unsupported", "add": "ok"}
    assert "Unsupported tflite opcode" in rows.loc["gelu", "reason"]


@pytest.mark.slow
def test_a_crash_of_nncase_is_a_death_of_its_runner_with_what_it_did_last(nncase: None, base: nb.Layer) -> None:
    graph = nb.Graph([base.replace(precision="int8")])  # a model of integers, which it does not take
    ((_, artifact),) = convert_all([(get_converter("tflite"), graph)], 0, ArtifactCache())
    assert isinstance(artifact, Artifact)
    with LocalTarget().start(get_platform("k210")) as runner, pytest.raises(WorkerDied, match="SIGSEGV"):
        runner.request("load", 60, handle="x", path=artifact.path, precision="int8", seed=0)

"""The Edge TPU converter, with a stand-in for ``edgetpu_compiler``. It has not been tried with the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.errors import MissingExtraError
from nnbehave.measurement.converters.edgetpu import EdgeTPUConverter, compiler_version
from nnbehave.runner.protocol import Unsupported
from tests.measurement.converters.compiler import stand_in

pytestmark = pytest.mark.runtime("tensorflow")

pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")


@pytest.fixture
def graph(base: nb.Layer) -> Graph:
    return Graph([base.replace(precision="int8")])


def use(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    compiler_version.cache_clear()
    monkeypatch.setenv("EDGETPU_COMPILER", str(path))


def test_the_artifact_is_the_compiled_model_with_the_log(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, stand_in(tmp_path))
    folder = tmp_path / "artifact"
    folder.mkdir()
    phases = EdgeTPUConverter().convert(graph, 0, folder)
    assert {file.name for file in folder.iterdir()} == {"model_edgetpu.tflite", "model_edgetpu.log", "reference.npz"}
    assert "Mapped to Edge TPU" in (folder / "model_edgetpu.log").read_text()
    assert phases["convert"] > 0


def test_the_version_includes_that_of_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, stand_in(tmp_path))
    assert EdgeTPUConverter().version().endswith("Edge TPU Compiler version 16.0.384591198")


@pytest.mark.parametrize(
    ("cue", "says"),
    [
        ("refuses", "Model not quantized"),
        ("crashes", "Internal compiler error"),
        ("nothing", "Compilation failed!"),
    ],
)
def test_a_failed_compilation_is_refused_with_the_compiler_s_reason(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cue: str, says: str
) -> None:
    use(monkeypatch, stand_in(tmp_path, cue))
    folder = tmp_path / "artifact"
    folder.mkdir()
    with pytest.raises(Unsupported, match=f"edgetpu_compiler: .*{says}"):
        EdgeTPUConverter().convert(graph, 0, folder)


def test_a_missing_compiler_is_reported_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER", "/no/such/compiler")
    with pytest.raises(MissingExtraError, match="needs edgetpu_compiler: install it .*EDGETPU_COMPILER"):
        EdgeTPUConverter().version()

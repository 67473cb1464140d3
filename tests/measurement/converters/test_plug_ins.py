"""Converters by name, and those of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.converters import CONVERTERS, Artifact, ArtifactCache, Converter, convert_all, get_converter
from nnbehave.measurement.converters.tflite import TFLiteConverter

PLUG_IN = """
from nnbehave.measurement.converters import Converter

class Shouting(Converter):
    name, file = "shouting", "graph.txt"

    def convert(self, graph, seed, folder):
        (folder / self.file).write_text(graph.id.upper())
        return {}
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a converter as a distribution, for this process and for those that convert."""
    (tmp_path / "shouting.py").write_text(PLUG_IN)
    about = tmp_path / "shouting-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[nnbehave.converters]\nshouting = shouting:Shouting\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    CONVERTERS.forget_plug_ins()
    yield
    CONVERTERS.forget_plug_ins()


@pytest.mark.process
@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_converts(base: nb.Layer, tmp_path: Path) -> None:
    converter = get_converter("shouting")
    assert isinstance(converter, Converter)
    assert get_converter("shouting") is converter
    graph = Graph([base])
    ((_, artifact),) = convert_all([(converter, graph)], 0, ArtifactCache(tmp_path / "cache"))
    assert isinstance(artifact, Artifact), artifact
    assert Path(artifact.path).read_text() == graph.id.upper()


def test_converters_are_found_by_name() -> None:
    assert isinstance(get_converter("tflite"), TFLiteConverter)
    with pytest.raises(InvalidInputError, match="unknown converter 'tflit'; did you mean tflite"):
        get_converter("tflit")

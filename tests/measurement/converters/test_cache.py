from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.errors import ConversionError, InvalidInputError, MissingExtraError
from nnbehave.measurement.converters import (
    Artifact,
    ArtifactCache,
    ConversionPool,
    Converter,
    convert_all,
    get_converter,
    pool,
)

SPEC = get_converter("layer_spec")


def graphs(base: nb.Layer, count: int) -> list[Graph]:
    return [Graph([base.replace(out_channels=n)]) for n in range(1, count + 1)]


def test_an_artifact_is_found_again(base: nb.Layer, tmp_path: Path) -> None:
    cache, graph = ArtifactCache(tmp_path), Graph([base])
    assert cache.get(SPEC, graph, 0) is None
    made = cache.make(SPEC, graph, 0)
    assert cache.get(SPEC, graph, 0) == made
    assert Path(made.path).read_text().count("conv") == 1
    assert cache.get(SPEC, graph, 1) is None
    assert cache.get(SPEC, Graph([base.replace(kernel=1)]), 0) is None


def test_a_failed_conversion_leaves_nothing(base: nb.Layer, tmp_path: Path) -> None:
    class Fails(Converter):
        name, file = "fails", "x"

        def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
            (folder / "half").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ArtifactCache(tmp_path).make(Fails(), Graph([base]), 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list((tmp_path / "fails").iterdir()) == []


def test_an_artifact_may_be_made_twice(base: nb.Layer, tmp_path: Path) -> None:
    cache, graph = ArtifactCache(tmp_path), Graph([base])
    assert cache.make(SPEC, graph, 0).sha256 == cache.make(SPEC, graph, 0).sha256
    assert len(list((tmp_path / "layer_spec").iterdir())) == 1


def test_another_version_of_the_converter_makes_another_artifact(
    base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, graph = ArtifactCache(tmp_path), Graph([base])
    cache.make(SPEC, graph, 0)
    monkeypatch.setattr(type(SPEC), "revision", SPEC.revision + 1)
    assert cache.get(SPEC, graph, 0) is None


def test_a_missing_package_is_reported_with_its_extra(base: nb.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(SPEC), "packages", {"no-such-package": "tensorflow"})
    with pytest.raises(MissingExtraError, match=r"needs no-such-package: pip install 'nnbehave\[tensorflow\]'"):
        list(convert_all([(SPEC, Graph([base]))], 0, ArtifactCache()))


@pytest.mark.process
def test_graphs_are_converted_once(base: nb.Layer, tmp_path: Path) -> None:
    cache, jobs = ArtifactCache(tmp_path), [(SPEC, graph) for graph in graphs(base, 70)]
    first = dict(convert_all(jobs, 0, cache))
    assert set(first) == set(jobs)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("graph.json")}
    assert dict(convert_all(jobs, 0, cache)) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("graph.json")} == times


@pytest.mark.process
def test_a_failed_conversion_does_not_stop_the_others(base: nb.Layer, tmp_path: Path) -> None:
    cache, jobs = ArtifactCache(tmp_path), [(SPEC, graph) for graph in graphs(base, 3)]
    victim = cache._folder(SPEC, jobs[1][1], 0)
    victim.parent.mkdir(parents=True)
    victim.write_text("a file in the way")
    results = dict(convert_all(jobs, 0, cache))
    assert isinstance(results[jobs[1]], ConversionError)
    assert isinstance(results[jobs[0]], Artifact)
    assert isinstance(results[jobs[2]], Artifact)


def test_the_least_recently_used_artifacts_are_deleted_first(
    base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, made = ArtifactCache(tmp_path), graphs(base, 4)
    for i, graph in enumerate(made):
        facts = Path(cache.make(SPEC, graph, 0).path).with_name("artifact.json")
        os.utime(facts, (i, i))
    cache.get(SPEC, made[0], 0)  # it is now the most recently used
    cache.trim()
    assert all(cache.get(SPEC, graph, 0) for graph in made)
    held = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    for i, graph in enumerate(made[1:], 1):
        facts = Path(cache.make(SPEC, graph, 0).path).with_name("artifact.json")
        os.utime(facts, (i, i))
    monkeypatch.setenv("NNBEHAVE_CACHE_GB", str(held * 0.6 / 1e9))
    (tmp_path / "layer_spec" / "draft-old").mkdir()
    os.utime(tmp_path / "layer_spec" / "draft-old", (0, 0))
    (tmp_path / "layer_spec" / "draft-new").mkdir()
    ArtifactCache(tmp_path).trim()
    assert [folder.name for folder in tmp_path.rglob("draft-*")] == ["draft-new"]
    assert [cache.get(SPEC, graph, 0) is not None for graph in made] == [True, False, False, True]
    assert ArtifactCache(tmp_path).trim() == sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    monkeypatch.setenv("NNBEHAVE_CACHE_GB", "lots")
    with pytest.raises(InvalidInputError, match="NNBEHAVE_CACHE_GB must be a number of gigabytes, got 'lots'"):
        ArtifactCache(tmp_path)


def test_a_cache_is_looked_through_only_when_it_is_full_and_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = []
    monkeypatch.setattr(ArtifactCache, "trim", lambda cache: trimmed.append(cache) or 600)
    monkeypatch.setenv("NNBEHAVE_CACHE_GB", "1e-6")  # 1000 bytes
    for made_bytes, times in ((100, 1), (100, 1), (300, 1), (1, 2), (0, 2)):
        ArtifactCache(tmp_path).trim_where_due(made_bytes)
        assert len(trimmed) == times
    assert [file.name for file in tmp_path.iterdir()] == ["held.json"]
    tomorrow = time.time() + 90_000
    monkeypatch.setattr("time.time", lambda: tomorrow)
    ArtifactCache(tmp_path).trim_where_due(0)
    assert len(trimmed) == 3
    (tmp_path / "held.json").write_text("{")
    ArtifactCache(tmp_path).trim_where_due(0)
    assert len(trimmed) == 4


@pytest.mark.process
def test_a_process_that_has_grown_too_large_is_replaced(
    base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Counted(pool.PythonWorker):
        def __init__(self, module: str) -> None:
            started.append(module)
            super().__init__(module)

    monkeypatch.setattr(pool, "PythonWorker", Counted)
    jobs = [(SPEC, graph) for graph in graphs(base, 3)]
    list(convert_all(jobs, 0, ArtifactCache(tmp_path / "a")))
    assert len(started) == 1
    monkeypatch.setattr(pool, "_LARGEST_BYTES", 1)
    list(convert_all(jobs, 0, ArtifactCache(tmp_path / "b")))
    assert len(started) == 1 + 3


@pytest.mark.process
def test_a_pool_keeps_its_processes_between_calls(base: nb.Layer, tmp_path: Path) -> None:
    jobs = [(SPEC, graph) for graph in graphs(base, 6)]
    with ConversionPool(0, ArtifactCache(tmp_path)) as crew:
        list(crew.convert(jobs[:3]))
        (first,) = [process._worker for process in crew._processes if process.started]
        list(crew.convert(jobs[3:]))
        assert [process._worker for process in crew._processes if process.started] == [first]
    assert first is not None
    assert first._process.poll() is not None


@pytest.mark.runtime("tensorflow")
def test_a_precision_that_a_converter_lacks_is_unsupported(base: nb.Layer, tmp_path: Path) -> None:
    jobs = [(get_converter("tflite"), Graph([base.replace(precision="bf16")]))]
    (error,) = dict(convert_all(jobs, 0, ArtifactCache(tmp_path))).values()
    assert isinstance(error, ConversionError)
    assert (error.status, str(error)) == (
        "unsupported",
        "tflite has no bf16, only fp32, fp16, dynamic_int8, int8, uint8, int16x8",
    )


@pytest.mark.parametrize("spoil", ["empty facts", "no main file", "other facts"])
def test_a_damaged_artifact_is_made_again(base: nb.Layer, tmp_path: Path, spoil: str) -> None:
    cache, graph = ArtifactCache(tmp_path), Graph([base])
    made = cache.make(SPEC, graph, 0)
    facts = Path(made.path).with_name("artifact.json")
    if spoil == "no main file":
        Path(made.path).unlink()
    else:
        facts.write_text("" if spoil == "empty facts" else '{"sha256": "x"}')
    assert cache.get(SPEC, graph, 0) is None
    assert cache.make(SPEC, graph, 0).sha256 == made.sha256
    assert cache.get(SPEC, graph, 0) is not None


@pytest.mark.process
def test_a_process_that_cannot_start_is_an_error_of_its_graph(
    base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("nnbehave.measurement.converters.pool.PythonWorker", refuse)
    (error,) = dict(convert_all([(SPEC, Graph([base]))], 0, ArtifactCache(tmp_path))).values()
    assert "no space left" in str(error)


@pytest.mark.process
def test_a_process_that_hangs_is_a_timeout_of_its_graph(base: nb.Layer, tmp_path: Path) -> None:
    results = dict(convert_all([(SPEC, Graph([base]))], 0, ArtifactCache(tmp_path), time_limit_s=0.001))
    (error,) = results.values()
    assert "no answer within 0.001 s" in str(error)
    assert isinstance(error, ConversionError)
    assert error.status == "timeout"

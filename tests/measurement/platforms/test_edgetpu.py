"""The platform ``edgetpu`` without a device: errors for missing parts, and a run with stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.errors import MissingExtraError
from nnbehave.measurement.converters import ArtifactCache
from nnbehave.measurement.converters.edgetpu import EdgeTPUConverter, compiler_version
from nnbehave.measurement.platforms import get_platform
from nnbehave.runner.backends.edgetpu import EdgeTPUBackend, placed
from nnbehave.runner.kernels import Kernel, executed_precision, placement
from tests.measurement.converters.compiler import stand_in

LOG = """\
Edge TPU Compiler version 16.0.384591198
Input: FRC_model.tflite
Output: FRC_model_edgetpu.tflite

Operator                       Count      Status

ADD                            2          Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
RESHAPE                        1          More than one subgraph is not supported
RESIZE_NEAREST_NEIGHBOR        1          Mapped to Edge TPU
"""


def test_the_log_says_where_operators_run() -> None:
    kernels = placed(LOG)
    assert [kernel.name for kernel in kernels] == [
        "tpu:ADD",
        "tpu:ADD",
        "cpu:CUSTOM",
        "cpu:RESHAPE",
        "tpu:RESIZE_NEAREST_NEIGHBOR",
    ]
    assert (placement(kernels), executed_precision(kernels)) == ("partial", "int8")
    assert kernels[2] == Kernel("cpu:CUSTOM", "", False, "Operation is working on an unsupported data type")
    assert placement(placed(LOG.replace("Mapped to Edge TPU", "Operation not supported"))) == "fallback"
    assert placed("Edge TPU Compiler version 16.0.384591198\n") == []


@pytest.mark.runtime("ai_edge_litert")
def test_the_table_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    monkeypatch.setenv("EDGETPU_COMPILER", "/no/such/compiler")
    row = nb.platforms().set_index("name").loc["edgetpu"]
    assert not row["available"]
    assert "needs edgetpu_compiler" in row["why_not"]
    monkeypatch.setenv("EDGETPU_COMPILER", str(stand_in(tmp_path)))
    compiler_version.cache_clear()
    monkeypatch.setattr("nnbehave.runner.backends.edgetpu.LIBRARY", "libno-such-tpu.so.1")
    assert (
        "needs libno-such-tpu.so.1, from Coral's packages" in nb.platforms().set_index("name").loc["edgetpu", "why_not"]
    )


@pytest.mark.runtime("ai_edge_litert")
def test_a_missing_compiler_stops_a_measurement_before_it_begins(
    base: nb.Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    monkeypatch.setenv("EDGETPU_COMPILER", "/no/such/compiler")
    with pytest.raises(MissingExtraError, match="needs edgetpu_compiler"):
        nb.measure([base], "edgetpu", progress=False)


@pytest.mark.runtime("ai_edge_litert")
def test_without_a_device_the_runner_says_so() -> None:
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    with pytest.raises(RuntimeError, match=r"libedgetpu\.so\.1 does not load, or finds no Edge TPU"):
        EdgeTPUBackend()


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_a_layer_is_quantised_compiled_loaded_and_placed(
    base: nb.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in of the compiler copies the model, which then runs on this machine without a delegate."""
    for module in ("tensorflow", "ai_edge_litert"):
        pytest.importorskip(module, reason="needs nnbehave[all]")
    compiler = stand_in(tmp_path, extra="SOFTMAX                        1          Operation version not supported")
    monkeypatch.setenv("EDGETPU_COMPILER", str(compiler))
    compiler_version.cache_clear()
    platform = get_platform("edgetpu")
    graph = Graph([base]).at(platform.runs_at(base.precision))
    artifact = ArtifactCache(tmp_path / "cache").make(EdgeTPUConverter(), graph, 0)
    given: list[Any] = []

    class Without(EdgeTPUBackend):
        def _delegate(self) -> Any:
            given.append("asked for")
            return None

    backend = Without()
    runtime = backend._runtime
    plain = runtime.Interpreter
    monkeypatch.setattr(runtime, "Interpreter", lambda experimental_delegates, **options: plain(**options))
    model = backend.load(artifact.path, graph.precision)
    assert given == ["asked for"] * 2
    assert model.input_dtypes == [np.int8]
    assert (executed_precision(model.kernels), placement(model.kernels)) == ("int8", "partial")
    assert model.kernels[1].reason == "Operation version not supported"

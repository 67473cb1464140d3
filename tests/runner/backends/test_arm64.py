"""The backend of ``arm64``: failures of models and of the emulator, and costs."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import nnbehave as nb
from nnbehave.measurement.converters import ArtifactCache, get_converter
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.preparation import Preparation
from nnbehave.runner.backends.arm64 import Arm64Backend, Arm64Model
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.tensors import quantised_inputs

pytestmark = pytest.mark.setup


@pytest.fixture(scope="module")
def path() -> str:
    pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    layer = nb.Layer(op="conv", height=14, in_channels=16, out_channels=8, kernel=3)
    return ArtifactCache().make(get_converter("tflite"), nb.Graph([layer]), seed=0).path


@pytest.fixture
def backend(arm64: Preparation) -> Iterator[Arm64Backend]:
    backend = Arm64Backend(**get_platform("arm64").backend_options())
    yield backend
    backend.guest.close()


def run(model: Arm64Model) -> list[Any]:
    return model.run(quantised_inputs(model.input_shapes, model.input_dtypes, 0, None))


def qemu() -> psutil.Process:
    (process,) = [child for child in psutil.Process().children() if "qemu-aarch64" in " ".join(child.cmdline())]
    return process


def test_a_model_that_crashes_does_not_affect_the_others(backend: Arm64Backend, path: str) -> None:
    first = backend.load(path, "fp32")
    run(first)
    dies = backend.load(path, "fp32")
    (its_process,) = qemu().children()
    its_process.send_signal(signal.SIGSEGV)
    with pytest.raises(Unsupported, match=r"LiteRT dies in the emulator \(signal 11\)"):
        run(dies)
    last = backend.load(path, "fp32")
    run(last)
    assert last.counts == first.counts
    assert len(first.counts) > 100


def test_an_emulator_that_ends_is_started_again(backend: Arm64Backend, path: str) -> None:
    first = backend.load(path, "fp32")
    run(first)
    killed = qemu()
    killed.kill()
    killed.wait()
    with pytest.raises(Unsupported, match="QEMU ended"):
        run(first)
    again = backend.load(path, "fp32")
    run(again)
    assert again.counts == first.counts


def test_a_file_that_is_not_a_model_is_refused_with_the_reason_of_litert(
    backend: Arm64Backend, path: str, tmp_path: Path
) -> None:
    spoiled = tmp_path / "spoiled.tflite"
    spoiled.write_bytes(b"no model")
    with pytest.raises(Unsupported, match=r"\w+"):
        backend.load(str(spoiled), "fp32")
    assert backend.load(path, "fp32").kernels[0].name == "builtin:CONV_2D"


def test_a_model_can_be_run_again_and_after_another_was_loaded(backend: Arm64Backend, path: str) -> None:
    one = backend.load(path, "fp32")
    backend.load(path, "fp32")
    first, counts = run(one)[0], one.counts
    assert (run(one)[0] == first).all()
    assert one.counts == counts


def test_a_cost_follows_from_the_executed_blocks_and_the_clock(backend: Arm64Backend, path: str) -> None:
    model = backend.load(path, "fp32")
    run(model)
    (cost,) = backend.estimate([model])
    classes = {name: number for name, number in cost.counts.items() if name not in ("instructions", "cycles")}
    assert sum(classes.values()) == cost.counts["instructions"]
    assert cost.counts["instructions"] == sum(len(block) // 8 * times for block, times in model.counts.items())
    assert cost.latency_ns == pytest.approx(cost.counts["cycles"] / 2.84)
    ops = 14 * 14 * 16 * 8 * 9
    assert ops / 4 <= cost.counts["fma"] < 1.2 * ops / 4  # four lanes


def test_no_files_and_processes_are_left(
    backend: Arm64Backend, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(backend.load(path, "fp32"))
    backend.load(path, "fp32")
    process = qemu()
    process.children()[0].send_signal(signal.SIGSEGV)
    assert not list(tmp_path.iterdir())
    backend.guest.close()
    assert not process.is_running()
    assert not list(tmp_path.iterdir())

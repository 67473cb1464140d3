"""The target ``adb``, with a stand-in for ``adb`` and its device. It has not been tried on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnbehave as nb
from nnbehave.errors import ConnectionLost, InvalidInputError, TargetError
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.session import start
from nnbehave.measurement.session.events import Event, Loaded, Outcome
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store.store import Store
from nnbehave.measurement.targets import get_target
from tests.measurement.targets.device import Device

pytestmark = pytest.mark.process


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    folder = tmp_path / "device"
    folder.mkdir()
    made = Device(folder)
    monkeypatch.setenv("PATH", made.path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(start, "WAITS_S", (0.05, 0.1))
    return made


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Part]:
    """Return three models. The latency of a model on the stand-in follows from the size of its file."""
    made = {}
    for name, size in {"small": 1000, "middle": 50_000, "large": 400_000}.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(bytes(size))
        made[name] = Part(Artifact(str(path), "", name, "", "", 0, size, 0, 0), "fp32", "compute")
    return made


def session(device: Device, parts: dict[str, Part], method: str = "whole", platform: str = "tflite") -> Session:
    with get_target(device.target) as target:
        adapted = target.adapt(get_platform(platform))
        terms = {name: [(name, 1.0)] for name in parts}
        return Session(adapted, target, parts, terms, Settings(), method)


@pytest.mark.parametrize(("method", "call_us"), [("whole", 5), ("profiled", 0)])
def test_latencies_are_those_of_the_tool(device: Device, parts: dict[str, Part], method: str, call_us: float) -> None:
    running = session(device, parts, method)
    loads = {event.part: event for event in running if isinstance(event, Loaded)}
    found = {name: estimate.latency_ms * 1e3 for name, estimate in running.estimates.items()}
    truth = {"small": 101 + call_us, "middle": 150 + call_us, "large": 500 + call_us}
    assert found == pytest.approx(truth, rel=1e-3)
    (kernel,) = loads["large"].kernels
    assert (kernel.name, kernel.precision, kernel.placed) == ("xnnpack:Convolution (NHWC, F32) IGEMM", "fp32", True)


def test_the_machine_is_the_device_and_files_are_pushed_once(device: Device, parts: dict[str, Part]) -> None:
    running = session(device, parts)
    list(running)
    machine = running.hello.machine
    assert (machine["host"], machine["system"], machine["serial"]) == ("Phone", "Android 15", "emulator-5554")
    assert running.hello.versions.keys() == {"benchmark_model"}
    assert len(device.calls(" push ")) == 4  # the tool and three models, however many processes there were
    list(session(device, parts))
    assert len(device.calls(" push ")) == 4


def test_a_device_that_times_itself_knows_no_context_but_warm(device: Device, base: nb.Layer) -> None:
    with pytest.raises(InvalidInputError, match="context: on platform 'tflite', layers are 'warm', got 'cold'"):
        nb.measure([base], "tflite", context="cold", target=device.target, progress=False)


def test_threads_and_variants_become_options_of_the_tool(device: Device, parts: dict[str, Part]) -> None:
    loads = [e for e in session(device, parts, platform="tflite:builtin?threads=4") if isinstance(e, Loaded)]
    assert {load.kernels[0].name for load in loads} == {"builtin:CONV_2D"}
    assert all("--num_threads=4 --use_xnnpack=false" in call for call in device.calls("--graph"))


def test_a_model_that_the_tool_cannot_run_is_unsupported(
    device: Device, parts: dict[str, Part], tmp_path: Path
) -> None:
    (tmp_path / "bad.tflite").write_bytes(bytes(13))
    bad = Part(Artifact(str(tmp_path / "bad.tflite"), "", "bad", "", "", 0, 13, 0, 0), "fp32", "compute")
    running = session(device, parts | {"bad": bad})
    (outcome,) = [event for event in running if isinstance(event, Outcome)]
    assert (outcome.subject, outcome.status) == ("bad", "unsupported")
    assert "ERROR: Failed to initialize the interpreter" in outcome.reason
    assert running.estimates.keys() == parts.keys()


def test_a_device_that_disappears_ends_the_sweep_with_the_message_of_adb(
    device: Device, parts: dict[str, Part]
) -> None:
    device.state = "device"
    running = session(device, parts)
    device.state = "9 closed"
    seen: list[Event] = []
    with pytest.raises(ConnectionLost, match="emulator-5554 cannot be used: error: device 'emulator-5554' not found"):
        seen.extend(running)  # keeps the events before the error
    assert len(device.calls("--graph")) > 9


def test_a_device_that_comes_back_costs_no_layer(
    device: Device, parts: dict[str, Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = session(device, parts)
    device.state = "9 offline"
    waits: list[float] = []

    def plug_in(seconds: float) -> None:
        waits.append(seconds)
        device.state = "device"

    monkeypatch.setattr(start.time, "sleep", plug_in)
    assert not [event for event in running if isinstance(event, Outcome)]
    assert running.estimates.keys() == parts.keys()
    assert waits


def test_a_full_device_is_a_reason(device: Device, parts: dict[str, Part]) -> None:
    with get_target(device.target) as target, target.start(target.adapt(get_platform("tflite"))) as worker:
        assert worker.request("hello", 20)["ok"]
        device.state = "full"
        path = parts["small"].artifact.path
        answer = worker.request("load", 20, handle="a", path=path, seed=0, precision="fp32")
    assert (answer["ok"], answer["kind"]) == (False, "failed")
    assert "No space left on device" in answer["error"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("absent", "emulator-5554 cannot be used: error: device 'emulator-5554' not found"),
        ("unauthorized", "emulator-5554 cannot be used: error: device unauthorized"),
        ("offline", "emulator-5554 cannot be used: error: device offline"),
    ],
)
def test_a_device_that_is_not_ready_is_refused_before_anything_is_measured(
    device: Device, base: nb.Layer, state: str, says: str
) -> None:
    device.state = state
    with pytest.raises(TargetError, match=says):
        nb.measure([base], "tflite", target=device.target, progress=False)


def test_a_machine_without_adb_is_reported(device: Device, base: nb.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TargetError, match="no adb on this machine: install Android's platform tools"):
        nb.measure([base], "tflite", target=device.target, progress=False)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("adb://", "not of the form adb://serial"),
        ("adb://-s?benchmark_model=/x", "not of the form"),
        ("adb://emulator-5554", "names no benchmark_model; give TensorFlow Lite's tool"),
        ("adb://emulator-5554?benchmark_model=/no/such/tool", "/no/such/tool is not a file; give"),
        ("adb://emulator-5554?tool=/x", "not of the form"),
    ],
)
def test_other_addresses_are_refused(address: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        get_target(address)


@pytest.mark.parametrize(
    ("platform", "method", "says"),
    [
        ("simulated", None, "'simulated' cannot run on an Android device, only tflite can"),
        ("tflite", "stacked", "'tflite' can be measured by whole, profiled"),
    ],
)
def test_other_platforms_and_methods_are_refused(
    device: Device, base: nb.Layer, platform: str, method: str | None, says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        nb.measure([base], platform, target=device.target, method=method, progress=False)


@pytest.mark.runtime("tensorflow")
def test_a_measurement_from_layer_to_row(device: Device, base: nb.Layer, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    path = tmp_path / "r.db"
    rows: list[Any] = nb.measure([base], "tflite", path, target=device.target, progress=False).frame.to_dict("records")
    assert [(row["target"], row["platform"], row["method"]) for row in rows] == [(device.target, "tflite", "whole")]
    with Store(path, must_exist=True) as store:
        (record,) = store.sessions()
    (load,) = [each for name, each in record.loads.items() if name == base.id]
    call = min(sample.ms for sample in record.samples)
    sizes = {sample.part: sample.ms for sample in record.samples}
    assert rows[0]["latency_ms"] == pytest.approx(sizes[base.id] - call, rel=0.02, abs=1e-5)
    assert load.executed_precision == "fp32"

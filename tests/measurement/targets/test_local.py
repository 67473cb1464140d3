"""The targets ``local`` and ``python``."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.tflite import TFLite
from nnbehave.measurement.targets import get_target

pytestmark = pytest.mark.process


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Return the path of another Python, which has the packages of this one."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path


def test_a_sweep_in_another_python(space: Space, python: Path) -> None:
    frame = nb.sweep(space, platforms="simulated?noise=0.001", target=f"python:{python}", progress=False).frame
    assert set(frame["target"]) == {f"python:{python}"}
    assert set(frame["status"]) == {"ok"}


def test_another_python_takes_the_runner_from_the_archive(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python first looks for packages in its working directory, which may have another nnbehave."""
    (tmp_path / "nnbehave").mkdir()
    (tmp_path / "nnbehave/__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    psutil = pytest.importorskip("psutil", reason="needs psutil: pip install 'nnbehave[dev]'")
    with get_target(f"python:{python}").start(get_platform("simulated")) as worker:
        assert worker.request("hello", 20)["ok"]
        first = psutil.Process(worker.pid).environ()["PYTHONPATH"].split(":")[0]
        assert Path(first).name.startswith("nnbehave-runner-")
        assert first.endswith(".zip")


def test_a_command_on_the_path_gets_its_full_path_as_name(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(python.parent), prepend=":")
    assert get_target("python:python").name == f"python:{python}"


def test_a_python_without_the_runtime_is_refused(python: Path, base: nb.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TFLite, "package", "no-such-runtime")
    with pytest.raises(MissingExtraError, match=f"which {python} on this machine lacks: run '{python} -m"):
        nb.measure([base], "tflite", target=f"python:{python}", progress=False)


def test_a_python_without_numpy_is_refused(base: nb.Layer, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    with pytest.raises(MissingExtraError, match="bare/bin/python has no NumPy"):
        nb.measure([base], "simulated", target=f"python:{tmp_path}/bare/bin/python", progress=False)


def test_a_program_that_is_not_a_python_is_refused(base: nb.Layer) -> None:
    with pytest.raises(InvalidInputError, match="not a Python of version 3.8 or newer"):
        nb.measure([base], "simulated", target="python:/bin/true", progress=False)


def test_platforms_with_a_setup_need_no_setup_if_the_package_is_there(python: Path) -> None:
    """A platform whose setup makes more than a package only runs on the target local."""
    target = get_target(f"python:{python}")
    with pytest.raises(MissingExtraError, match="'tflite-runtime' needs tflite-runtime, which .* lacks"):
        target.adapt(get_platform("tflite-runtime"))
    with pytest.raises(InvalidInputError, match="'arm64' .* only runs on target local"):
        target.adapt(get_platform("arm64"))

"""Preparations of platforms: their steps, failures and removal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnbehave.cli import Exit, app
from nnbehave.errors import InvalidInputError, MissingExtraError, SetupError
from nnbehave.measurement.platforms.preparation import (
    Download,
    Preparation,
    Step,
    environment_python,
    find_python,
    python_environment,
    run,
)
from nnbehave.measurement.platforms.simulated import Simulated

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))


class Fails:
    """A step that fails the first time, after it has done half of its work."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, folder: Path) -> None:
        self.asked += 1
        assert not any(folder.iterdir()), "what is left of a step that failed is not built on"
        (folder / "half").write_text("")
        if self.asked == 1:
            run([sys.executable, "-c", "import sys; print('no such host', file=sys.stderr); sys.exit(3)"])
        (folder / "whole").write_text("")


def prepared(second: Fails) -> Preparation:
    steps = [Step("first", lambda folder: (folder / "file").write_text("1") and None), Step("second", second)]
    return Preparation("thing", [Download("a thing", "MIT", 3)], steps)


def test_a_failed_step_is_reported_and_the_next_call_goes_on_there() -> None:
    second = Fails()
    it = prepared(second)
    with pytest.raises(MissingExtraError, match="lacks first, second: run 'nnbehave setup thing'"):
        it.check()
    with pytest.raises(SetupError, match="thing: second: .*failed: no such host"):
        list(it.make())
    assert it.missing == ["second"]
    (it.path("first") / "file").write_text("not made again")
    assert list(it.make()) == ["second"]
    assert (it.path("first") / "file").read_text() == "not made again"
    assert (it.path("second") / "whole").exists()
    it.check()
    assert list(it.make()) == []


def test_a_preparation_can_be_removed() -> None:
    it = prepared(Fails())
    assert not it.remove()
    with pytest.raises(SetupError):
        list(it.make())
    assert it.remove()
    assert not it.folder.exists()
    assert it.missing == ["first", "second"]


def test_the_command_shows_the_downloads_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    second = Fails()
    monkeypatch.setattr(Simulated, "preparation", classmethod(lambda cls: prepared(second)))
    asked = CliRunner().invoke(app, ["setup", "simulated"], input="n\n")
    assert asked.exit_code == 1
    assert "a thing: 3 MB, MIT" in asked.stdout
    assert not second.asked
    failed = CliRunner().invoke(app, ["setup", "simulated", "--yes"])
    assert failed.exit_code == Exit.FAILED
    assert "no such host" in failed.stderr
    assert CliRunner().invoke(app, ["setup", "simulated", "--yes"]).exit_code == Exit.OK
    assert "is set up in" in CliRunner().invoke(app, ["setup", "simulated"]).stdout
    assert "removed" in CliRunner().invoke(app, ["setup", "simulated", "--remove"]).stdout
    listed = CliRunner().invoke(app, ["platforms"]).stdout
    assert "lacks first, second: run 'nnbehave setup thing'" in listed


def test_a_python_is_found_or_the_error_asks_for_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    minor = sys.version_info[1]
    monkeypatch.setenv("NNBEHAVE_PYTHON", sys.executable)
    assert find_python(minor, minor) == sys.executable
    with pytest.raises(InvalidInputError, match=r"\$NNBEHAVE_PYTHON \(.*\) is not one: install one"):
        find_python(minor + 1, minor + 2)
    monkeypatch.delenv("NNBEHAVE_PYTHON")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    with pytest.raises(InvalidInputError, match="PATH, pyenv and uv have none"):
        find_python(minor, minor)
    there = tmp_path / "pyenv" / "versions" / f"3.{minor}.9" / "bin"
    there.mkdir(parents=True)
    (there / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (there / "python").chmod(0o755)
    assert find_python(minor, minor) == str(there / "python")


@pytest.mark.setup
def test_a_python_environment_has_its_packages() -> None:
    minor = sys.version_info[1]
    it = python_environment("own", [], (minor, minor), ["six"])
    assert list(it.make()) == ["python"]
    said = subprocess.run(
        [environment_python(it), "-c", "import sys, six; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(it.path("python") / "venv")

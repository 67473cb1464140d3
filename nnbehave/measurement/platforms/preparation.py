"""What some platforms need beside Python packages: ``nnbehave setup NAME`` makes it, in the user's cache directory.

A preparation is a list of steps. Each works in a folder of its own that takes its name only when the step is done, so
that one that was stopped goes on where it was, and what is half there is never taken for whole.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import platformdirs

from nnbehave.errors import InvalidInputError, MissingExtraError, SetupError


class Download(NamedTuple):
    """What a preparation fetches: from whom, under which licence, and how much it is on disk."""

    what: str
    licence: str
    size_mb: int


class Step(NamedTuple):
    """A part of a preparation. ``make`` fills an empty folder, in which it is run; what it raises stops the setup.

    The folder's name is the step's, and its version: raise that where the same step would now make something else.
    """

    name: str
    make: Callable[[Path], None]


class Preparation:
    """What is made for a platform, and where.

    Parameters
    ----------
    name : str
        Of the platform; also of the folder.
    downloads : sequence of Download
        Shown before anything is fetched.
    steps : sequence of Step
        In order; each may use the folders of those before, by :meth:`path`.
    """

    def __init__(self, name: str, downloads: list[Download], steps: list[Step]) -> None:
        self.name, self.downloads, self.steps = name, downloads, steps
        root = os.environ.get("NNBEHAVE_CACHE_DIR") or platformdirs.user_cache_dir("nnbehave")
        self.folder = Path(root) / "platforms" / name

    def path(self, step: str) -> Path:
        """Return the folder of a step."""
        return self.folder / step

    @property
    def missing(self) -> list[str]:
        """The steps that have not been done."""
        return [step.name for step in self.steps if not self.path(step.name).exists()]

    def check(self) -> None:
        """Raise MissingExtraError, with what to do, where not all is done."""
        if missing := self.missing:
            raise MissingExtraError(
                f"platform {self.name!r} lacks {', '.join(missing)}: run 'nnbehave setup {self.name}'"
            )

    def make(self) -> Iterator[str]:
        """Do what is missing, yielding each step's name before it begins.

        Raises
        ------
        SetupError
            A step failed; those before it are kept, and the next call goes on there.
        """
        for step in self.steps:
            if self.path(step.name).exists():
                continue
            yield step.name
            draft = self.folder / f".{step.name}.part"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            try:
                step.make(draft)
            except (OSError, subprocess.SubprocessError) as error:
                raise SetupError(f"{self.name}: {step.name}: {_said(error)}") from None
            draft.rename(self.path(step.name))

    def remove(self) -> bool:
        """Delete all that was made; return whether there was anything."""
        there = self.folder.exists()
        shutil.rmtree(self.folder, ignore_errors=True)
        return there


def python_environment(
    name: str, downloads: list[Download], pythons: tuple[int, int], packages: list[str]
) -> Preparation:
    """Return a preparation that is a Python of its own with some packages.

    Parameters
    ----------
    pythons : (int, int)
        The lowest and the highest minor version of Python 3 that will do.
    packages : list of str
        As pip takes them.
    """

    def make(folder: Path) -> None:
        run([find_python(*pythons), "-m", "venv", str(folder / "venv")])
        run([str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", *packages])

    return Preparation(name, downloads, [Step("python", make)])


def environment_python(preparation: Preparation) -> str:
    """Return the interpreter that :func:`python_environment` made."""
    preparation.check()
    return str(preparation.path("python") / "venv/bin/python")


def find_python(low: int, high: int) -> str:
    """Return a Python 3 of a minor version in a range: ``$NNBEHAVE_PYTHON``, or on PATH, of pyenv, or of uv.

    Raises
    ------
    InvalidInputError
        There is none; the message says how to give one.
    """
    wanted = range(high, low - 1, -1)
    given = os.environ.get("NNBEHAVE_PYTHON")
    candidates = [given] if given else [f"python3.{minor}" for minor in wanted]
    if not given:
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        candidates += [str(path) for minor in wanted for path in sorted(root.glob(f"3.{minor}.*/bin/python"))]
        if uv := shutil.which("uv"):
            candidates += [_output([uv, "python", "find", f"3.{minor}"]) for minor in wanted]
    for candidate in filter(None, candidates):
        said = _output([candidate, "-c", "import sys, venv, ensurepip; print(sys.version_info[1])"])
        if said.isdigit() and int(said) in wanted:
            return candidate
    what = f"{given} ($NNBEHAVE_PYTHON) is none" if given else "none is on PATH, of pyenv, or of uv"
    raise InvalidInputError(
        f"a Python 3.{low} to 3.{high} with venv is needed, and {what}: install one ('uv python install 3.{high}', or "
        "your system's package), or set NNBEHAVE_PYTHON to its path"
    )


def need(command: str, otherwise: str) -> None:
    """Raise OSError, with what to do, where a command that a step uses is not there."""
    if shutil.which(command) is None:
        raise OSError(f"there is no {command}: {otherwise}")


def run(command: list[str], **options: object) -> str:
    """Run a command of a step; return what it printed. Raises SubprocessError with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    return str(done.stdout)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _said(error: Exception) -> str:
    """Return what went wrong in a line or two, of a command its last words."""
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error)
    words = [line for line in re.split(r"\n+", f"{error.stdout or ''}\n{error.stderr or ''}") if line.strip()]
    return f"{' '.join(map(str, error.cmd[:4]))} … failed: {' '.join(words[-2:])[-400:]}"

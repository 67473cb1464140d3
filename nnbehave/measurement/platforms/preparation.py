"""The setup of platforms that need more than Python packages. ``nnbehave setup NAME`` runs it.

A preparation is a list of steps, whose results are kept in the user's cache directory. Each step fills a draft folder,
which gets its final name when the step is done. So a setup that was stopped goes on at the step where it stopped, and
an incomplete folder is never used.
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
    """Something that a preparation fetches. The user sees it before anything is fetched.

    Attributes
    ----------
    what : str
        What it is and where it comes from.
    licence : str
    size_mb : int
        Size on disk.
    """

    what: str
    licence: str
    size_mb: int


class Step(NamedTuple):
    """A step of a preparation.

    Attributes
    ----------
    name : str
        Also the name of the step's folder. It must change when the step would make something else than before.
    make : callable
        Takes an empty folder and fills it. An OSError or a SubprocessError stops the setup.
    """

    name: str
    make: Callable[[Path], None]


class Preparation:
    """The setup of a platform: its steps and their folders.

    Parameters
    ----------
    name : str
        Name of the platform, and of the folder that holds the folders of the steps.
    downloads : list of Download
        All that the steps fetch.
    steps : list of Step
        The steps in order. A step finds the folders of the steps before it by :meth:`path`.
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
        """The names of the steps that have not been done."""
        return [step.name for step in self.steps if not self.path(step.name).exists()]

    def check(self) -> None:
        """Raise MissingExtraError unless all steps are done. The message says what to do."""
        if missing := self.missing:
            raise MissingExtraError(
                f"platform {self.name!r} lacks {', '.join(missing)}: run 'nnbehave setup {self.name}'"
            )

    def make(self) -> Iterator[str]:
        """Do the missing steps. Yield the name of each step before it begins.

        Raises
        ------
        SetupError
            A step failed. The steps before it are kept, and the next call goes on at the failed step.
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
                raise SetupError(f"{self.name}: {step.name}: {_reason(error)}") from None
            draft.rename(self.path(step.name))

    def remove(self) -> bool:
        """Delete all that was made. Return True if there was anything."""
        existed = self.folder.exists()
        shutil.rmtree(self.folder, ignore_errors=True)
        return existed


def python_environment(
    name: str, downloads: list[Download], pythons: tuple[int, int], packages: list[str]
) -> Preparation:
    """Return a preparation that makes a virtual environment with some packages.

    Parameters
    ----------
    name : str
        Name of the platform.
    downloads : list of Download
    pythons : (int, int)
        The lowest and the highest minor version of Python 3 that the packages work with.
    packages : list of str
        The packages, in the form that pip takes.
    """

    def make(folder: Path) -> None:
        run([find_python(*pythons), "-m", "venv", str(folder / "venv")])
        run([str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", *packages])

    return Preparation(name, downloads, [Step("python", make)])


def environment_python(preparation: Preparation) -> str:
    """Return the path of the Python that :func:`python_environment` made. Raises MissingExtraError if it is missing."""
    preparation.check()
    return str(preparation.path("python") / "venv/bin/python")


def find_python(low: int, high: int) -> str:
    """Return the path of a Python 3 with a minor version from ``low`` to ``high``.

    It is ``$NNBEHAVE_PYTHON`` if that is set; otherwise one on PATH, one of pyenv or one of uv, the newest first.

    Raises
    ------
    InvalidInputError
        There is no such Python. The message says how to give one.
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
        minor = _output([candidate, "-c", "import sys, venv, ensurepip; print(sys.version_info[1])"])
        if minor.isdigit() and int(minor) in wanted:
            return candidate
    problem = f"$NNBEHAVE_PYTHON ({given}) is not one" if given else "PATH, pyenv and uv have none"
    raise InvalidInputError(
        f"a Python 3.{low} to 3.{high} with venv is needed, but {problem}: install one ('uv python install 3.{high}', "
        "or your system's package), or set NNBEHAVE_PYTHON to its path"
    )


def need(command: str, otherwise: str) -> None:
    """Raise OSError if a command that a step uses is not installed.

    Parameters
    ----------
    command : str
    otherwise : str
        What to do about it, which ends the message.
    """
    if shutil.which(command) is None:
        raise OSError(f"there is no {command}: {otherwise}")


def run(command: list[str], **options: object) -> str:
    """Run a command of a step and return what it printed.

    Raises
    ------
    SubprocessError
        The command failed. The error has what it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    return str(done.stdout)


def _output(command: list[str]) -> str:
    """Return what a command prints; empty if it does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _reason(error: Exception) -> str:
    """Return the reason of a failure in a line or two. For a command it is the last two lines that it printed."""
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error)
    words = [line for line in re.split(r"\n+", f"{error.stdout or ''}\n{error.stderr or ''}") if line.strip()]
    return f"{' '.join(map(str, error.cmd[:4]))} … failed: {' '.join(words[-2:])[-400:]}"

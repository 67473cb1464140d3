"""Conversion of a graph for the Edge TPU: to ``.tflite`` in int8, then by Google's compiler ``edgetpu_compiler``."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from nnbehave.design.graph import Graph
from nnbehave.errors import MissingExtraError
from nnbehave.measurement.converters._base import Converter, timed
from nnbehave.measurement.converters.tflite import TFLiteConverter
from nnbehave.runner.protocol import Unsupported

_VERSION_LIMIT_S = 30.0  # for the compiler to print its version
_REASON_CHARACTERS = 500  # of the compiler's output that are kept as a reason
_ABOUT_ITSELF = re.compile(r"Edge TPU Compiler version|Started a compilation|Input|Output")


class EdgeTPUConverter(Converter):
    """Compiles an int8 ``.tflite`` file with ``edgetpu_compiler``.

    The compiler comes with Coral's tools. The user installs it on PATH, or names it in ``$EDGETPU_COMPILER``. Its log
    is kept beside the artifact and says which operators run on the TPU and which on the CPU.
    """

    name = "edgetpu"
    file = "model_edgetpu.tflite"  # the name that the compiler gives to what it makes of model.tflite
    packages = TFLiteConverter.packages
    precisions = ("int8",)

    def version(self) -> str:
        return f"{super().version()}, tflite {TFLiteConverter.revision}, {compiler_version(edgetpu_compiler())}"

    def convert(self, graph: Graph, seed: int, folder: Path) -> dict[str, float]:
        phases = TFLiteConverter().convert(graph, seed, folder)
        model = folder / TFLiteConverter.file
        with timed(phases, "convert"):
            command = [edgetpu_compiler(), "--show_operations", "--out_dir", str(folder), str(model)]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode or not (folder / self.file).exists():
            raise Unsupported(f"edgetpu_compiler: {_reason(done.stdout + done.stderr, done.returncode)}")
        model.unlink()
        return phases


def edgetpu_compiler() -> str:
    """Return the path of the compiler. Raises MissingExtraError if it is not installed."""
    found = shutil.which(os.environ.get("EDGETPU_COMPILER") or "edgetpu_compiler")
    if found is None:
        raise MissingExtraError(
            "platform 'edgetpu' needs edgetpu_compiler: install it from Coral's packages, or set EDGETPU_COMPILER to "
            "its path"
        )
    return found


@functools.cache
def compiler_version(path: str) -> str:
    """Return the version that the compiler prints, such as ``Edge TPU Compiler version 16.0.384591198``.

    Raises
    ------
    MissingExtraError
        The compiler does not run.
    """
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_VERSION_LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingExtraError(f"platform 'edgetpu': {path} does not run: {error}") from None
    printed = done.stdout.strip()
    return printed.splitlines()[-1] if printed else "of unknown version"


def _reason(printed: str, code: int) -> str:
    """Return the lines of the compiler's output that say why it failed."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    reasons = dict.fromkeys(line for line in lines if not _ABOUT_ITSELF.match(line))
    return "; ".join(reasons)[:_REASON_CHARACTERS] or f"no output, exit code {code}"

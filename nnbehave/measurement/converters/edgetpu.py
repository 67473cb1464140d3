"""TensorFlow graph → ``.tflite`` in int8 → what Google's compiler makes of it for the Edge TPU."""

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


class EdgeTPUConverter(Converter):
    """``edgetpu_compiler``, of Coral's tools, which the user installs: on PATH, or at ``$EDGETPU_COMPILER``.

    Its log, which says what runs on the TPU and what falls back to the CPU, stays beside the artifact.
    """

    name = "edgetpu"
    file = "model_edgetpu.tflite"  # as the compiler names what it makes of model.tflite
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
    """Return the compiler's path. Raises MissingExtraError where there is none."""
    found = shutil.which(os.environ.get("EDGETPU_COMPILER") or "edgetpu_compiler")
    if found is None:
        raise MissingExtraError(
            "platform 'edgetpu' needs edgetpu_compiler: install it from Coral's packages, or set EDGETPU_COMPILER to "
            "its path"
        )
    return found


@functools.cache
def compiler_version(path: str) -> str:
    """Return what the compiler calls itself, such as ``Edge TPU Compiler version 16.0.384591198``."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingExtraError(f"platform 'edgetpu': {path} does not run: {error}") from None
    return said.splitlines()[-1] if said else "of unknown version"


def _reason(said: str, code: int) -> str:
    """Return the lines that tell what was wrong, without the compiler's account of its own doing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [
        line for line in lines if not re.match(r"Edge TPU Compiler version|Started a compilation|Input|Output", line)
    ]
    return "; ".join(dict.fromkeys(told))[:500] or f"no output, exit code {code}"

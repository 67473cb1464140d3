"""An Android device: TensorFlow Lite there, by ``adb`` and the tool ``benchmark_model``."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from nnbehave.errors import ConnectionLost, InvalidInputError, TargetError, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.platforms.tflite import TFLite
from nnbehave.measurement.targets._base import Target, runner_arguments
from nnbehave.measurement.worker import PythonWorker, Worker
from nnbehave.runner.backends.adb import GONE
from nnbehave.runner.lock import MeasuringLock

_LIMIT_S = 30.0


class AndroidTFLite(TFLite):
    """TensorFlow Lite as ``benchmark_model`` runs it; whole by default, since its profile is in whole µs."""

    methods = ("whole", "profiled")
    backend = "nnbehave.runner.backends.adb:AdbBackend"
    package = ""
    extra = ""
    serial = ""
    tool = ""

    def backend_options(self) -> dict[str, Any]:
        return {**super().backend_options(), "serial": self.serial, "benchmark_model": self.tool}


class AndroidTarget(Target):
    """Runs on an Android device; see :mod:`nnbehave.runner.backends.adb`.

    Parameters
    ----------
    address : str
        ``adb://serial?benchmark_model=/path``: a device as ``adb devices`` lists it, and the tool, built for it.

    Raises
    ------
    InvalidInputError
        It is not of that form, or there is no such file.
    """

    def __init__(self, address: str) -> None:
        match = re.fullmatch(r"adb://(\w[\w.:-]*)/?(?:\?benchmark_model=(.+))?", address)
        if match is None:
            raise InvalidInputError(f"target {address!r} is not of the form adb://serial?benchmark_model=/path")
        self.place, tool = match[1], match[2]
        if tool is None or not Path(tool).expanduser().is_file():
            lacks = "names no benchmark_model" if tool is None else f"{tool} is no file"
            raise InvalidInputError(
                f"target {address!r}: {lacks}; give TensorFlow Lite's tool for the device: "
                f"adb://{self.place}?benchmark_model=/path"
            )
        self._tool = str(Path(tool).expanduser().absolute())
        self.name = f"adb://{self.place}?benchmark_model={self._tool}"
        self._lock = MeasuringLock(f"adb-{self.place}")

    def __enter__(self) -> AndroidTarget:
        if shutil.which("adb") is None:
            raise TargetError(f"{self.place}: there is no adb on this machine: install Android's platform tools")
        if why := self._why_not():
            raise TargetError(f"{self.place} cannot be used: {why}")
        return self

    def adapt(self, platform: Platform) -> Platform:
        if type(platform) is not TFLite:
            raise InvalidInputError(f"platform {platform.name!r} cannot be had on an Android device, only tflite")
        adapted = AndroidTFLite(platform.variant)
        adapted.settings, adapted.serial, adapted.tool = platform.settings, self.place, self._tool
        return adapted

    def start(self, platform: Platform, number: int = 0) -> Worker:
        if why := self._why_not():
            raise ConnectionLost(f"{self.place} cannot be used: {why}")
        return _AdbWorker("nnbehave.runner", runner_arguments(platform, number))

    def take(self) -> bool:
        return self._lock.take()

    def release(self) -> None:
        self._lock.release()

    def _why_not(self) -> str:
        """Return what ``adb`` says against the device; nothing where it is ready."""
        command = ["adb", "-s", self.place, "get-state"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"adb gave no answer within {_LIMIT_S:g} s"
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[0]
        return "" if done.stdout.strip() == "device" else said


class _AdbWorker(PythonWorker):
    """A runner here, whose device may go."""

    def _died(self) -> WorkerError:
        if self._process.wait() == GONE:
            return ConnectionLost("the connection to the device was lost" + self._last_words())
        return super()._died()

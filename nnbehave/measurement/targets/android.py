"""The target of an Android device: TensorFlow Lite runs there, through ``adb`` and the tool ``benchmark_model``."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from nnbehave.errors import ConnectionLost, InvalidInputError, TargetError, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.platforms.tflite import TFLite
from nnbehave.measurement.targets._base import Target, runner_arguments
from nnbehave.measurement.worker import PythonWorker, Worker
from nnbehave.runner.backends.adb import GONE
from nnbehave.runner.lock import MeasuringLock

_LIMIT_S = 30.0  # for adb to tell the state of a device


class AndroidTFLite(TFLite):
    """TensorFlow Lite on an Android device, as ``benchmark_model`` runs it.

    The default method is ``whole``, because the tool's profile is in whole µs.
    """

    methods = ("whole", "profiled")
    has_contexts = False
    backend = "nnbehave.runner.backends.adb:AdbBackend"
    package = ""
    extra = ""
    serial = ""
    tool = ""

    def backend_options(self) -> dict[str, object]:
        return {**super().backend_options(), "serial": self.serial, "benchmark_model": self.tool}


class AndroidTarget(Target):
    """Runs models on an Android device. :mod:`nnbehave.runner.backends.adb` says how.

    Parameters
    ----------
    address : str
        ``adb://serial?benchmark_model=/path``: the serial of a device as ``adb devices`` lists it, and the path on this
        machine of the tool, built for the device.

    Raises
    ------
    InvalidInputError
        The address does not have this form, or there is no such file.
    """

    scheme = "adb"
    form = "adb://serial?benchmark_model=/path"

    def __init__(self, address: str) -> None:
        match = re.fullmatch(r"adb://(\w[\w.:-]*)/?(?:\?benchmark_model=(.+))?", address)
        if match is None:
            raise InvalidInputError(f"target {address!r} is not of the form {self.form}")
        self.place, tool = match[1], match[2]
        if tool is None or not Path(tool).expanduser().is_file():
            problem = "names no benchmark_model" if tool is None else f"{tool} is not a file"
            raise InvalidInputError(
                f"target {address!r}: {problem}; give TensorFlow Lite's tool for the device: "
                f"adb://{self.place}?benchmark_model=/path"
            )
        self._tool = str(Path(tool).expanduser().absolute())
        self.name = f"adb://{self.place}?benchmark_model={self._tool}"
        self._lock = MeasuringLock(f"adb-{self.place}")

    @classmethod
    def from_text(cls, text: str) -> Target:
        return cls(text)

    def __enter__(self) -> AndroidTarget:
        if shutil.which("adb") is None:
            raise TargetError(f"{self.place}: there is no adb on this machine: install Android's platform tools")
        if problem := self._problem():
            raise TargetError(f"{self.place} cannot be used: {problem}")
        return self

    def adapt(self, platform: Platform) -> Platform:
        if type(platform) is not TFLite:
            raise InvalidInputError(f"platform {platform.name!r} cannot run on an Android device, only tflite can")
        adapted = AndroidTFLite(platform.variant)
        adapted.settings, adapted.serial, adapted.tool = platform.settings, self.place, self._tool
        return adapted

    def start(self, platform: Platform, number: int = 0) -> Worker:
        if problem := self._problem():
            raise ConnectionLost(f"{self.place} cannot be used: {problem}")
        return _AdbWorker("nnbehave.runner", runner_arguments(platform, number))

    def take(self) -> bool:
        return self._lock.take()

    def release(self) -> None:
        self._lock.release()

    def _problem(self) -> str:
        """Return why ``adb`` says that the device is not ready; empty if it is ready."""
        command = ["adb", "-s", self.place, "get-state"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"adb gave no answer within {_LIMIT_S:g} s"
        answer = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[0]
        return "" if done.stdout.strip() == "device" else answer


class _AdbWorker(PythonWorker):
    """A runner on this machine that ends when the connection to its device is lost."""

    def _died(self) -> WorkerError:
        if self._process.wait() == GONE:
            return ConnectionLost("the connection to the device was lost" + self._last_words())
        return super()._died()

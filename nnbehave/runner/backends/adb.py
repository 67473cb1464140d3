"""The backend for TensorFlow Lite on an Android device, through ``adb`` and the tool ``benchmark_model``.

The runner stays on this machine. A sample is one run of the tool on the device. The tool warms up by itself. By the
method ``whole`` the sample is the tool's mean latency; by ``profiled`` it is the sum over the tool's operators, whose
times are in whole µs. Files are pushed to ``/data/local/tmp/nnbehave``, under names with a hash of their content.

This was written from the tool's documented options and from its output in public logs. It has not been tried on a
device.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from typing import Callable, NoReturn

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.benchmark_model import Report, kernel, parse_report
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.machine import Facts
from nnbehave.runner.protocol import Unsupported

GONE = 75  # exit code of a runner that has lost its device
_FOLDER = "/data/local/tmp/nnbehave"
_ENDED = "nnbehave: ended with "  # printed before the exit code, which adb of older devices does not pass on
_LIMIT_S = 600.0  # for one call of adb
_LEAST_S, _WARM_UP_S = 0.1, 0.05  # of inferences and warm-up in a run of the tool, which takes as long to start
_REASON_CHARACTERS = 300  # of what adb printed, in messages


class Adb:
    """A device, given by its serial number."""

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def call(self, *words: str) -> str:
        """Run ``adb`` and return what it printed. Raises RuntimeError if it fails although the device is there."""
        printed, code = self._run(*words)
        if code:
            self._failed(printed)
        return printed

    def shell(self, command: str) -> tuple[str, int]:
        """Run a command on the device. Return what it printed and its exit code."""
        printed = self._run("shell", f"{command} 2>&1; echo '{_ENDED}'$?")[0]
        before, mark, code = printed.rpartition(_ENDED)
        if not mark:
            self._failed(printed)
        return before, int(code)

    def _failed(self, printed: str) -> NoReturn:
        """Raise RuntimeError if the device is there. End the runner if it is not, so that no model is blamed."""
        why = printed.strip()[-_REASON_CHARACTERS:]
        if self._run("get-state")[0].strip() == "device":
            raise RuntimeError(f"adb fails on {self.serial}: {why}")
        print(f"{self.serial}: {why or 'adb prints nothing'}", file=sys.stderr, flush=True)
        os._exit(GONE)

    def _run(self, *words: str) -> tuple[str, int]:
        """Run ``adb`` on this machine. Return what it printed and its exit code."""
        done = subprocess.run(
            ["adb", "-s", self.serial, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT_S,
        )
        return done.stdout.decode(errors="replace"), done.returncode

    def push(self, path: str) -> str:
        """Return the path of a file on the device, after sending it if the device lacks it.

        The file gets its name only when all of it has arrived.
        """
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()[:24]
        there = f"{_FOLDER}/{digest}-{os.path.basename(path)}"
        if self.shell(f"ls {there}")[1]:
            draft = f"{there}.{os.getpid()}"
            self.shell(f"mkdir -p {_FOLDER}")
            self.call("push", path, draft)
            printed, code = self.shell(f"chmod 755 {draft} && mv {draft} {there}")
            if code:
                why = printed.strip()[-_REASON_CHARACTERS:]
                raise RuntimeError(f"{self.serial} does not keep {os.path.basename(path)}: {why}")
        return there

    def read(self, path: str) -> str | None:
        """Return the content of a small file on the device; None if it cannot be read."""
        printed, code = self.shell(f"cat {path}")
        return None if code else printed.strip()


class AdbModel(Model):
    """A ``.tflite`` file on the device.

    Parameters
    ----------
    run : callable
        Runs the tool for some seconds of inferences, with or without profiling, and returns its report.
    kernels : list of Kernel
    """

    def __init__(self, run: Callable[[float, bool], Report], kernels: list[Kernel]) -> None:
        self._run = run
        self.kernels = kernels
        self.measure = self._whole

    def _whole(self, sample_ns: int) -> tuple[int, int]:
        """Return the number of inferences of a sample and their time in ns, by the tool's mean latency."""
        report = self._run(sample_ns / 1e9, False)
        return report.runs, round(report.mean_us * 1e3 * report.runs)

    def profile(self, sample_ns: int) -> tuple[int, int]:
        report = self._run(sample_ns / 1e9, True)
        return report.runs, round(sum(operator.latency_us for operator in report.operators) * 1e3 * report.runs)


class AdbBackend(Backend):
    """Options: ``serial``, ``benchmark_model`` (path of the tool on this machine), ``threads``, ``xnnpack``."""

    clock = staticmethod(time.monotonic_ns)  # not the default, because what disturbs this machine does not matter

    def __init__(self, serial: str, benchmark_model: str, threads: int = 1, xnnpack: bool = True) -> None:
        self._adb = Adb(serial)
        self._tool = self._adb.push(benchmark_model)
        self._options = f"--num_threads={threads} --use_xnnpack={'true' if xnnpack else 'false'}"
        self._xnnpack = xnnpack

    def versions(self) -> dict[str, str]:
        return {"benchmark_model": os.path.basename(self._tool)[:12]}  # a part of its hash, because it tells no version

    def machine_facts(self) -> Facts:
        """Return the facts that the device tells about itself."""
        properties = {
            "host": "ro.product.model",
            "arch": "ro.product.cpu.abi",
            "cpu": "ro.soc.model",
            "system": "ro.build.version.release",
        }
        facts = {name: self._adb.shell(f"getprop {key}")[0].strip() for name, key in properties.items()}
        cores = re.findall(r"(?m)^processor\s*:", self._adb.read("/proc/cpuinfo") or "")
        return {
            **facts,
            "system": f"Android {facts['system']}",
            "cores": len(cores) or None,
            "serial": self._adb.serial,
        }

    def machine_state(self) -> Facts:
        governor = self._adb.read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
        return {"governor": governor, "max_mhz": None, "clock_source": None, "clock_resolution_ns": None}

    def load(self, path: str, precision: str) -> AdbModel:
        graph = self._adb.push(path)
        report = self._report(graph, 0.0, True)
        return AdbModel(
            lambda seconds, profiled: self._report(graph, max(seconds, _LEAST_S), profiled),
            [kernel(operator, self._xnnpack) for operator in report.operators],
        )

    def _report(self, graph: str, seconds: float, profiled: bool) -> Report:
        """Run the tool for some seconds of inferences. Raises Unsupported if it cannot run the model."""
        printed, code = self._adb.shell(
            f"{self._tool} --graph={shlex.quote(graph)} {self._options} --num_runs=1 --min_secs={seconds:g} "
            f"--warmup_runs=1 --warmup_min_secs={_WARM_UP_S if seconds else 0:g} "
            f"--enable_op_profiling={'true' if profiled else 'false'}"
        )
        try:
            return parse_report(printed)
        except ValueError as error:
            errors = [line for line in printed.splitlines() if "ERROR" in line] or printed.strip().splitlines()[-1:]
            raise Unsupported(f"{error} (exit code {code}): {' '.join(errors)[:500]}") from None

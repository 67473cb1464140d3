"""TensorFlow Lite on an Android device, by its ``benchmark_model`` through ``adb``.

The runner stays on this machine. A block is one run of the tool on the device, which warms up by itself: by the method
``whole`` its mean latency; by ``profiled`` the sum over its operators, in whole µs each. What is pushed lies in
``/data/local/tmp/nnbehave``, named by its content. Written from the tool's documented options and from its output in
public logs; not tried on a device.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from typing import Any, NoReturn

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.benchmark_model import Report, kernel, parse_report
from nnbehave.runner.protocol import Unsupported

GONE = 75  # exit code of a runner whose device has gone
_FOLDER = "/data/local/tmp/nnbehave"
_ENDED = "nnbehave: ended with "  # printed after a command, since adb of older devices has no exit codes
_LIMIT_S = 600.0
_LEAST_S, _WARM_UP_S = 0.1, 0.05  # of inferences in a run of the tool: starting it takes about as long


class Adb:
    """A device, by its serial number."""

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def call(self, *words: str) -> str:
        """Return what ``adb`` printed. Raises RuntimeError where it fails on a device that is there."""
        said, code = self._run(*words)
        if code:
            self._failed(said)
        return said

    def shell(self, command: str) -> tuple[str, int]:
        """Run a command on the device; return what it printed and its exit code."""
        said = self._run("shell", f"{command} 2>&1; echo '{_ENDED}'$?")[0]
        before, mark, code = said.rpartition(_ENDED)
        if not mark:
            self._failed(said)
        return before, int(code)

    def _failed(self, said: str) -> NoReturn:
        """Raise RuntimeError; but end the runner where the device has gone, which is no model's fault."""
        if self._run("get-state")[0].strip() == "device":
            raise RuntimeError(f"adb fails on {self.serial}: {said.strip()[-300:]}")
        print(f"{self.serial}: {said.strip()[-300:] or 'adb says nothing'}", file=sys.stderr, flush=True)
        os._exit(GONE)

    def _run(self, *words: str) -> tuple[str, int]:
        done = subprocess.run(
            ["adb", "-s", self.serial, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT_S,
        )
        return done.stdout.decode(errors="replace"), done.returncode

    def push(self, path: str) -> str:
        """Return where the device has a file, having sent it where it lacks it; half a file never counts."""
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()[:24]
        there = f"{_FOLDER}/{digest}-{os.path.basename(path)}"
        if self.shell(f"ls {there}")[1]:
            draft = f"{there}.{os.getpid()}"
            self.shell(f"mkdir -p {_FOLDER}")
            self.call("push", path, draft)
            said, code = self.shell(f"chmod 755 {draft} && mv {draft} {there}")
            if code:
                raise RuntimeError(f"{self.serial} does not keep {os.path.basename(path)}: {said.strip()[-300:]}")
        return there

    def read(self, path: str) -> str | None:
        """Return a small file of the device; None where it cannot be read."""
        said, code = self.shell(f"cat {path}")
        return None if code else said.strip()


class AdbModel(Model):
    """A ``.tflite`` on the device."""

    def __init__(self, run: Any, kernels: list[Any]) -> None:
        self._run = run
        self.kernels = kernels
        self.measure = self._whole

    def _whole(self, block_ns: int) -> tuple[int, int]:
        report = self._run(block_ns / 1e9, False)
        return report.runs, round(report.mean_us * 1e3 * report.runs)

    def profile(self, block_ns: int) -> tuple[int, int]:
        report = self._run(block_ns / 1e9, True)
        return report.runs, round(sum(operator.latency_us for operator in report.operators) * 1e3 * report.runs)


class AdbBackend(Backend):
    """Options: ``serial``; ``benchmark_model``, the tool's path here; ``threads``; ``xnnpack``."""

    clock = staticmethod(time.monotonic_ns)  # anything but this machine's: what disturbs this one does not matter

    def __init__(self, serial: str, benchmark_model: str, threads: int = 1, xnnpack: bool = True) -> None:
        self._adb = Adb(serial)
        self._tool = self._adb.push(benchmark_model)
        self._options = f"--num_threads={threads} --use_xnnpack={'true' if xnnpack else 'false'}"
        self._xnnpack = xnnpack

    def versions(self) -> dict[str, Any]:
        return {"benchmark_model": os.path.basename(self._tool)[:12]}  # it does not tell its version

    def machine_facts(self) -> dict[str, Any]:
        """Return what the device says of itself."""
        facts = {
            "host": "ro.product.model",
            "arch": "ro.product.cpu.abi",
            "cpu": "ro.soc.model",
            "system": "ro.build.version.release",
        }
        said = {name: self._adb.shell(f"getprop {key}")[0].strip() for name, key in facts.items()}
        cores = re.findall(r"(?m)^processor\s*:", self._adb.read("/proc/cpuinfo") or "")
        return {**said, "system": f"Android {said['system']}", "cores": len(cores) or None, "serial": self._adb.serial}

    def machine_state(self) -> dict[str, Any]:
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
        """Run the tool for some seconds of inferences."""
        said, code = self._adb.shell(
            f"{self._tool} --graph={shlex.quote(graph)} {self._options} --num_runs=1 --min_secs={seconds:g} "
            f"--warmup_runs=1 --warmup_min_secs={_WARM_UP_S if seconds else 0:g} "
            f"--enable_op_profiling={'true' if profiled else 'false'}"
        )
        try:
            return parse_report(said)
        except ValueError as error:
            words = [line for line in said.splitlines() if "ERROR" in line] or said.strip().splitlines()[-1:]
            raise Unsupported(f"{error} (exit code {code}): {' '.join(words)[:500]}") from None

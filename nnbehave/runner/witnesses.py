"""What is seen of the machine while a block is measured. What cannot be read here is None, never an error."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

_PROXY_TURNS = 2000  # some 20 µs


class Witnesses:
    """Reads the counters of this process and of the cores it may use.

    Parameters
    ----------
    cpus : list of int
        The cores; empty where the process is not pinned.
    """

    def __init__(self, cpus: list[Any]) -> None:
        self._stat = _open("/proc/stat")
        self._cores = [f"cpu{cpu} " for cpu in cpus]
        frequency = "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"
        self._frequency = _open(frequency.format(cpus[0])) if cpus else None
        zones = sorted(glob.glob("/sys/class/thermal/thermal_zone*/temp"))
        self._temperature = _open(zones[0]) if zones else None
        self._steal = self._steal_ms()

    def available(self) -> dict[str, bool]:
        """Return which witnesses this machine has."""
        return {
            "steal_ms": self._steal is not None,
            "involuntary_switches": resource is not None,
            "cpu_ns": True,
            "frequency_mhz": _number(self._frequency) is not None,
            "clock_proxy_ns": True,
            "temperature_c": _number(self._temperature) is not None,
        }

    def around(self, block: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
        """Run a block; return what it returned, and what was seen meanwhile.

        ``wall_ns`` and ``cpu_ns`` (of this process), ``involuntary_switches`` of this process, ``steal_ms`` that the
        hypervisor took from its cores (in ticks of 10 ms), ``clock_proxy_ns`` (a fixed loop, taken after the block:
        its time tells the clock where ``frequency_mhz`` cannot be read), ``temperature_c``.
        """
        switches, cpu, begin = involuntary_switches(), time.process_time_ns(), time.perf_counter_ns()
        result = block()
        wall, cpu, after = time.perf_counter_ns() - begin, time.process_time_ns() - cpu, involuntary_switches()
        steal, self._steal = self._steal, self._steal_ms()
        frequency, temperature = _number(self._frequency), _number(self._temperature)
        return result, {
            "wall_ns": wall,
            "cpu_ns": cpu,
            "involuntary_switches": None if switches is None or after is None else after - switches,
            "steal_ms": None if steal is None or self._steal is None else self._steal - steal,
            "clock_proxy_ns": clock_proxy_ns(),
            "frequency_mhz": None if frequency is None else frequency / 1e3,
            "temperature_c": None if temperature is None else temperature / 1e3,
        }

    def _steal_ms(self) -> float | None:
        """Return what has been stolen from the cores until now; None where the system does not tell."""
        if self._stat is None or not self._cores:
            return None
        lines = os.pread(self._stat, 1 << 16, 0).decode().splitlines()
        ticks = [int(line.split()[8]) for line in lines if line.startswith(tuple(self._cores))]
        return sum(ticks) * 1e3 / os.sysconf("SC_CLK_TCK") if ticks else None


def clock_proxy_ns() -> int:
    """Return the time of a loop whose number of cycles is fixed: the faster of two."""
    times = []
    for _ in range(2):
        start = time.perf_counter_ns()
        for _ in repeat(None, _PROXY_TURNS):
            pass
        times.append(time.perf_counter_ns() - start)
    return min(times)


def involuntary_switches() -> int | None:
    """Return how often the system has taken the core from this process."""
    return None if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _number(descriptor: int | None) -> float | None:
    if descriptor is None:
        return None
    try:
        return float(os.pread(descriptor, 64, 0))
    except (OSError, ValueError):
        return None

"""The witnesses of a sample: what the machine did while the sample was taken.

A witness that cannot be read on this machine is None, never an error.

============================  ==========================================================================================
witness                       meaning
============================  ==========================================================================================
``wall_ns``                   duration of the sample
``cpu_ns``                    processor time of this process
``involuntary_switches``      how often the system took the core from this process
``steal_ms``                  time that the hypervisor took from the cores of this process, in ticks of 10 ms
``clock_proxy_ns``            time of a fixed loop after the sample, which shows the clock's speed where
                              ``frequency_mhz`` cannot be read
``frequency_mhz``             frequency of the first core of this process
``temperature_c``             temperature of the first thermal zone
============================  ==========================================================================================
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable
from itertools import repeat
from typing import TypeVar

from nnbehave.runner.machine import Facts

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

T = TypeVar("T")

_PROXY_TURNS = 2000  # turns of the loop of clock_proxy_ns, which take about 20 µs


class Witnesses:
    """Reads the counters of this process and of its cores.

    Parameters
    ----------
    cpus : list of int
        The cores to which the process is pinned; empty if it is not pinned.
    """

    def __init__(self, cpus: list[int]) -> None:
        self._stat = _open("/proc/stat")
        self._cores = [f"cpu{cpu} " for cpu in cpus]
        frequency = "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"
        self._frequency = _open(frequency.format(cpus[0])) if cpus else None
        zones = sorted(glob.glob("/sys/class/thermal/thermal_zone*/temp"))
        self._temperature = _open(zones[0]) if zones else None
        self._steal = self._steal_ms()

    def available(self) -> dict[str, bool]:
        """Return for each witness whether this machine has it."""
        return {
            "steal_ms": self._steal is not None,
            "involuntary_switches": resource is not None,
            "cpu_ns": True,
            "frequency_mhz": _number(self._frequency) is not None,
            "clock_proxy_ns": True,
            "temperature_c": _number(self._temperature) is not None,
        }

    def around(self, take: Callable[[], T]) -> tuple[T, Facts]:
        """Call a function that takes a sample. Return its result and the witnesses."""
        switches, cpu, begin = involuntary_switches(), time.process_time_ns(), time.perf_counter_ns()
        result = take()
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
        """Return the time that was stolen from the cores since the system started; None if it is not known."""
        if self._stat is None or not self._cores:
            return None
        lines = os.pread(self._stat, 1 << 16, 0).decode().splitlines()
        ticks = [int(line.split()[8]) for line in lines if line.startswith(tuple(self._cores))]
        return sum(ticks) * 1e3 / os.sysconf("SC_CLK_TCK") if ticks else None


def clock_proxy_ns() -> int:
    """Return the time of a loop with a fixed number of cycles, in ns: the shorter of two tries."""
    times = []
    for _ in range(2):
        start = time.perf_counter_ns()
        for _ in repeat(None, _PROXY_TURNS):
            pass
        times.append(time.perf_counter_ns() - start)
    return min(times)


def involuntary_switches() -> int | None:
    """Return how often the system has taken the core from this process; None if it is not known."""
    return None if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _open(path: str) -> int | None:
    """Return a descriptor of a file; None if it cannot be opened."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _number(descriptor: int | None) -> float | None:
    """Return the number in a file; None if it cannot be read."""
    if descriptor is None:
        return None
    try:
        return float(os.pread(descriptor, 64, 0))
    except (OSError, ValueError):
        return None

"""Facts about this machine that matter to latencies."""

from __future__ import annotations

import glob
import os
import platform
import time
from typing import Any, Dict

# Parts of the names of instruction set extensions by which runtimes choose kernels.
_EXTENSIONS = ("avx", "fma", "amx", "vnni", "asimd", "sve", "bf16", "fp16")

Facts = Dict[str, Any]  # names and values of JSON; which names there are depends on the machine


def machine() -> Facts:
    """Return facts that do not change: host name, processor and its extensions, number of cores, system, Python."""
    model = ""
    flags: list[str] = []
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name" and not model:
                    model = value.strip()
                if key.strip() in ("flags", "Features") and not flags:
                    flags = value.split()
    except OSError:
        model = platform.processor()
    return {
        "host": platform.node(),
        "arch": platform.machine(),
        "cpu": model or platform.machine(),
        "cpu_flags": sorted(flag for flag in flags if any(part in flag for part in _EXTENSIONS)),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def state() -> Facts:
    """Return the present settings of the machine's clocks. A value that cannot be read is None.

    ``governor`` and ``max_mhz`` are those of the last core that this process may use, because runners are pinned to the
    last cores.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    frequency = f"/sys/devices/system/cpu/cpu{max(allowed)}/cpufreq/"
    max_khz = _read(frequency + "scaling_max_freq")
    return {
        "governor": _read(frequency + "scaling_governor"),
        "max_mhz": None if max_khz is None else float(max_khz) / 1e3,
        "clock_source": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "clock_resolution_ns": time.get_clock_info("perf_counter").resolution * 1e9,
    }


def last_cache_bytes() -> int:
    """Return the size of the processor's last cache; 0 where it cannot be read."""
    sizes = [_read(path) or "" for path in glob.glob("/sys/devices/system/cpu/cpu0/cache/index*/size")]
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    return max((int(size[:-1]) * units[size[-1]] for size in sizes if size[-1:] in units), default=0)


def _read(path: str) -> str | None:
    """Return the content of a file; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None

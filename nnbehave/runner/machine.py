"""What machine this is, as far as it matters to a latency."""

from __future__ import annotations

import os
import platform
from typing import Any


def machine() -> dict[str, Any]:
    """Return host name, processor, its instruction sets that kernels choose by, number of cores, system, Python."""
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
    wanted = ("avx", "fma", "amx", "vnni", "asimd", "sve", "bf16", "fp16")
    return {
        "host": platform.node(),
        "arch": platform.machine(),
        "cpu": model or platform.machine(),
        "cpu_flags": sorted(flag for flag in flags if any(part in flag for part in wanted)),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }

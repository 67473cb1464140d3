"""The cores that ``arm64`` can emulate: what Linux tells LiteRT about them, and LLVM's model of their pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_ARMV8_0 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_ARMV8_2 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


class Core(NamedTuple):
    """A core as it is in one well-known chip.

    Attributes
    ----------
    part : str
        Part number of the implementer Arm in MIDR_EL1 (Technical Reference Manual).
    features : str
        Instruction set extensions, as Linux names them.
    caches_kb : tuple of int
        Sizes of the first level for data, the first level for instructions, the second level and the third level; 0 if
        the core lacks one.
    scheduler : str
        LLVM's scheduling model of the core, or of the nearest core that LLVM has a model of.
    """

    part: str
    features: str
    caches_kb: tuple[int, int, int, int]
    scheduler: str


CORES = {
    # The fastest core of the Snapdragon 855. Neoverse N1 has the same pipeline; LLVM models an A76 as an A57.
    "cortex-a76": Core("0xd0b", _ARMV8_2, (64, 64, 512, 2048), "neoverse-n1"),
    # Graviton2.
    "neoverse-n1": Core("0xd0c", _ARMV8_2, (64, 64, 1024, 32768), "neoverse-n1"),
    # Raspberry Pi 4. Its scheduling model is that of the A57.
    "cortex-a72": Core("0xd08", _ARMV8_0, (32, 48, 1024, 0), "cortex-a72"),
    # Tegra X1.
    "cortex-a57": Core("0xd07", _ARMV8_0, (32, 48, 2048, 0), "cortex-a57"),
    # Raspberry Pi 3. It issues instructions in order.
    "cortex-a53": Core("0xd03", _ARMV8_0, (32, 32, 512, 0), "cortex-a53"),
}


def write_system_files(core: Core, root: Path) -> None:
    """Write the files of /proc and /sys that Linux has on a machine with one such core.

    The emulator looks in ``root`` before it opens the real files.
    """
    cpuinfo = {
        "processor": "0",
        "BogoMIPS": "100.00",
        "Features": core.features,
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x0",
        "CPU part": core.part,
        "CPU revision": "0",
    }
    files = {"proc/cpuinfo": "".join(f"{key}\t: {value}\n" for key, value in cpuinfo.items())}
    system = "sys/devices/system/cpu"
    files |= {f"{system}/{name}": "0" for name in ("possible", "present", "online", "kernel_max")}
    for name in ("physical_package_id", "core_id"):
        files[f"{system}/cpu0/topology/{name}"] = "0"
    for name in ("cluster_cpus", "core_siblings", "thread_siblings"):
        files |= {f"{system}/cpu0/topology/{name}": "1", f"{system}/cpu0/topology/{name}_list": "0"}
    kinds = [(1, "Data"), (1, "Instruction"), (2, "Unified"), (3, "Unified")]
    for index, ((level, kind), size_kb) in enumerate(zip(kinds, core.caches_kb, strict=True)):
        if size_kb:
            cache = {"level": level, "type": kind, "size": f"{size_kb}K", "coherency_line_size": 64}
            cache |= {"shared_cpu_list": 0, "shared_cpu_map": 1}
            files |= {f"{system}/cpu0/cache/index{index}/{name}": str(value) for name, value in cache.items()}
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.rstrip("\n") + "\n")

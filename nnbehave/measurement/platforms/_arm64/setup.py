"""The setup of ``arm64``: what ``nnbehave setup arm64`` makes. It changes nothing of the system and needs no root.

The packages come from one release of Debian, whatever release the machine has, so that counts and estimates are the
same on all machines.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from nnbehave.measurement.platforms._arm64.cores import CORES, write_system_files
from nnbehave.measurement.platforms._arm64.debian import unpack, version_of
from nnbehave.measurement.platforms.preparation import Download, Preparation, Step, need, run

_RELEASE = "bookworm"  # QEMU 7.2 (its plugins' interface is version 1), LLVM 19, Python 3.11
_TOOLS = ("qemu-user", "llvm-19")
_KEPT_TOOLS = ("qemu-aarch64", "llvm-mc-19", "llvm-mca-19")
_SYSTEM = ("python3-minimal", "libpython3-stdlib", "libstdc++6", "libfaketime")
_PYTHON = "3.11"
_WHEELS = (
    "ai-edge-litert==2.3.0",
    "numpy==2.4.*",
    "flatbuffers==25.*",
    "typing-extensions==4.*",
    "backports.strenum==1.*",
)
_DOWNLOADS = [
    Download("QEMU 7.2 and LLVM 19 from Debian", "GPL-2.0; Apache-2.0 with LLVM exceptions", 320),
    Download("Python 3.11 and the system libraries it needs, for arm64, from Debian", "PSF-2.0, LGPL and others", 75),
    Download("LiteRT 2.3 and NumPy 2.4 for arm64, from the Python Package Index", "Apache-2.0; BSD-3-Clause", 97),
]
COUNTER = Path(__file__).with_name("counter.c")
GUEST = Path(__file__).with_name("guest.py")


def preparation() -> Preparation:
    """Return the steps of the setup. :class:`Installed` knows the folders that they fill."""

    def counter(folder: Path) -> None:
        need("gcc", "a C compiler is needed for the counter: install gcc")
        run(["gcc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", "counter.so", str(COUNTER)], cwd=folder)

    def tools(folder: Path) -> None:
        unpack(folder, _RELEASE, run(["dpkg", "--print-architecture"]).strip(), _TOOLS)
        for path in (folder / "usr/bin").iterdir():
            if path.name not in _KEPT_TOOLS:
                path.unlink()
        kept = [(folder / "usr/bin" / name).resolve().name for name in _KEPT_TOOLS]
        for path in (folder / "usr/lib/llvm-19/bin").iterdir():
            if path.name not in kept:
                path.unlink()

    def libraries(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        where = ["--target", str(folder), "--python-version", _PYTHON, "--only-binary=:all:", "--no-compile"]
        tags = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)]
        run([*pip, *where, *tags, "--platform=manylinux2014_aarch64", *_WHEELS])

    def cores(folder: Path) -> None:
        for name, core in CORES.items():
            write_system_files(core, folder / name)
            for part in ("usr", "lib", "etc"):
                (folder / name / part).symlink_to(Path("../../system") / part)

    def bytecode(folder: Path) -> None:
        installed = Installed(made)
        command = [*installed.qemu("cortex-a76"), "-plugin", f"{installed.counter},out=/dev/null", installed.python]
        environment = {**installed.environment, "PYTHONPYCACHEPREFIX": str(folder)}
        del environment["PYTHONDONTWRITEBYTECODE"]
        run([*command, "-c", "import numpy, ai_edge_litert.interpreter"], env=environment)

    steps = [
        Step(_counter_step(), counter),
        Step("tools", tools),
        Step("system", lambda folder: unpack(folder, _RELEASE, "arm64", _SYSTEM)),
        Step("libraries", libraries),
        Step("cores", cores),
        Step("bytecode", bytecode),  # runs the emulator, so it also checks the steps before it
    ]
    made = Preparation("arm64", _DOWNLOADS, steps)
    return made


class Installed:
    """The commands and paths of what :func:`preparation` has made."""

    def __init__(self, made: Preparation) -> None:
        self._made = made

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the packages that counts and estimates depend on."""
        name, version = next(self._made.path("libraries").glob("ai_edge_litert-*.dist-info")).stem.split("-")
        found = {package: version_of(self._made.path("tools"), package) for package in _TOOLS}
        return {name.replace("_", "-"): version, **found, "libc6": version_of(self._made.path("system"), "libc6")}

    @property
    def counter(self) -> str:
        """Path of the QEMU plugin that counts instructions."""
        return str(self._made.path(_counter_step()) / "counter.so")

    @property
    def python(self) -> str:
        """Path of the Python that QEMU runs."""
        return str(self._made.path("system") / f"usr/bin/python{_PYTHON}")

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of QEMU and its Python.

        Nothing of the user's environment is in it, because that would change the addresses in memory.
        """
        return {
            "PYTHONPATH": str(self._made.path("libraries")),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPYCACHEPREFIX": str(self._made.path("bytecode")),
            "OPENBLAS_NUM_THREADS": "1",
        }

    @property
    def costs_file(self) -> str:
        """Path of the file in which the cycle model keeps its answers."""
        return str(self._made.folder / "costs.sqlite")

    def tool(self, name: str) -> list[str]:
        """Return the command that runs a tool with the libraries of its own release of Debian."""
        root = self._made.path("tools")
        (loader,) = root.glob("lib/*/ld-linux-*.so.*")
        libraries = f"{root / 'usr/lib' / loader.parent.name}:{loader.parent}"
        return [str(loader), "--library-path", libraries, str(root / "usr/bin" / name)]

    def qemu(self, core: str) -> list[str]:
        """Return the command that emulates a core. The time of day stands still in the emulator."""
        preset = {
            "LD_PRELOAD": "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
            "FAKETIME": "2021-01-01 00:00:00",
            "FAKETIME_DONT_FAKE_MONOTONIC": "0",
            "FAKETIME_CACHE_DURATION": "1000000000",  # s until it looks the time up again
        }
        set_in_guest = [word for name, value in preset.items() for word in ("-E", f"{name}={value}")]
        root = str(self._made.path("cores") / core)
        return [*self.tool("qemu-aarch64"), "-cpu", core, "-L", root, *set_in_guest]


def _counter_step() -> str:
    """Return the name of the counter's step, which has a hash of the source so that another counter is built anew."""
    return f"counter-{hashlib.sha256(COUNTER.read_bytes()).hexdigest()[:8]}"

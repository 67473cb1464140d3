"""A stand-in for ``adb`` and for a device: commands run in a folder of this machine, with what goes wrong on cue."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

# What adb prints, and its exit code, for each state of a device.
ADB = """#!{python}
import pathlib, shutil, subprocess, sys
root = pathlib.Path({root!r})
serial, (command, *words) = sys.argv[2], sys.argv[3:]
with open(root / "calls", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
state = (root / "state").read_text()
left, _, then = state.partition(" ")
if left.isdigit():  # so many more runs of the tool, then that
    if "--graph" in " ".join(words):
        state = f"{{int(left) - 1}} {{then}}" if int(left) else then
        (root / "state").write_text(state)
    if left != "0":
        state = "device"
if serial != "emulator-5554" or state == "absent":
    sys.exit(f"error: device '{{serial}}' not found")
if state == "unauthorized":
    sys.exit("error: device unauthorized.\\nThis adb server's $ADB_VENDOR_KEYS is not set")
if state == "offline":
    sys.exit("error: device offline")
there = lambda text: text.replace("/data/local/tmp", str(root / "data"))
if command == "get-state":
    print("device")
elif command == "push":
    if state == "full":
        sys.exit("adb: error: failed to copy: remote couldn't create file: No space left on device")
    shutil.copy(words[0], there(words[1]))
elif command == "shell":
    if state == "closed":
        (root / "state").write_text("absent")
        sys.exit("error: closed")
    getprop = 'getprop() {{ case $1 in *model) echo Phone;; *release) echo 15;; *) echo arm64-v8a;; esac; }}; '
    sys.exit(subprocess.run(["sh", "-c", getprop + there(words[0])]).returncode)
"""

# The tool: 100 µs and 1 µs for each kB of the model, in the format of the real one.
TOOL = """#!{python}
import os, sys
options = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
size = os.path.getsize(options["graph"])
if size == 13:
    sys.exit("ERROR: Failed to initialize the interpreter\\nERROR: Benchmarking failed.")
us = 100 + size / 1000
print("INFO: STARTING!")
print(f"INFO: count=3 first=900 curr={{us}} min={{us}} max=900 avg=500 std=20\\n")
print(f"INFO: count=50 first={{us}} curr={{us}} min={{us}} max={{us}} avg={{us + 5:g}} std=1\\n")
print(f"INFO: Inference timings in us: Init: 300, First inference: 900, Warmup (avg): 500, Inference (avg): {{us + 5:g}}")
if options["enable_op_profiling"] == "true":
    kind, name = ("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0")
    if options["use_xnnpack"] == "false":
        kind, name = "CONV_2D", "[conv]:0"
    print("INFO: Operator-wise Profiling Info for Regular Benchmark Runs:")
    print("============================== Run Order ==============================")
    print("          [node type]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]")
    print(f"  {{kind}}  0.500  {{us / 1000:.3f}}  100.000%  100.000%  0.000  1  {{name}}\\n")
    print("============================== Top by Computation Time ==============================")
"""


class Device:
    """The stand-in: ``state`` is ``device``, ``absent``, ``unauthorized``, ``offline``, ``full`` or ``closed``.

    ``"3 closed"`` is a device for three more runs of the tool, then that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "data").mkdir()
        self.tool = self._program(folder / "benchmark_model", TOOL.format(python=sys.executable))
        self._program(folder / "bin/adb", ADB.format(python=sys.executable, root=str(folder)))
        self.path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
        self.target = f"adb://emulator-5554?benchmark_model={self.tool}"
        self.state = "device"

    @property
    def state(self) -> str:
        return (self.folder / "state").read_text()

    @state.setter
    def state(self, state: str) -> None:
        (self.folder / "state").write_text(state)

    def calls(self, word: str) -> list[str]:
        """Return what adb was called with, where that has the word."""
        return [line for line in (self.folder / "calls").read_text().splitlines() if word in line]

    @staticmethod
    def _program(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

"""A stand-in for ``adb`` and a device: commands run in a folder of this machine and fail in a chosen way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# What adb prints, and its exit code, for each state of a device.
ADB = r"""#!/bin/sh
root=@root@
echo "$*" >> $root/calls
serial=$2 command=$3
shift 3
state=$(cat $root/state)
fail() { echo "$1" >&2; exit 1; }
there() { echo "$1" | sed "s,/data/local/tmp,$root/data,g"; }
case $state in [0-9]*)
  left=${state%% *} next=${state#* }
  case "$*" in *--graph*)
    if [ $left -eq 0 ]; then state=$next; else state="$((left - 1)) $next"; fi
    printf %s "$state" > $root/state
  esac
  case $state in [0-9]*) state=device ;; esac
esac
[ $serial = emulator-5554 ] || state=absent
case $state in
  absent) fail "error: device '$serial' not found" ;;
  unauthorized) fail "error: device unauthorized.
This adb server's \$ADB_VENDOR_KEYS is not set" ;;
  offline) fail "error: device offline" ;;
esac
case $command in
  get-state) echo device ;;
  push)
    [ $state = full ] && fail "adb: error: failed to copy: remote couldn't create file: No space left on device"
    cp "$1" "$(there "$2")" ;;
  shell)
    [ $state = closed ] && { printf absent > $root/state; fail "error: closed"; }
    getprop() { case $1 in *model) echo Phone ;; *release) echo 15 ;; *) echo arm64-v8a ;; esac; }
    eval "$(there "$1")" ;;
esac
"""

# The tool: 100 µs and 1 µs for each kB of the model, in the format of the real one; a call costs 5 more.
TOOL = r"""#!/bin/sh
for word in "$@"; do case $word in
  --graph=*) size=$(wc -c < "${word#*=}") ;;
  --enable_op_profiling=*) profiling=${word#*=} ;;
  --use_xnnpack=*) xnnpack=${word#*=} ;;
esac; done
[ $size -eq 13 ] && { echo "ERROR: Failed to initialize the interpreter
ERROR: Benchmarking failed." >&2; exit 1; }
us=$((100 + size / 1000)) call=$((105 + size / 1000))
echo "INFO: STARTING!
INFO: count=3 first=900 curr=$us min=$us max=900 avg=500 std=20

INFO: count=50 first=$us curr=$us min=$us max=$us avg=$call std=1

INFO: Inference timings in us: Init: 300, First inference: 900, Warmup (avg): 500, Inference (avg): $call"
[ $profiling = true ] || exit 0
kind="Convolution (NHWC, F32) IGEMM"; name="Delegate/$kind:0"
[ $xnnpack = true ] || { kind=CONV_2D; name="[conv]:0"; }
echo "INFO: Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
          [node type]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]
  $kind  0.500  0.$us  100.000%  100.000%  0.000  1  $name

============================== Top by Computation Time =============================="
"""


class Device:
    """The stand-in. Its ``state`` is ``device``, ``absent``, ``unauthorized``, ``offline``, ``full`` or ``closed``.

    ``"3 closed"`` is a device for three more runs of the tool, then that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "data").mkdir()
        self.tool = self._program(folder / "benchmark_model", TOOL)
        self._program(folder / "bin/adb", ADB.replace("@root@", str(folder)))
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
        """Return the calls of adb whose arguments contain a word."""
        return [line for line in (self.folder / "calls").read_text().splitlines() if word in line]

    @staticmethod
    def _program(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

"""The tiers of the tests, and the rules that keep a test in its tier.

============ ====================================================================================================
``unit``     starts no process and loads no runtime; the tier of every test that names no other
``process``  starts processes, but no runtime: the simulated platform in a runner, a server on this machine
``runtime``  converts or measures with a real runtime, such as TensorFlow Lite
``setup``    needs something prepared or fetched first, such as the emulated Arm core, or takes long
============ ====================================================================================================

``runtime`` takes the modules that the test needs: ``@pytest.mark.runtime("tensorflow", "openvino")``. The test is
skipped where one is missing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from typing import Any

import pytest

TIERS = ("unit", "process", "runtime", "setup")
RUNTIMES = {"ai_edge_litert", "onnxruntime", "openvino", "tensorflow", "tflite_runtime"}
STARTS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
_RUNNER_OF_A_RUNTIME = re.compile(r"^nnbehave\.runner\.backends\.(?!simulated|adb)")  # adb starts a tool on a device


def tier_of(item: pytest.Item) -> str:
    """Return the highest tier that a test names, ``unit`` where it names none."""
    return next((tier for tier in reversed(TIERS) if item.get_closest_marker(tier)), "unit")


def missing_module(item: pytest.Item) -> str:
    """Return the first module that a test needs and this Python lacks, or an empty string."""
    needed = [module for marker in item.iter_markers("runtime") for module in marker.args]
    return next((module for module in needed if importlib.util.find_spec(module) is None), "")


class Watch:
    """Notes what a test does that its tier excludes. Python's audit events tell of processes and of modules."""

    def __init__(self) -> None:
        self._tier = ""
        self._seen: list[str] = []
        self._process = os.getpid()
        sys.addaudithook(self._see)

    def begin(self, tier: str) -> None:
        """Hold all that happens from now on, in any thread, to the rules of a tier."""
        self._tier, self._seen = tier, []

    def end(self) -> None:
        """Let everything happen."""
        self._tier = ""

    def check(self) -> None:
        """Fail the test that runs now where it has left its tier."""
        if self._seen:
            pytest.fail(f"a test of the {self._tier} tier {self._seen[0]}", pytrace=False)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._tier not in ("unit", "process") or os.getpid() != self._process:
            return
        if event in STARTS:
            words = _words(arguments)
            if self._tier == "unit":
                self._seen.append(f"starts a process: mark it process, runtime or setup ({event}: {words})")
            elif any(_RUNNER_OF_A_RUNTIME.search(word) for word in words):
                self._seen.append(f"starts the runner of a runtime: mark it runtime or setup ({words})")
        elif event == "import" and str(arguments[0]).partition(".")[0] in RUNTIMES:
            self._seen.append(f"loads {arguments[0]}: mark it runtime or setup")


def _words(arguments: tuple[Any, ...]) -> list[str]:
    """Return the words of the command that an audit event tells of."""
    command = arguments[1] if len(arguments) > 1 else arguments
    return [str(word) for word in command] if isinstance(command, (list, tuple)) else [str(command)]

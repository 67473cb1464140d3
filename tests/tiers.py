"""The tiers of the tests, and the rules that keep a test in its tier.

============ ====================================================================================================
``unit``     starts no process and loads no runtime; the tier of every test that names no other
``process``  starts processes, but no runtime: the simulated platform in a runner, a server on this machine
``runtime``  converts or measures with a real runtime, such as TensorFlow Lite
``setup``    needs something prepared or fetched first, such as the emulated Arm core
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
# What nnbehave starts for a real runtime: a runner of its backend, or the process that converts for it.
_OF_A_RUNTIME = re.compile(r"nnbehave\.runner\.backends\.(?!simulated)|^nnbehave\.measurement\.converters$")


def tier_of(item: pytest.Item) -> str:
    """Return the highest tier that a test names, ``unit`` where it names none."""
    return next((tier for tier in reversed(TIERS) if item.get_closest_marker(tier)), "unit")


def missing_module(item: pytest.Item) -> str:
    """Return the first module that a test needs and this Python lacks, or an empty string."""
    needed = [module for marker in item.iter_markers("runtime") for module in marker.args]
    return next((module for module in needed if importlib.util.find_spec(module) is None), "")


class Watch:
    """Fails a test that does what its tier excludes, at the moment it does it.

    Python's audit events tell of every process that starts and every module that loads. The failure is no Exception,
    so that code under test cannot catch it.
    """

    def __init__(self) -> None:
        self._tier = ""
        self._process = os.getpid()
        sys.addaudithook(self._see)

    def begin(self, tier: str) -> None:
        """Hold what happens from now on to the rules of a tier."""
        self._tier = tier

    def end(self) -> None:
        """Let everything happen."""
        self._tier = ""

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._tier not in ("unit", "process") or os.getpid() != self._process:
            return
        if event in STARTS:
            if self._tier == "unit":
                self._fail(f"starts a process ({event}: {_words(arguments)}): mark it process, runtime or setup")
            elif any(_OF_A_RUNTIME.search(word) for word in _words(arguments)):
                self._fail(f"starts a real runtime ({_words(arguments)}): mark it runtime or setup")
        elif event == "import" and str(arguments[0]).partition(".")[0] in RUNTIMES:
            self._fail(f"loads {arguments[0]}: mark it runtime or setup")

    def _fail(self, does: str) -> None:
        tier, self._tier = self._tier, ""  # what cleans up after the test may start a process again
        pytest.fail(f"a test of the {tier} tier {does}", pytrace=True)


def _words(arguments: tuple[Any, ...]) -> list[str]:
    """Return the words of the command that an audit event tells of."""
    command = arguments[1] if len(arguments) > 1 else arguments
    return [str(word) for word in command] if isinstance(command, (list, tuple)) else [str(command)]

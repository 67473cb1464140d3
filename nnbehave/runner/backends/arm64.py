"""The backend for LiteRT on an Arm core that QEMU emulates: instructions are counted and their cycles estimated.

The count is exact. It has all instructions that LiteRT and the system libraries execute in the second call of a model,
and none of Python's. A model always gets the same count, because each model runs in a fork of one process, which always
finds the same memory, environment and time of day. (LiteRT's matrix product looks at the clock from time to time, to
find out on which core it runs.)
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
from collections import Counter
from contextlib import suppress
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np

from nnbehave.runner.aarch64.cycles import CycleModel
from nnbehave.runner.aarch64.instructions import CLASSES, words
from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.protocol import Message, Unsupported
from nnbehave.runner.tflite_kernels import tflite_kernels

_NOT_COUNTED = ("python3", "libfaketime")  # names of the files whose code is not a part of the runtime


class Guest:
    """The process that runs models under QEMU.

    Its program and its protocol are in ``nnbehave/measurement/platforms/_arm64/guest.py``.

    Parameters
    ----------
    qemu : list of str
        The command of the emulator, without the counter.
    counter : str
        Path of the QEMU plugin that counts instructions.
    program : list of str
        The command that QEMU runs.
    environment : dict of str to str
        The whole environment of QEMU and the program.
    """

    def __init__(self, qemu: List[str], counter: str, program: List[str], environment: Dict[str, str]) -> None:
        self._qemu, self._counter, self._program, self._environment = qemu, counter, program, environment
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._maps: List[List[str]] = []
        self.loaded = ""  # path of the model that waits to be run

    def _start(self) -> None:
        """Start the process."""
        # These files are in memory, so that nothing is left on disk, however the process ends.
        descriptors = [os.memfd_create(name) for name in ("inputs", "outputs", "counts")]
        self._inputs, self._outputs, self._counts = (f"/proc/self/fd/{number}" for number in descriptors)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        answers, theirs = os.pipe()
        self._process = subprocess.Popen(
            [*self._qemu, "-plugin", f"{self._counter},out={self._counts}", *self._program, str(theirs)],
            stdin=subprocess.PIPE,
            stderr=self._errors,
            env=self._environment,
            pass_fds=[*descriptors, theirs],
            preexec_fn=_leave_no_core,
        )
        os.close(theirs)
        self._answers = os.fdopen(answers, encoding="utf-8")
        self._descriptors = descriptors

    def close(self) -> None:
        """End the process. The next model starts another."""
        self.loaded = ""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None
        self._answers.close()
        self._errors.close()
        for descriptor in self._descriptors:
            os.close(descriptor)

    def load(self, path: str, xnnpack: bool) -> Message:
        """Load a model and return the program's description of it. Raises Unsupported."""
        if self.loaded:
            self.close()  # the program waits for the inputs of the model before
        if self._process is None:
            self._start()
        description = self._ask({"path": path, "xnnpack": xnnpack})
        self.loaded = path
        return description

    def run(self, inputs: List[Any]) -> List[Any]:
        """Run the loaded model, return its outputs and unload it. Raises Unsupported."""
        self.loaded = ""
        with open(self._inputs, "wb") as file:
            np.savez(file, *inputs)
        self._maps = self._ask({"inputs": self._inputs, "outputs": self._outputs})["maps"]
        with np.load(self._outputs) as outputs:
            return [outputs[name] for name in outputs.files]

    def counts(self) -> Dict[str, int]:
        """Return how often the last run executed each basic block, by the hexadecimal text of its instructions."""
        left_out = [
            [int(address, 16) for address in span.split("-")]
            for span, file in self._maps
            if os.path.basename(file).startswith(_NOT_COUNTED)
        ]
        found: Counter[str] = Counter()
        with open(self._counts, encoding="ascii") as file:
            for line in file:
                address, count, block = line.split()
                if not any(start <= int(address, 16) < end for start, end in left_out):
                    found[block] += int(count, 16)
        return dict(found)

    def _ask(self, request: Message) -> Message:
        """Send a request to the program and return its answer. Raises Unsupported if it refuses or dies."""
        assert self._process is not None
        assert self._process.stdin is not None
        said_before = os.fstat(self._errors.fileno()).st_size
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()
        answer: Message = json.loads(self._answers.readline() or '{"died": "QEMU ended"}')
        if "error" in answer:
            raise Unsupported(answer["error"])
        if "died" in answer:
            self._errors.seek(said_before)
            last_words = " ".join(self._errors.read().decode(errors="replace").split())[-500:]
            self.close()  # the next model would find the rest of this conversation
            raise Unsupported(f"LiteRT dies in the emulator ({answer['died']}): {last_words}")
        return answer


def _leave_no_core() -> None:
    """Keep QEMU from writing a core file when a model crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Arm64Model(Model):
    """A ``.tflite`` file in the emulator. Each run counts the instructions that it executes."""

    def __init__(self, guest: Guest, path: str, xnnpack: bool) -> None:
        self._guest, self._path, self._xnnpack = guest, path, xnnpack
        description = guest.load(path, xnnpack)
        self.input_shapes = [tuple(shape) for shape, _ in description["inputs"]]
        self.input_dtypes = [dtype for _, dtype in description["inputs"]]
        self.kernels = tflite_kernels(description["nodes"], dict(description["tensors"]), xnnpack)
        self.counts: Dict[str, int] = {}

    def invoke(self) -> None:
        """Raise Unsupported, because times in an emulator mean nothing."""
        raise Unsupported("a model in an emulator cannot be timed")

    def run(self, inputs: List[Any]) -> List[Any]:
        if self._guest.loaded != self._path:
            self._guest.load(self._path, self._xnnpack)
        outputs = self._guest.run(inputs)
        self.counts = self._guest.counts()
        return outputs


class Arm64Backend(Backend):
    """Counts instructions. :class:`nnbehave.measurement.platforms.arm64.Arm64` gives the options.

    Parameters
    ----------
    emulator : dict
        The arguments of :class:`Guest`.
    cycle_model : dict
        The arguments of :class:`nnbehave.runner.aarch64.cycles.CycleModel`.
    versions : dict of str to str
        The versions of the packages that were set up.
    clock_ghz : float
        The clock by which cycles become time.
    xnnpack : bool
        True to run a graph by the XNNPACK delegate, as far as it can.
    """

    def __init__(
        self,
        emulator: Dict[str, Any],
        cycle_model: Dict[str, Any],
        versions: Dict[str, str],
        clock_ghz: float,
        xnnpack: bool,
    ) -> None:
        self.guest = Guest(**emulator)
        self._versions, self._clock_ghz, self._xnnpack = versions, clock_ghz, xnnpack
        self._cycle_model = CycleModel(**cycle_model)

    def versions(self) -> Dict[str, str]:
        return self._versions

    def load(self, path: str, precision: str) -> Arm64Model:
        return Arm64Model(self.guest, path, self._xnnpack)

    def estimate(self, models: List[Any]) -> Iterator[Union[Cost, Unsupported]]:
        for model in models:
            yield self._cost(model.counts)

    def _cost(self, executed: Dict[str, int]) -> Cost:
        """Return the cost of an inference that executed each basic block so many times."""
        costs = self._cycle_model.costs(executed)
        counts = dict.fromkeys(("instructions", "cycles", *CLASSES), 0.0)
        for block, times in executed.items():
            counts["instructions"] += times * len(words(block))
            counts["cycles"] += times * costs[block].cycles
            for name, number in costs[block].classes.items():
                counts[name] += times * number
        return Cost(counts["cycles"] / self._clock_ghz, counts)

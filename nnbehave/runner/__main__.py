"""``python -m nnbehave.runner --backend MODULE:CLASS [--options JSON] [--cores 1]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from nnbehave.runner.backends.base import Backend, quantised_inputs
from nnbehave.runner.machine import machine, state
from nnbehave.runner.protocol import PROTOCOL_VERSION, Unsupported, decode_array, encode_array, serve
from nnbehave.runner.reference import fidelity, load_quantisation
from nnbehave.runner.timing import alternate, calibrate, rotate, time_block, warm_up
from nnbehave.runner.witnesses import Witnesses

COMMANDS = ("hello", "load", "run", "warm_up", "time", "rotate", "alternate", "profile", "estimate", "unload")


class Runner:
    """Answers the requests of :mod:`nnbehave.runner.protocol` with one backend."""

    def __init__(self, backend: Backend, cpus: list[Any]) -> None:
        self.backend = backend
        self.cpus = cpus
        self.models: dict[str, Any] = {}
        self.inner: dict[str, Any] = {}
        self.witnesses = Witnesses(cpus)

    def hello(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {
            "protocol": PROTOCOL_VERSION,
            "machine": machine(),
            "versions": self.backend.versions(),
            "cpus": self.cpus,
            "state": state(),
            "witnesses": self.witnesses.available(),
        }

    def load(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        start = time.perf_counter()
        path = request["path"]
        model = self.backend.load(path, request["precision"])
        load_s = time.perf_counter() - start
        if model.invoke is None:
            self.models[request["handle"]] = model
            yield {"load_s": load_s, "fidelity": None, "kernels": model.kernels}
            return
        quantisation = load_quantisation(path)
        inputs = quantised_inputs(model.input_shapes, model.input_dtypes, request["seed"], quantisation)
        try:
            outputs = model.run(inputs)  # which also puts the inputs in place
        except RuntimeError as error:
            raise Unsupported(f"the first call fails: {error}") from None
        self.models[request["handle"]] = model
        yield {
            "load_s": load_s,
            "fidelity": None if quantisation is None else fidelity(path, outputs[0]),
            "kernels": model.kernels,
        }

    def run(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        model = self.models[request["handle"]]
        outputs = model.run([decode_array(array) for array in request["inputs"]])
        yield {"outputs": [encode_array(array) for array in outputs]}

    def _calls(self, handle: str, value_ns: int) -> int:
        if handle not in self.inner:
            self.inner[handle] = calibrate(self.models[handle].invoke, self.backend.clock, value_ns)
        return int(self.inner[handle])

    def warm_up(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        handle = request["handle"]
        inner = self._calls(handle, request["value_ns"])
        spans, steady = warm_up(self.models[handle].invoke, self.backend.clock, inner)
        yield {"spans": spans, "steady": steady}

    def time(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for handle in request["handles"]:
            inner = self._calls(handle, request["value_ns"])
            block = partial(time_block, self.models[handle].invoke, self.backend.clock, inner, request["block_ns"])
            spans, seen = self.witnesses.around(block)
            yield self._block(handle, inner, spans, seen)

    def rotate(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        calls = [self.models[handle].invoke for handle in request["handles"]]
        passes = partial(rotate, calls, self.backend.clock, request["passes"], request["evict_bytes"])
        spans, seen = self.witnesses.around(passes)
        for handle, each in zip(request["handles"], spans):
            yield self._block(handle, 1, each, seen)

    def alternate(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        evictor = request["evictor"]
        for handle in request["handles"]:
            models = self.models[handle].invoke, self.models[evictor].invoke
            spans, seen = self.witnesses.around(partial(alternate, *models, self.backend.clock, request["passes"]))
            yield self._block(handle, 1, spans[0], seen)
            yield self._block(evictor, 1, spans[1], seen)

    def profile(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for handle in request["handles"]:
            (calls, total_ns), seen = self.witnesses.around(partial(self.models[handle].profile, request["block_ns"]))
            yield self._block(handle, calls, ([total_ns], []), seen)

    def estimate(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        handles = request["handles"]
        for handle, found in zip(handles, self.backend.estimate([self.models[handle] for handle in handles])):
            yield {"handle": handle, **({"refused": str(found)} if isinstance(found, Unsupported) else found._asdict())}

    def _block(
        self, handle: str, inner: int, spans: tuple[list[int], list[int]], seen: dict[str, Any]
    ) -> dict[str, Any]:
        """A block is of undisturbed spans, or of all where too few are; a clock of one's own is never disturbed."""
        if self.backend.clock is not time.perf_counter_ns:
            return {"handle": handle, "inner": inner, "times_ns": [*spans[0], *spans[1]], "witnesses": {}}
        good, interrupted = spans
        enough = len(good) >= len(interrupted)
        seen = {**seen, "interrupted_spans": len(interrupted), "preempted": not enough}
        return {"handle": handle, "inner": inner, "times_ns": good if enough else good + interrupted, "witnesses": seen}

    def unload(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        del self.models[request["handle"]]
        self.inner.pop(request["handle"], None)
        yield {}


def pin(cores: int) -> list[int]:
    """Keep this process to the last ``cores`` of those that it may use, where the system allows; return them.

    Interrupts and other programs tend to the first.
    """
    if not cores or not hasattr(os, "sched_setaffinity"):
        return []
    cpus = sorted(os.sched_getaffinity(0))[-cores:]
    os.sched_setaffinity(0, cpus)
    return cpus


def main() -> None:
    """Pin this process, load the backend, answer requests."""
    parser = argparse.ArgumentParser(prog="python -m nnbehave.runner", description=__doc__)
    parser.add_argument("--backend", required=True, help="MODULE:CLASS of the backend")
    parser.add_argument("--options", default="{}", help="the backend's options, as JSON")
    parser.add_argument("--cores", type=int, default=0, help="pin it to the last so many; 0 leaves it as it is")
    arguments = parser.parse_args()
    cpus = pin(arguments.cores)  # before a runtime starts its threads
    module, _, name = arguments.backend.partition(":")
    backend = getattr(importlib.import_module(module), name)(**json.loads(arguments.options))
    runner = Runner(backend, cpus)
    serve({name: getattr(runner, name) for name in COMMANDS})


if __name__ == "__main__":
    main()

"""The program of the runner: ``python -m nnbehave.runner --backend MODULE:CLASS [--options JSON] [--cores 1]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from functools import partial
from typing import Callable, Iterator

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.machine import Facts, last_cache_bytes
from nnbehave.runner.protocol import PROTOCOL_VERSION, Message, Unsupported, serve
from nnbehave.runner.timing import Spans, calibrate, rotate, time_sample, warm_up
from nnbehave.runner.witnesses import Witnesses

COMMANDS = ("hello", "load", "run", "warm_up", "time", "rotate", "profile", "estimate", "unload")

Answers = Iterator[Message]


class Runner:
    """Answers requests with one backend. :mod:`nnbehave.runner.protocol` documents each method below.

    Parameters
    ----------
    backend : Backend
    cpus : list of int
        The cores to which this process is pinned; empty if it is not pinned.
    """

    def __init__(self, backend: Backend, cpus: list[int]) -> None:
        self.backend = backend
        self.cpus = cpus
        self.models: dict[str, Model] = {}
        self.calls_per_span: dict[str, int] = {}
        self.witnesses = Witnesses(cpus)

    def hello(self, request: Message) -> Answers:
        yield {
            "protocol": PROTOCOL_VERSION,
            "machine": self.backend.machine_facts(),
            "versions": self.backend.versions(),
            "cpus": self.cpus,
            "state": self.backend.machine_state(),
            "witnesses": self.witnesses.available(),
            "last_cache_bytes": last_cache_bytes(),
        }

    def load(self, request: Message) -> Answers:
        start = time.perf_counter()
        path = request["path"]
        model = self.backend.load(path, request["precision"])
        load_s = time.perf_counter() - start
        fidelity = None
        if model.invoke is not None and model.input_shapes:  # it runs in this process, and has tensors
            from nnbehave.runner.tensors import first_run

            fidelity = first_run(model, path, request["seed"])
        self.models[request["handle"]] = model
        yield {"load_s": load_s, "fidelity": fidelity, "kernels": model.kernels}

    def run(self, request: Message) -> Answers:
        from nnbehave.runner.tensors import decode_array, encode_array

        model = self.models[request["handle"]]
        outputs = model.run([decode_array(array) for array in request["inputs"]])
        yield {"outputs": [encode_array(array) for array in outputs]}

    def warm_up(self, request: Message) -> Answers:
        handle = request["handle"]
        if self.models[handle].invoke is None:  # it runs on a device, which warms it up by itself
            yield {"spans": 0, "steady": True}
            return
        calls = self._calls_per_span(handle, request["span_ns"])
        spans, steady = warm_up(self.models[handle].invoke, self.backend.clock, calls)
        yield {"spans": spans, "steady": steady}

    def time(self, request: Message) -> Answers:
        for handle in request["handles"]:
            model = self.models[handle]
            if model.measure is not None:
                yield self._reported(handle, model.measure, request["sample_ns"])
                continue
            calls = self._calls_per_span(handle, request["span_ns"])
            take = partial(time_sample, model.invoke, self.backend.clock, calls, request["sample_ns"])
            spans, seen = self.witnesses.around(take)
            yield self._sample(handle, calls, spans, seen)

    def rotate(self, request: Message) -> Answers:
        calls = [self.models[handle].invoke for handle in request["handles"]]
        take = partial(rotate, calls, self.backend.clock, request["passes"], request["evict_bytes"])
        samples, seen = self.witnesses.around(take)
        for handle, spans in zip(request["handles"], samples):
            yield self._sample(handle, 1, spans, seen)

    def profile(self, request: Message) -> Answers:
        for handle in request["handles"]:
            yield self._reported(handle, self.models[handle].profile, request["sample_ns"])

    def estimate(self, request: Message) -> Answers:
        handles = request["handles"]
        for handle, found in zip(handles, self.backend.estimate([self.models[handle] for handle in handles])):
            yield {"handle": handle, **({"refused": str(found)} if isinstance(found, Unsupported) else found._asdict())}

    def unload(self, request: Message) -> Answers:
        del self.models[request["handle"]]
        self.calls_per_span.pop(request["handle"], None)
        yield {}

    def _calls_per_span(self, handle: str, span_ns: int) -> int:
        """Return how many calls of a model a span needs. It is found once for each model."""
        if handle not in self.calls_per_span:
            self.calls_per_span[handle] = calibrate(self.models[handle].invoke, self.backend.clock, span_ns)
        return self.calls_per_span[handle]

    def _reported(self, handle: str, run: Callable[[int], tuple[int, int]], sample_ns: int) -> Message:
        """Return a sample that the runtime has timed itself: one span with all its calls."""
        (calls, total_ns), seen = self.witnesses.around(partial(run, sample_ns))
        return self._sample(handle, calls, Spans([total_ns], []), seen)

    def _sample(self, handle: str, calls_per_span: int, spans: Spans, seen: Facts) -> Message:
        """Return the answer with a sample. It has the clean spans, or all spans if most were interrupted.

        If the backend has a clock of its own, what this machine does cannot disturb a span.
        """
        answer = {"handle": handle, "calls_per_span": calls_per_span}
        if self.backend.clock is not time.perf_counter_ns:
            return {**answer, "spans_ns": [*spans.clean, *spans.interrupted], "witnesses": {}}
        enough = len(spans.clean) >= len(spans.interrupted)
        seen = {**seen, "interrupted_spans": len(spans.interrupted), "preempted": not enough}
        return {**answer, "spans_ns": spans.clean if enough else spans.clean + spans.interrupted, "witnesses": seen}


def pin(cores: int) -> list[int]:
    """Pin this process to the last ``cores`` of the cores that it may use, and return them.

    The last cores are taken because interrupts and other programs tend to use the first. Nothing is done if ``cores``
    is 0 or if the system cannot pin; the list is then empty.
    """
    if not cores or not hasattr(os, "sched_setaffinity"):
        return []
    cpus = sorted(os.sched_getaffinity(0))[-cores:]
    os.sched_setaffinity(0, cpus)
    return cpus


def main() -> None:
    """Pin this process, load the backend and answer requests."""
    parser = argparse.ArgumentParser(prog="python -m nnbehave.runner", description=__doc__)
    parser.add_argument("--backend", required=True, help="MODULE:CLASS of the backend")
    parser.add_argument("--options", default="{}", help="options of the backend, as JSON")
    parser.add_argument("--cores", type=int, default=0, help="pin to this many cores; 0 does not pin")
    arguments = parser.parse_args()
    cpus = pin(arguments.cores)  # before the runtime starts its threads
    module, _, name = arguments.backend.partition(":")
    backend = getattr(importlib.import_module(module), name)(**json.loads(arguments.options))
    runner = Runner(backend, cpus)
    serve({name: getattr(runner, name) for name in COMMANDS})


if __name__ == "__main__":
    main()

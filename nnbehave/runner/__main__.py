"""``python -m nnbehave.runner --backend MODULE:CLASS [--options JSON] [--cpus 1,2]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from nnbehave.runner.backends.base import Backend
from nnbehave.runner.machine import machine
from nnbehave.runner.protocol import PROTOCOL_VERSION, decode_array, encode_array, serve
from nnbehave.runner.timing import calibrate, time_block


class Runner:
    """Answers the requests of :mod:`nnbehave.runner.protocol` with one backend."""

    def __init__(self, backend: Backend, cpus: list[Any]) -> None:
        self.backend = backend
        self.cpus = cpus
        self.models: dict[str, Any] = {}
        self.inner: dict[str, Any] = {}

    def hello(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {
            "protocol": PROTOCOL_VERSION,
            "machine": machine(),
            "versions": self.backend.versions(),
            "cpus": self.cpus,
        }

    def load(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        start = time.perf_counter()
        model = self.backend.load(request["path"], request["seed"])
        self.models[request["handle"]] = model
        yield {
            "load_s": time.perf_counter() - start,
            "executed_precision": model.executed_precision,
            "kernels": model.kernels,
            "placement": model.placement,
        }

    def run(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        model = self.models[request["handle"]]
        outputs = model.run([decode_array(array) for array in request["inputs"]])
        yield {"outputs": [encode_array(array) for array in outputs]}

    def time(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        clock = self.backend.clock
        for handle in request["handles"]:
            model = self.models[handle]
            if handle not in self.inner:
                self.inner[handle] = calibrate(model.invoke, clock, request["value_ns"])
            spans, witnesses = time_block(model.invoke, clock, self.inner[handle], request["block_ns"])
            yield {"handle": handle, "inner": self.inner[handle], "times_ns": spans, "witnesses": witnesses}

    def unload(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        del self.models[request["handle"]]
        self.inner.pop(request["handle"], None)
        yield {}


def main() -> None:
    """Pin this process, load the backend, answer requests."""
    parser = argparse.ArgumentParser(prog="python -m nnbehave.runner", description=__doc__)
    parser.add_argument("--backend", required=True, help="MODULE:CLASS of the backend")
    parser.add_argument("--options", default="{}", help="the backend's options, as JSON")
    parser.add_argument("--cpus", default="", help="processors to run on, such as 1 or 2,3")
    arguments = parser.parse_args()
    cpus = [int(cpu) for cpu in arguments.cpus.split(",") if cpu]
    if cpus and hasattr(os, "sched_setaffinity"):  # before a runtime starts its threads
        os.sched_setaffinity(0, cpus)
    module, _, name = arguments.backend.partition(":")
    backend = getattr(importlib.import_module(module), name)(**json.loads(arguments.options))
    runner = Runner(backend, cpus)
    serve({name: getattr(runner, name) for name in ("hello", "load", "run", "time", "unload")})


if __name__ == "__main__":
    main()

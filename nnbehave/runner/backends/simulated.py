"""A runtime that runs nothing: it spends time on a clock of its own, by a known law and with seeded noise.

What a layer takes is ``overhead_us + law``, with ``n`` the swept dimension:

============  ======================================================================
``law``       microseconds
============  ======================================================================
``flat``      ``step_us``
``linear``    ``step_us · n / width``
``staircase`` ``step_us · ⌈n / width⌉``
``power``     ``step_us · (n / width) ** exponent``
``roofline``  the longer of OPs / ``peak_gops`` and bytes / ``bandwidth_gbs``
============  ======================================================================

A graph of several layers takes the overhead once; ``flatten`` takes nothing, as a reshape does, and so does an operator
where it follows another as ``fuses`` says: ``conv+relu,dwconv+relu6``. A call takes all that
times a log-normal factor of standard deviation ``noise``; one call in fifty takes 1.5 times as long. ``world`` adds a
shared machine, at 1 with these parameters and at 2 twice as bad: a drift (Ornstein-Uhlenbeck, 2 %, 20 s), a neighbour
(12 % slower for 5 s every 35 s) and a clock of two states (5 % apart, 10 s each at the mean). ``fail_at``,
``crash_at`` and ``hang_at`` name a value of the dimension at which loading fails as unsupported, the process dies,
and a call never returns. ``leaves_out`` names operators that cost nothing and are said to be left out, as some
compilers' estimates leave them. By the method ``estimated`` all that is exact: no noise, no world.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

_SPIKE_SHARE, _SPIKE = 0.02, 1.5
_DRIFT, _DRIFT_TIME_S = 0.02, 20.0
_BURST, _BURST_S, _BURST_EVERY_S = 0.12, 5.0, 35.0
_CLOCK, _CLOCK_TIME_S = 0.05, 10.0


class SharedMachine:
    """How much slower than usual the simulated machine is at a time; times must not fall."""

    def __init__(self, rng: np.random.Generator, scale: float) -> None:
        self._rng, self._scale = rng, scale
        self._at_s = 0.0
        self._drift = rng.standard_normal()
        self._burst_from_s = rng.uniform(0, _BURST_EVERY_S)
        self._slow_clock = bool(rng.random() < 0.5)

    def slowdown(self, now_s: float) -> float:
        """Return the factor on a call that begins now."""
        past, self._at_s = now_s - self._at_s, now_s
        kept = math.exp(-past / _DRIFT_TIME_S)
        self._drift = kept * self._drift + math.sqrt(1 - kept**2) * self._rng.standard_normal()
        if self._rng.random() < 1 - math.exp(-past / _CLOCK_TIME_S):
            self._slow_clock = not self._slow_clock
        factor = math.exp(_DRIFT * self._scale * self._drift)
        if (now_s + self._burst_from_s) % _BURST_EVERY_S < _BURST_S:
            factor *= 1 + _BURST * self._scale
        return factor * (1 + _CLOCK * self._scale if self._slow_clock else 1.0)


class SimulatedModel(Model):
    """A graph of known cost."""

    def __init__(self, backend: SimulatedBackend, layers: list[Any], true_us: float, left_out: list[str]) -> None:
        self._backend = backend
        self._true_ns = true_us * 1e3
        self._left_out = left_out
        self._values = {layer[backend.dimension] for layer in layers}
        self.kernels = [Kernel("simulated", layers[0]["precision"])] * len(layers)
        self.invoke = self._spend

    def _spend(self) -> None:
        backend = self._backend
        self._fail_as_asked()
        factor = math.exp(backend.noise * backend.rng.standard_normal()) if backend.noise else 1.0
        if backend.noise and backend.rng.random() < _SPIKE_SHARE:
            factor *= _SPIKE
        if backend.world:
            factor *= backend.machine.slowdown(backend.now_ns / 1e9)
        backend.now_ns += max(1, round(self._true_ns * factor))  # a clock that stands still would never be calibrated

    def _fail_as_asked(self) -> None:
        if self._backend.crash_at in self._values:
            os._exit(42)
        while self._backend.hang_at in self._values:
            time.sleep(60)

    def cost(self) -> Cost:
        self._fail_as_asked()
        return Cost(self._true_ns, {"cycles": self._true_ns}, self._left_out)

    def run(self, inputs: list[Any]) -> list[Any]:
        return [np.array(array) for array in inputs]  # it computes nothing; its time is that of calls alone


class SimulatedBackend(Backend):
    """Options: those of the module's docstring, ``dimension`` and ``seed``."""

    def __init__(
        self,
        law: str = "staircase",
        dimension: str = "out_channels",
        width: int = 16,
        step_us: float = 40.0,
        overhead_us: float = 20.0,
        exponent: float = 1.0,
        peak_gops: float = 50.0,
        bandwidth_gbs: float = 10.0,
        fuses: str = "",
        noise: float = 0.01,
        world: float = 0.0,
        seed: int = 0,
        fail_at: int = 0,
        crash_at: int = 0,
        hang_at: int = 0,
        leaves_out: str = "",
    ) -> None:
        self.law, self.dimension, self.width = law, dimension, width
        self.step_us, self.overhead_us, self.noise = step_us, overhead_us, noise
        self.exponent, self.peak_gops, self.bandwidth_gbs = exponent, peak_gops, bandwidth_gbs
        self.fuses = set(fuses.split(","))
        self.fail_at, self.crash_at, self.hang_at = fail_at, crash_at, hang_at
        self.leaves_out = set(leaves_out.split(","))
        self.rng = np.random.default_rng(seed)
        self.world, self.machine = world, SharedMachine(np.random.default_rng([seed, 1]), world)
        self.now_ns = 0

    def clock(self) -> int:
        """Return the simulated time in ns."""
        return self.now_ns

    def versions(self) -> dict[str, Any]:
        return {"simulated": "1"}

    def load(self, path: str, precision: str) -> SimulatedModel:
        with open(path, encoding="utf-8") as file:
            layers = json.load(file)["layers"]
        if self.fail_at in {layer[self.dimension] for layer in layers}:
            raise Unsupported(f"the simulated platform takes no {self.dimension} of {self.fail_at}")
        before = [None, *(layer["op"] for layer in layers)]
        run = [layer for layer, op in zip(layers, before) if f"{op}+{layer['op']}" not in self.fuses]
        costs = [self._law_us(layer) for layer in run if layer["op"] not in ("flatten", *self.leaves_out)]
        left_out = [layer["op"] for layer in run if layer["op"] in self.leaves_out]
        return SimulatedModel(self, run, self.overhead_us + sum(costs), left_out)

    def estimate(self, models: list[Any]) -> Iterator[Cost]:
        for model in models:
            yield model.cost()

    def _law_us(self, layer: dict[str, Any]) -> float:
        if self.law == "roofline":
            return float(max(layer["ops"] / self.peak_gops, layer["mac_bytes"] / self.bandwidth_gbs) / 1e3)
        n: float = layer[self.dimension]
        laws: dict[str, float] = {
            "flat": self.step_us,
            "linear": self.step_us * n / self.width,
            "staircase": self.step_us * math.ceil(n / self.width),
            "power": self.step_us * (n / self.width) ** self.exponent,
        }
        return laws[self.law]

"""The backend of the platform ``simulated``: it runs nothing, and its clock advances by a known law with seeded noise.

A layer takes ``overhead_us + law``, where ``n`` is the value of the layer's ``dimension``:

============  ======================================================================
``law``       time in µs
============  ======================================================================
``flat``      ``step_us``
``linear``    ``step_us · n / width``
``staircase`` ``step_us · ⌈n / width⌉``
``power``     ``step_us · (n / width) ** exponent``
``roofline``  the longer of OPs / ``peak_gops`` and bytes / ``bandwidth_gbs``
============  ======================================================================

A graph of several layers has the overhead once. ``flatten`` takes no time, as it is only a reshape. An operator takes
no time where it is fused into the operator before it; ``fuses`` lists such pairs: ``conv+relu,dwconv+relu6``.

A call takes this time multiplied by a log-normal factor with standard deviation ``noise``. One call in fifty takes 1.5
times as long. A ``world`` above 0 simulates a shared machine, at 1 with the numbers below and at 2 twice as bad: a
drift (Ornstein-Uhlenbeck process, 2 %, 20 s), a neighbour (12 % slower for 5 s every 35 s) and a clock with two states
(5 % apart, each lasting 10 s on average). The method ``estimated`` gives exact times, without noise and world.

Failures can be simulated: ``fail_at``, ``crash_at`` and ``hang_at`` are values of the dimension at which loading is
refused as unsupported, the process dies, and a call never returns. ``leaves_out`` names operators that take no time and
are reported as left out, like the operators that some compilers leave out of their estimates.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Iterator
from typing import Any

from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

# The numbers of the docstring above.
_SPIKE_SHARE, _SPIKE = 0.02, 1.5
_DRIFT, _DRIFT_TIME_S = 0.02, 20.0
_BURST, _BURST_S, _BURST_EVERY_S = 0.12, 5.0, 35.0
_CLOCK, _CLOCK_TIME_S = 0.05, 10.0


class SharedMachine:
    """A simulated machine whose speed changes over time.

    Parameters
    ----------
    rng : random.Random
    scale : float
        The option ``world``.
    """

    def __init__(self, rng: random.Random, scale: float) -> None:
        self._rng, self._scale = rng, scale
        self._at_s = 0.0
        self._drift = rng.gauss(0, 1)
        self._burst_from_s = rng.uniform(0, _BURST_EVERY_S)
        self._slow_clock = rng.random() < 0.5

    def slowdown(self, now_s: float) -> float:
        """Return the factor by which a call at ``now_s`` takes longer. ``now_s`` must not decrease between calls."""
        past, self._at_s = now_s - self._at_s, now_s
        kept = math.exp(-past / _DRIFT_TIME_S)
        self._drift = kept * self._drift + math.sqrt(1 - kept**2) * self._rng.gauss(0, 1)
        if self._rng.random() < 1 - math.exp(-past / _CLOCK_TIME_S):
            self._slow_clock = not self._slow_clock
        factor = math.exp(_DRIFT * self._scale * self._drift)
        if (now_s + self._burst_from_s) % _BURST_EVERY_S < _BURST_S:
            factor *= 1 + _BURST * self._scale
        return factor * (1 + _CLOCK * self._scale if self._slow_clock else 1.0)


class SimulatedModel(Model):
    """A graph whose time is known."""

    def __init__(self, backend: SimulatedBackend, layers: list[Any], true_us: float, left_out: list[str]) -> None:
        self._backend = backend
        self._true_ns = true_us * 1e3
        self._left_out = left_out
        self._values = {layer[backend.dimension] for layer in layers}
        self.kernels = [Kernel("simulated", layers[0]["precision"])] * len(layers)
        self.invoke = self._spend

    def _spend(self) -> None:
        """Advance the clock by the time of one call."""
        backend = self._backend
        self._fail_as_asked()
        factor = math.exp(backend.noise * backend.rng.gauss(0, 1)) if backend.noise else 1.0
        if backend.noise and backend.rng.random() < _SPIKE_SHARE:
            factor *= _SPIKE
        if backend.world:
            factor *= backend.machine.slowdown(backend.now_ns / 1e9)
        backend.now_ns += max(1, round(self._true_ns * factor))  # a clock that stands still could not be calibrated

    def _fail_as_asked(self) -> None:
        """Die or hang if the options say so."""
        if self._backend.crash_at in self._values:
            os._exit(42)
        while self._backend.hang_at in self._values:
            time.sleep(60)

    def cost(self) -> Cost:
        """Return the exact time of a call."""
        self._fail_as_asked()
        return Cost(self._true_ns, {"cycles": self._true_ns}, self._left_out)

    def run(self, inputs: list[Any]) -> list[Any]:
        return inputs  # nothing is computed, and only timed calls take time


class SimulatedBackend(Backend):
    """Options: see the module. ``seed`` is the seed of the noise and of the world."""

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
        self.rng = random.Random(seed)
        self.world, self.machine = world, SharedMachine(random.Random(f"world {seed}"), world)
        self.now_ns = 0

    def clock(self) -> int:
        """Return the simulated time, in ns."""
        return self.now_ns

    def versions(self) -> dict[str, str]:
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
        """Return the time of a layer by the law, in µs."""
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

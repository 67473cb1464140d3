"""Ours and the paper's scheme on a simulated shared machine, where the truth is known.

    python benchmarks/schemes.py [--layers 200]

The machine drifts by 2 % (20 s), a neighbour takes 12 % for 5 s every 35 s, the clock has two states 5 % apart, calls
jitter by 1 % and one in fifty takes half as long again; then all of it twice as bad. The paper measures each layer by
itself: 10 calls to warm up, then the mean of 50. Errors are of a layer against the others (one factor over all layers
is the machine's state, which is not a layer's error).
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import nnbehave as nb
from nnbehave.runner.backends.simulated import SimulatedBackend, SimulatedModel

STEP_US, WIDTH = 40.0, 16


def truth_ms(channels: np.ndarray) -> np.ndarray:
    return np.ceil(channels / WIDTH) * STEP_US / 1e3


def paper(channels: np.ndarray, world: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return means and half-widths of their 95 % intervals in ms, layer after layer."""
    backend = SimulatedBackend(width=WIDTH, step_us=STEP_US, noise=0.01 * world, world=world, seed=seed)
    means, halves = [], []
    for n in channels:
        model = SimulatedModel(backend, [{"out_channels": int(n)}], truth_ms(np.array([n]))[0] * 1e3)
        times = []
        for call in range(60):
            before = backend.clock()
            model.invoke()
            if call >= 10:
                times.append((backend.clock() - before) / 1e6)
        means.append(statistics.mean(times))
        halves.append(1.96 * statistics.stdev(times) / len(times) ** 0.5)
    return np.array(means), np.array(halves)


def score(found: np.ndarray, half: np.ndarray, truth: np.ndarray) -> str:
    scale = np.median(found / truth)
    error = found / truth / scale - 1
    held = np.abs(found - scale * truth) <= half
    return (
        f"error: standard deviation {np.std(error):.2%}, 95 % under {np.quantile(np.abs(error), 0.95):.2%}; intervals: "
        f"median ±{np.median(half / found):.2%}, {held.mean():.1%} hold the truth"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=200)
    channels = np.arange(257, 257 + parser.parse_args().layers)
    layer = nb.Layer(op="conv", height=14, in_channels=64, out_channels=64, kernel=3)
    truth = truth_ms(channels)
    for world in (1.0, 2.0):
        name = f"simulated?noise={0.01 * world}&step_us={STEP_US}&width={WIDTH}&world={world}"
        how = "as it is" if world == 1 else "twice as bad"
        print(f"{how}, {len(channels)} layers of some {np.median(truth):.1f} ms:")
        print(f"  paper's scheme: {score(*paper(channels, world, 0), truth)}")
        began = time.time()
        frame = nb.measure([layer.replace(out_channels=int(n)) for n in channels], platforms=name, progress=False).frame
        half = (frame["latency_high_ms"] - frame["latency_low_ms"]).to_numpy() / 2
        counts = ", ".join(f"{count} {status}" for status, count in frame["status"].value_counts().items())
        print(f"  nnbehave:       {score(frame['latency_ms'].to_numpy(), half, truth)}; {counts}")
        print(f"                  in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()

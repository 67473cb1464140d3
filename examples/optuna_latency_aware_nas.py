"""Compares a latency-aware search by Optuna in a whole space and in the pruned space: which finds a network sooner?

    pip install "nnbehave[all]" scikit-learn optuna
    python examples/optuna_latency_aware_nas.py [--platform tflite] [--seeds 20]         # some ten minutes

The networks are three convolutions of 4 to 32 channels, trained on scikit-learn's digits. One compiled step trains all
of them: channels that a network lacks are masked. Each trial draws a network. If the latency table says that it is over
the latency budget, it is not trained. The score of a search is the number of trials until a network within the budget
is as accurate as the best tenth of random ones within it. The pruned space is searched as the steps leave it, and also
with the smallest width of each layer kept: the next layer takes time for every channel that it reads, which the steps
of this layer do not show. The digits are easy and the space is small, so the figures hold for this example, not for NAS
in general.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import KeepPareto
from nnbehave.pruning.exporters.optuna import suggest

Latency = Callable[[tuple[int, ...]], float]
CHANNELS = tuple(range(4, 33, 2))
HIGHEST = max(CHANNELS)
STRIDES = (1, 2, 1)
STEPS, RATE = 60, 0.01
GIVEN_UP = 100  # trials after which a search gives up


def make_space() -> Space:
    """Return the space of three convolutions, each of which reads the one before."""
    slots, size, before = [], 8, 1
    for i, stride in enumerate(STRIDES):
        fields = {"kernel": 3, "stride": stride, "activation": "relu"}
        base = nb.Layer(op="conv", height=size, in_channels=before, out_channels=HIGHEST, **fields)
        slots.append(Slot(f"conv{i + 1}", base, {"out_channels": CHANNELS}, follows=i > 0))
        size, before = -(-size // stride), HIGHEST
    return Space("digits", (Stage("all", tuple(slots)),))


class Trainer:
    """Trains networks of the space by one compiled step, and remembers their scores."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        x, y = load_digits(return_X_y=True)
        x = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
        self.train_x, self.test_x, self.train_y, self.test_y = train_test_split(x, y, test_size=0.4, random_state=0)
        self.step = tf.function(self._step)
        self.accuracy = lru_cache(maxsize=None)(self._accuracy)

    def _forward(self, x, weights, masks):
        for (kernel, bias), mask, stride in zip(weights[:-1], masks, STRIDES, strict=True):
            x = self.tf.nn.relu(self.tf.nn.conv2d(x, kernel, stride, "SAME") + bias) * mask
        kernel, bias = weights[-1]
        return self.tf.reduce_mean(x, (1, 2)) @ kernel + bias

    def _step(self, weights, moments, masks, rate):
        tf = self.tf
        with tf.GradientTape() as tape:
            flat = [each for pair in weights for each in pair]
            tape.watch(flat)
            logits = self._forward(tf.constant(self.train_x), weights, masks)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(self.train_y, logits))
        grads = tape.gradient(loss, flat)
        moments = [(0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g) for (m, v), g in zip(moments, grads, strict=True)]
        flat = [w - rate * m / (tf.sqrt(v) + 1e-6) for w, (m, v) in zip(flat, moments, strict=True)]
        return list(zip(flat[::2], flat[1::2], strict=True)), moments

    def _accuracy(self, channels: tuple[int, ...]) -> float:
        """Train a network from its own seed, and return its accuracy on the test images."""
        tf, rng = self.tf, np.random.default_rng(channels)
        masks = [tf.constant((np.arange(HIGHEST) < n).astype(np.float32)) for n in channels]
        shapes = [(3, 3, 1, HIGHEST), (3, 3, HIGHEST, HIGHEST), (3, 3, HIGHEST, HIGHEST), (HIGHEST, 10)]
        fans = [9, 9 * channels[0], 9 * channels[1], channels[2]]
        weights = [
            (
                tf.constant(rng.standard_normal(shape, dtype=np.float32) * np.float32((2 / fan) ** 0.5)),
                tf.zeros(shape[-1]),
            )
            for shape, fan in zip(shapes, fans, strict=True)
        ]
        moments = [(tf.zeros_like(each), tf.zeros_like(each)) for pair in weights for each in pair]
        for i in range(STEPS):
            weights, moments = self.step(weights, moments, masks, tf.constant(RATE * (1 - i / STEPS)))
        found = self._forward(self.test_x, weights, masks).numpy().argmax(1)
        return float((found == self.test_y).mean())


def network(space: Space, channels: tuple[int, ...]) -> list[nb.Layer]:
    """Return the layers of the network with the given widths."""
    before = 1
    layers = []
    for slot, n in zip(space.slots, channels, strict=True):
        layers.append(slot.base.replace(in_channels=before, out_channels=n))
        before = n
    return layers


def trials_needed(
    space: nb.PrunedSpace, latency: Latency, trainer: Trainer, budget_ms: float, target: float, seed: int
) -> int:
    """Return the number of trials until a network within the budget reaches the target."""
    reached = []

    def objective(trial: optuna.Trial) -> float:
        channels = tuple(of["out_channels"] for of in suggest(trial, space).values())
        over = latency(channels) / budget_ms - 1
        trial.set_constraint("latency", over)
        score = trainer.accuracy(channels) if over <= 0 else 0.0
        if score >= target:
            reached.append(trial.number + 1)
            trial.study.stop()
        return score

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=GIVEN_UP)
    return reached[0] if reached else GIVEN_UP + 1


def interval(values: list[int], rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the median with its 95 % bootstrap interval."""
    medians = [np.median(rng.choice(values, len(values))) for _ in range(2000)]
    return float(np.median(values)), *map(float, np.quantile(medians, (0.025, 0.975)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tried", type=int, default=30, help="random networks that set the target accuracy")
    parser.add_argument("--store", default=None, help="where to keep the measurements")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = make_space()
    table = nb.LatencyTable.from_results(nb.sweep(space.unrolled(), platforms=given.platform, store=given.store))
    steps = nb.sweep(space, platforms=given.platform, store=given.store)
    spaces = {
        "whole space": nb.PrunedSpace(space, space, (), ()),
        "pruned space": nb.prune(space, steps),
        "pruned space, smallest kept": nb.prune(space, steps, rules=KeepPareto(keep_smallest=True)),
    }
    print(f"\n{table}")
    for name, pruned in spaces.items():
        left = ", ".join(f"{slot}: {of['out_channels']}" for slot, of in pruned.choices().items())
        print(f"{name}, {pruned.size} networks: {left}\n  {nb.what_was_lost(pruned, table)}")

    def latency(channels: tuple[int, ...]) -> float:
        return table.latency(network(space, channels))

    trainer, rng = Trainer(), np.random.default_rng(0)
    random = [tuple(map(int, each)) for each in rng.choice(CHANNELS, (3000, len(STRIDES)))]
    budget_ms = float(np.quantile([latency(channels) for channels in random], 0.3))
    within = [channels for channels in random if latency(channels) <= budget_ms][: given.tried]
    target = float(np.quantile([trainer.accuracy(channels) for channels in within], 0.9))
    print(f"budget {budget_ms:.4g} ms, target accuracy {target:.3f}")
    for name, searched in spaces.items():
        needed = [trials_needed(searched, latency, trainer, budget_ms, target, seed) for seed in range(given.seeds)]
        median, low, high = interval(needed, rng)
        lost = sum(count > GIVEN_UP for count in needed)
        print(f"{name}: {median:g} trials at the median ({low:g} to {high:g}) of {given.seeds} seeds; {lost} gave up")


if __name__ == "__main__":
    main()

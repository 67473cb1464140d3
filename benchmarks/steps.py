"""How well the step detection and the search do on curves of known truth, beside the usual methods.

    python benchmarks/steps.py                  # synthetic curves, passive and active, and the speed: some ten minutes
    python benchmarks/steps.py --real STORE     # real platforms, exhaustively and adaptively; half an hour and more

The peers are: ruptures, where it is installed (KernelCPD with PELT on log latency, at the penalty of its documentation,
3 σ² ln n); the least-squares fit of a width from 1 to 64; and optimal partitioning, the best cut into constant pieces
by dynamic programming, at the same penalty. They name no kinds. ``F1`` is the score of the edges, at a margin of one n,
on curves that have edges. Regret is the cost of following ``best_channels``: how much slower the fastest kept channel
count of n or more is than the fastest of all from n on, as a mean over n.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import synthetic
from synthetic import Curve

import nnbehave as nb
from nnbehave import StepMap, detect_steps, find_steps

ROUNDS = 10  # of the search, for each n; a round has 1 % noise
REAL = [("conv", "out_channels", 14), ("dwconv", "in_channels", 28)]
PLATFORMS = ["tflite", "openvino", "tflite:builtin"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30, help="curves of each class and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", metavar="STORE", help="measure real platforms into this store instead")
    given = parser.parse_args()
    if given.real:
        real(given.real)
        return
    for noise in synthetic.NOISES:
        passive(given.count, noise, given.seed)
    active(given.count, given.seed)
    speed()


# ---------------------------------------------------------------------- passive


def passive(count: int, noise: float, seed: int) -> None:
    """Print the share of right answers on synthetic curves at one noise: a line for each class, the peers beside."""
    peers = dict(known_peers())
    rows = defaultdict(list)
    for curve in synthetic.suite(count, noise, seed):
        found = detect_steps(curve.n, curve.y, curve.std_error)
        row = {
            "kind": found.kind == curve.kind,
            "width": found.width == curve.width if curve.width else np.nan,
            "false": found.width is not None if curve.kind in ("flat", "linear", "quadratic") else np.nan,
            "sure": found.confidence >= 0.9,
            "regret": regret(found.best_channels(), curve) if found.confidence >= 0.9 else np.nan,
            "F1": f1(found.edges, curve.edges),
        }
        for name, peer in peers.items():
            row[name] = f1(peer(curve), curve.edges)
        rows[curve.name].append(row)
    everything = [row for some in rows.values() for row in some]
    columns = list(everything[0])
    print(f"\n{noise:.1%} noise, {count} curves a class" + "".join(f"{name:>12}" for name in columns))
    for name, some in [*rows.items(), ("all", everything)]:
        print(f"{name:<34}" + "".join(f"{shown(column, [row[column] for row in some]):>12}" for column in columns))
    regrets = [row["regret"] for row in everything if not np.isnan(row["regret"])]
    if regrets:
        print(f"regret where confidence is 0.9 or more: median {np.median(regrets):.2%}, worst {max(regrets):.2%}")


def shown(column: str, values: Sequence[float]) -> str:
    values = [float(value) for value in values if not np.isnan(value)]
    if not values:
        return "-"
    mean = statistics.fmean(values)
    return f"{max(values):.2%}" if column == "regret" else f"{mean:.3f}" if "F1" in column else f"{mean:.1%}"


def regret(kept: Sequence[int], curve: Curve) -> float:
    """Return how much slower the kept channel counts are than all, as a mean over n (see the module)."""
    fastest = np.minimum.accumulate(curve.truth[::-1])[::-1]
    best = np.array(kept)
    of_best = np.minimum.accumulate(curve.truth[best - curve.low][::-1])[::-1]
    ours = of_best[np.searchsorted(best, np.arange(curve.low, curve.high + 1))]
    return float(np.mean(ours / fastest - 1))


def f1(found: Sequence[int], truth: Sequence[int], margin: int = 1) -> float:
    """Return the F1 score of edges, each matched at most once; NaN where there are none."""
    if not truth:
        return float("nan")
    left, hits = list(found), 0
    for edge in truth:
        near = [other for other in left if abs(other - edge) <= margin]
        if near:
            left.remove(min(near, key=lambda other: abs(other - edge)))
            hits += 1
    return 2 * hits / (len(found) + len(truth))


def known_peers() -> Sequence[tuple[str, Callable[[Curve], Sequence[int]]]]:
    peers: list[tuple[str, Callable[[Curve], Sequence[int]]]] = [
        ("F1 width fit", width_fit),
        ("F1 optimal", optimal_partition),
    ]
    try:
        import ruptures
    except ImportError:
        print("ruptures is not installed (pip install ruptures): left out")
        return peers

    def kernel_cpd(curve: Curve) -> Sequence[int]:
        log = np.log(curve.y)
        algorithm = ruptures.KernelCPD(kernel="linear", min_size=2).fit(log)
        ends = algorithm.predict(pen=3 * curve.noise**2 * np.log(len(log)))
        return [int(curve.n[end]) for end in ends[:-1]]

    return [("F1 ruptures", kernel_cpd), *peers]


def width_fit(curve: Curve) -> Sequence[int]:
    """Return the edges of the staircase of width 1 to 64 that fits best by least squares."""
    left = []
    for width in range(1, 65):
        columns = np.stack([np.ones(len(curve.n)), np.ceil(curve.n / width)], axis=1) / curve.y[:, None]
        off = 1 - columns @ np.linalg.lstsq(columns, np.ones(len(curve.n)), rcond=None)[0]
        left.append(float(off @ off))
    width = 1 + int(np.argmin(left))
    return [n for n in range(curve.low + 1, curve.high + 1) if (n - 1) % width == 0] if width > 1 else []


def optimal_partition(curve: Curve) -> Sequence[int]:
    """Return the edges of the cheapest cut of log latency into constant pieces."""
    log = np.log(curve.y)
    one, two = (np.concatenate([[0.0], np.cumsum(values)]) for values in (log, log**2))
    price = 3 * curve.noise**2 * np.log(len(log))
    cost, origin = np.zeros(len(log) + 1), np.zeros(len(log) + 1, dtype=int)
    for end in range(1, len(log) + 1):
        begin = np.arange(end)
        total = cost[:end] + two[end] - two[begin] - (one[end] - one[begin]) ** 2 / (end - begin) + price
        origin[end] = int(np.argmin(total))
        cost[end] = total[origin[end]]
    edges = []
    end = origin[len(log)]
    while end > 0:
        edges.append(int(curve.n[end]))
        end = origin[end]
    return edges[::-1]


# ---------------------------------------------------------------------- active


def active(count: int, seed: int) -> None:
    """Print how many n from 1 to 1000 the search measures at 1 % noise a round, and what it finds."""
    print(f"\nactive, 1 to 1000, {ROUNDS} rounds of 1 % noise an n, {count} curves a class; jumps ≥ 2 % up to 128")
    print(f"{'':<18}{'right':>8}{'n':>8}{'at most':>9}{'batches':>9}{'regret':>9}{'worst':>9}{'sure':>8}")
    for name, make in synthetic.CLASSES.items():
        rows = []
        for i in range(count):
            rng = np.random.default_rng([seed, 1, i, list(synthetic.CLASSES).index(name)])
            truth, kind, width = large_jumps(make, rng)
            asked: list[int] = []
            batches: list[int] = []

            def objective(ns: list[int], rng=rng, truth=truth, asked=asked, batches=batches) -> list[tuple]:
                asked += ns
                batches.append(len(ns))
                y = truth[np.array(ns) - 1]
                noisy = y * np.exp(0.01 * rng.standard_normal((ROUNDS, len(ns)))).mean(axis=0)
                return list(zip(noisy.tolist(), (0.01 / ROUNDS**0.5 * y).tolist(), strict=True))

            found = find_steps(objective, 1, 1000)
            curve = Curve(name, kind, width, 1, truth, (), np.empty(0, dtype=int), truth, truth, 0.01)
            right = (found.kind, found.width) == (kind, width)
            lost = regret(found.best_channels(), curve)
            rows.append((right, len(set(asked)), len(batches), lost, found.confidence >= 0.9))
        right, n, batches, lost, sure = zip(*rows, strict=True)
        print(
            f"{name:<18}{np.mean(right):>8.1%}{np.median(n):>8.0f}{max(n):>9}{np.median(batches):>9.0f}"
            f"{np.mean(lost):>9.2%}{max(lost):>9.2%}{np.mean(sure):>8.1%}"
        )


def large_jumps(make: Callable, rng: np.random.Generator) -> tuple[np.ndarray, str, int | None]:
    n = np.arange(1, 1001, dtype=float)
    while True:
        truth, kind, width, edges = make(rng, n)
        early = [edge for edge in edges if 1 < edge <= 128]
        if kind not in ("staircase", "sloped-staircase"):
            return truth, kind, width
        if early and min(truth[edge - 1] / truth[edge - 2] - 1 for edge in early) >= 0.02:
            return truth, kind, width


# ---------------------------------------------------------------------- speed


def speed() -> None:
    """Print how long a detection takes, and a query of a saved map."""
    n = np.arange(1, 1001)
    curves = list(synthetic.suite(2, 0.01, 5))
    spans = []
    for name, make in synthetic.CLASSES.items():
        rng = np.random.default_rng([9, list(synthetic.CLASSES).index(name)])
        y = make(rng, n.astype(float))[0] * np.exp(0.01 * rng.standard_normal(1000))
        y = np.maximum(y, 0.05)
        for _ in range(5):
            began = time.perf_counter()
            detect_steps(n, y)
            spans.append(time.perf_counter() - began)
    median, slowest = np.median(spans) * 1e3, max(spans) * 1e3
    print(f"\ndetect_steps, 1,000 points, all classes: median {median:.0f} ms, slowest {slowest:.0f} ms")
    began = time.perf_counter()
    for curve in curves:
        detect_steps(curve.n, curve.y, curve.std_error)
    each = (time.perf_counter() - began) / len(curves)
    print(f"a thousand sweeps of the suite: {1000 * each:.0f} s on one core")
    with tempfile.TemporaryDirectory() as scratch:
        found = detect_steps(n, 0.05 + 0.02 * np.ceil(n / 8) + 0.001 * n)
        found.save(f"{scratch}/map.json")
        loaded = nb.load_step_map(f"{scratch}/map.json")
        began = time.perf_counter()
        nb.load_step_map(f"{scratch}/map.json")
        print(f"a saved map: loaded in {(time.perf_counter() - began) * 1e3:.1f} ms")
    loaded.round_up(1)
    calls: dict[str, Callable[[], object]] = {
        "round_up": lambda: loaded.round_up(517),
        "best_channels": lambda: loaded.best_channels(1, 517),
        "latency": lambda: loaded.latency(517),
    }
    for name, call in calls.items():
        call()
        began = time.perf_counter()
        for _ in range(10_000):
            call()
        print(f"  {name}: {(time.perf_counter() - began) / 10_000 * 1e6:.1f} µs")


# ---------------------------------------------------------------------- real


def real(store: str) -> None:
    """Print what an adaptive sweep of 1 to 512 finds, and its share of the time of an exhaustive one; no store yet."""
    print(f"{'':<26}{'n':>6}{'time':>8}{'all':>8}{'share':>7}{'kept':>6}{'all':>6}{'regret':>8}")
    for op, dimension, height in REAL:
        for platform in PLATFORMS:
            every, all_s = measured(op, dimension, height, platform, "exhaustive", store)
            other = f"{store}.{op}.{platform.replace(':', '_')}"
            found, some_s = measured(op, dimension, height, platform, "adaptive", other)
            law = np.array([every.latency(n) for n in range(1, 513)])
            curve = Curve("", "", None, 1, law, (), np.empty(0, dtype=int), law, law, 0.0)
            lost = regret(found.best_channels(), curve)
            kept = len(found.best_channels()), len(every.best_channels())
            times = f"{some_s:>7.0f}s{all_s:>7.0f}s{some_s / all_s:>7.2f}"
            print(f"{op + ' ' + platform:<26}{len(found.measured):>6}{times}{kept[0]:>6}{kept[1]:>6}{lost:>8.2%}")
            print(f"    all:      {every.describe()}\n    adaptive: {found.describe()}", flush=True)


def measured(op: str, dimension: str, height: int, platform: str, sampling: str, store: str) -> tuple[StepMap, float]:
    layer = nb.Layer(op=op, height=height, in_channels=32, kernel=3, **({"out_channels": 32} if op == "conv" else {}))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NNBEHAVE_CACHE_DIR"] = cache
        results = nb.sweep(
            layer=layer, dimension=dimension, values=range(1, 513), platforms=platform, store=store, sampling=sampling
        )
    seconds = time.monotonic() - began
    return results.step_map(platform=platform, dimension=dimension), seconds


if __name__ == "__main__":
    main()

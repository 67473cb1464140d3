"""How well a latency table prices random networks of a search space, beside what else prices them.

    python benchmarks/latency_table.py [--platform tflite] [--space ofa_mobilenet_v3] [--networks 100]    # some minutes

Every layer that a network of the space can have is measured in isolation in two contexts, ``network`` and ``cold``,
and the machine's curve beside them. Then random networks are measured whole, in a loop and cold, each twice, in other
sessions, minutes apart: what a machine drifts meanwhile is in the errors, and in those of the networks measured again.
Beside the table, trained on the same measured layers and summed over a network: latency as a line over OPs, and a
random forest over a layer's shape (nn-Meter's kind of predictor, which its paper says is within 10 % for 99 % of
networks on a mobile CPU).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import timeit
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

import nnbehave as nb
from nnbehave.studies import measure_reuse_curve

FEATURES = ("height", "in_channels", "out_channels", "kernel", "stride", "expansion", "ops", "mac")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--space", default="ofa_mobilenet_v3")
    parser.add_argument("--networks", type=int, default=100)
    given = parser.parse_args()
    space = nb.load_space(given.space)
    networks = [space.sample(seed) for seed in range(given.networks)]
    with tempfile.TemporaryDirectory() as scratch:
        store = str(Path(scratch) / "layers.db")
        seconds = []
        for context in ("network", "cold"):
            start = time.perf_counter()
            nb.sweep(space.unrolled(), platforms=given.platform, store=store, context=context)
            seconds.append(time.perf_counter() - start)
        curve = measure_reuse_curve(given.platform)
        table = nb.LatencyTable.from_results(nb.load_results(store), curve=curve)
    new = [space.sample(seed) for seed in range(1000, 2000)]
    micros = timeit.timeit(lambda: [table.latency(network) for network in new], number=1) / len(new) * 1e6
    print(f"\n{table}\n{curve}")
    print(f"  pricing a network that was not priced before takes {micros:.0f} microseconds")
    first, second = seconds
    print(f"  the layers took {first:.0f} s in the first context, with converting, and {second:.0f} s in the second")
    for context in ("loop", "cold"):
        judge(table, networks, space, given.platform, context)


def judge(table: nb.LatencyTable, networks: list[nb.Graph], space: nb.Space, platform: str, context: str) -> None:
    """Measure networks twice in a context, and print how far each way to price them is off."""
    first, second = (nb.measure(networks, platform, method="whole", context=context).frame for _ in range(2))
    known = {layer.id: layer for layer in space.unrolled().layers}
    measured, again = (frame["latency_ms"].to_numpy() for frame in (first, second))
    good = np.isfinite(measured) & np.isfinite(again)
    span = f"{measured[good].min():.3g} to {measured[good].max():.3g} ms"
    print(f"\n{context}: {good.sum()} of {len(networks)} networks of {space.name} have a latency, {span}")

    def report(name: str, predicted: np.ndarray) -> None:
        """Print how far predictions are off."""
        error = predicted[good] / measured[good] - 1
        ranks = spearmanr(predicted[good], measured[good])[0]
        print(
            f"  {name:<34} mean error {np.abs(error).mean():6.2%} (bias {error.mean():+.2%}), within 10 %: "
            f"{(np.abs(error) < 0.1).mean():4.0%}, rank correlation {ranks:.4f}"
        )

    def summed(of_layer: dict[str, float]) -> np.ndarray:
        return np.array([sum(of_layer[layer.id] for layer in network.layers) for network in networks])

    report("the same networks measured again", again)
    report("latency table, in this context", np.array([table.latency(network, context) for network in networks]))
    without = replace(table, curve=None)
    report("the same without the curve", np.array([without.latency(network, context) for network in networks]))
    report("latency table, in its own context", np.array([table.latency(network) for network in networks]))
    x = pd.DataFrame([features(known[name]) for name in table.entries]).fillna(0.0)
    y = np.array([entry.latency_ms for entry in table.entries.values()])
    slope, base = np.polyfit(x["ops"], y, 1)
    report("OPs", summed({name: base + slope * layer.ops for name, layer in known.items()}))
    forest = RandomForestRegressor(200, random_state=0).fit(x, y)
    seen = pd.DataFrame([features(layer) for layer in known.values()]).reindex(columns=x.columns).fillna(0.0)
    report("random forest", summed(dict(zip(known, forest.predict(seen), strict=True))))


def features(layer: nb.Layer) -> dict[str, float]:
    """Return what a predictor sees of a layer."""
    return {name: float(getattr(layer, name) or 0) for name in FEATURES} | {f"op={layer.op}": 1.0}


if __name__ == "__main__":
    main()

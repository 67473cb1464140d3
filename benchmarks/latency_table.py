"""How well a latency table prices random networks of a search space, beside what else prices them.

    python benchmarks/latency_table.py [--platform tflite] [--space ofa_mobilenet_v3] [--networks 100]    # some minutes

Every layer that a network of the space can have is measured in isolation, then random networks whole, twice, in other
sessions. Errors are of latencies relative to each session's reference layers, since a machine is not as fast an hour
later; the plain ones in ms stand beside them. Beside the table, trained on the same measured layers and summed over a
network: latency as a line over OPs, and a random forest over a layer's shape (nn-Meter's kind of predictor, which its
paper says is within 10 % for 99 % of networks on a mobile CPU).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

import nnbehave as nb

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
        layers = nb.sweep(space.unrolled(), platforms=given.platform, store=store)
        first, second = (nb.measure(networks, given.platform, method="whole").frame for _ in range(2))
    table = nb.LatencyTable.from_results(layers)
    relative = dict(zip(layers.frame["subject"], layers.frame["relative_latency"], strict=True))
    known = {layer.id: layer for layer in space.unrolled().layers}
    measured = first["relative_latency"].to_numpy()
    print(
        f"\n{table}; {len(networks)} networks of {space.name}, {first['latency_ms'].min():.3g} to "
        f"{first['latency_ms'].max():.3g} ms"
    )
    again = second["relative_latency"].to_numpy()
    report("the same networks measured again", again, measured)
    report("latency table", np.array([sum(relative[layer.id] for layer in net.layers) for net in networks]), measured)
    report("latency table, in ms", np.array([table.latency(net) for net in networks]), first["latency_ms"].to_numpy())
    x = pd.DataFrame([features(known[name]) for name in relative]).fillna(0.0)
    y = np.array(list(relative.values()))
    slope, base = np.polyfit(x["ops"], y, 1)
    report("OPs", np.array([sum(base + slope * layer.ops for layer in net.layers) for net in networks]), measured)
    forest = RandomForestRegressor(200, random_state=0).fit(x, y)
    of_layer = dict(zip(known, forest.predict(columns_of(known.values(), x.columns)), strict=True))
    report("random forest", np.array([sum(of_layer[layer.id] for layer in net.layers) for net in networks]), measured)


def features(layer: nb.Layer) -> dict[str, float]:
    """Return what a predictor sees of a layer."""
    return {name: float(getattr(layer, name) or 0) for name in FEATURES} | {f"op={layer.op}": 1.0}


def columns_of(layers, columns) -> pd.DataFrame:
    return pd.DataFrame([features(layer) for layer in layers]).reindex(columns=columns).fillna(0.0)


def report(name: str, predicted: np.ndarray, measured: np.ndarray) -> None:
    """Print how far predictions are off."""
    error = predicted / measured - 1
    print(
        f"  {name:<34} mean error {np.abs(error).mean():6.2%} (bias {error.mean():+.2%}), within 10 %: "
        f"{(np.abs(error) < 0.1).mean():4.0%}, rank correlation {spearmanr(predicted, measured)[0]:.4f}"
    )


if __name__ == "__main__":
    main()

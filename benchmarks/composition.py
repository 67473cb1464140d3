"""Does a network cost what its layers cost? Networks nobody tuned to, whole and as the sum of their layers.

    python benchmarks/composition.py [--platform tflite] [--context loop] [--random 3]      # about a minute a network

The networks are ten that were written for this, with other balances of weights and activations than the usual ones,
and random ones of three search spaces. A network and all its layers are measured in the rounds of one session. Beside
the sum in the network's own context stands the sum of layers that run alone, over and over: the paper's way.
"""

from __future__ import annotations

import argparse

import pandas as pd

import nnbehave as nb
from nnbehave.design.networks import NetworkBuilder
from nnbehave.studies import check_composition

SPACES = ("ofa_mobilenet_v3", "proxyless", "metapruning_mobilenet_v1")
SHOWN = ["network", "layers", "whole_ms", "error", "error_low", "error_high", "warm_error"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--context", default="loop")
    parser.add_argument("--random", type=int, default=3, help="networks of each search space")
    parser.add_argument("--only", nargs="*", help="names of networks, such as vgg_32 or proxyless_0")
    given = parser.parse_args()
    networks = own() | {
        f"{name}_{seed}": nb.load_space(name).sample(seed) for name in SPACES for seed in range(given.random)
    }
    chosen = {name: graph for name, graph in networks.items() if not given.only or name in given.only}
    tables = []
    for name, network in chosen.items():
        found = check_composition({name: network}, given.platform, context=given.context, progress=False)
        print(found, flush=True)
        tables.append(found.frame)
    table = pd.concat(tables, ignore_index=True)
    print(f"\n{given.platform}, {given.context}\n{table[SHOWN].round(4).to_string(index=False)}")
    for column, what in (("error", "in context"), ("warm_error", "alone, over and over")):
        off = table[column].abs()
        print(
            f"{what:<22} median error {off.median():.1%}, within 4 %: {(off <= 0.04).mean():.0%}, beyond 8 %: "
            f"{(off > 0.08).sum()} of {len(off)}, bias {table[column].mean():+.1%}"
        )
    holds = (table["error_low"] <= 0) & (table["error_high"] >= 0)
    width = ((table["error_high"] - table["error_low"]) / 2).median()
    print(f"intervals that hold zero: {holds.mean():.0%}; median half-width {width:.1%}")


def own() -> dict[str, nb.Graph]:
    """Return ten networks whose weights and activations are balanced otherwise than in the usual ones."""
    deep = [(16, 1)] * 20
    return {
        "vgg_32": plain(32, [(64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1)]),
        "vgg_small_48": plain(48, [(32, 1), (64, 2), (128, 2), (256, 2), (256, 1)]),
        "wide_and_short": plain(28, [(256, 1), (512, 2)]),
        "deep_and_thin": plain(64, deep),
        "large_images": plain(256, [(16, 2), (16, 1), (32, 2), (32, 1)]),
        "dense_heavy": dense((1024, 2048, 2048, 1024)),
        "dense_small": dense((128, 128, 128)),
        "depthwise_only": depthwise(112, 32, 10),
        "mobilenet_v1_half_160": separable(160, 0.5),
        "mobilenet_v1_quarter_96": separable(96, 0.25),
    }


def plain(size: int, layers: list[tuple[int, int]]) -> nb.Graph:
    """Return 3×3 convolutions of these channels and strides, then a classifier."""
    network = NetworkBuilder((size, size, 3))
    for channels, stride in layers:
        network.add("conv", out_channels=channels, kernel=3, stride=stride, activation="relu")
    network.add("globalavgpool")
    network.add("dense", out_channels=10)
    return network.graph()


def dense(widths: tuple[int, ...]) -> nb.Graph:
    """Return a small convolution, then dense layers of these widths."""
    network = NetworkBuilder((16, 16, 3))
    network.add("conv", out_channels=64, kernel=3, stride=2, activation="relu")
    network.add("globalavgpool")
    for width in widths:
        network.add("dense", out_channels=width, activation="relu")
    return network.graph()


def depthwise(size: int, channels: int, count: int) -> nb.Graph:
    """Return a first convolution, then depthwise ones alone."""
    network = NetworkBuilder((size, size, 3))
    network.add("conv", out_channels=channels, kernel=3, stride=2, activation="relu6")
    for _ in range(count):
        network.add("dwconv", kernel=3, activation="relu6")
    network.add("globalavgpool")
    network.add("dense", out_channels=10)
    return network.graph()


def separable(size: int, width: float) -> nb.Graph:
    """Return a MobileNetV1 of another size and width."""
    network = NetworkBuilder((size, size, 3))
    network.add("conv", out_channels=int(32 * width), kernel=3, stride=2, activation="relu6")
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in blocks:
        network.add("dwconv", kernel=3, stride=stride, activation="relu6")
        network.add("conv", out_channels=int(channels * width), kernel=1, activation="relu6")
    network.add("globalavgpool")
    network.add("dense", out_channels=1000)
    return network.graph()


if __name__ == "__main__":
    main()

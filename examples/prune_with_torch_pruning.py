"""Prunes a network with Torch-Pruning by a uniform ratio, and to widths at the ends of a platform's steps.

    pip install "nnbehave[tensorflow,litert]" torch torch-pruning scikit-learn
    python examples/prune_with_torch_pruning.py [--platform tflite] [--ratio 0.45]         # a minute or two

A network of three convolutions is trained on scikit-learn's digits. Torch-Pruning prunes it twice to about the same
number of channels: by one ratio for all layers, and to the nearest widths that are worth keeping on the platform. The
steps are measured over the output channels of the last convolution; the other convolutions differ from it only in
channels, and get the same steps. Both pruned networks are fine-tuned equally, and measured whole. The digits are easy
and the test images few, so the figures hold for this example, not for pruning in general.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from copy import deepcopy
from itertools import pairwise
from typing import Any

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import KeepPareto

try:
    import torch
    import torch_pruning as tp
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}: pip install torch torch-pruning scikit-learn") from None

SIZE, CLASSES, WIDTHS = 8, 10, (64, 96, 128)
EPOCHS, FINE_TUNING_EPOCHS, BATCH, RATE = 8, 4, 64, 0.002


def make_network() -> torch.nn.Sequential:
    """Return a network of convolutions, each with batch normalisation and ReLU."""
    torch.manual_seed(0)
    parts: list[tuple[str, torch.nn.Module]] = []
    for i, (before, width) in enumerate(pairwise((1, *WIDTHS)), 1):
        convolution = torch.nn.Conv2d(before, width, 3, padding=1, bias=False)
        parts += [(f"conv{i}", convolution), (f"norm{i}", torch.nn.BatchNorm2d(width)), (f"relu{i}", torch.nn.ReLU())]
    parts += [("pool", torch.nn.AdaptiveAvgPool2d(1)), ("flatten", torch.nn.Flatten())]
    return torch.nn.Sequential(OrderedDict([*parts, ("classify", torch.nn.Linear(WIDTHS[-1], CLASSES))]))


class Digits:
    """Images of digits to train and test networks."""

    def __init__(self) -> None:
        x, y = load_digits(return_X_y=True)
        x = (x / 16).astype("float32").reshape(-1, 1, SIZE, SIZE)
        parts = train_test_split(x, y, test_size=0.4, random_state=0)
        self.train_x, self.test_x, self.train_y, self.test_y = map(torch.from_numpy, parts)

    def train(self, network: torch.nn.Module, epochs: int) -> None:
        torch.manual_seed(0)
        network.train()
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(epochs):
            for batch in torch.randperm(len(self.train_x)).split(BATCH):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(network(self.train_x[batch]), self.train_y[batch]).backward()
                optimiser.step()

    @torch.no_grad()
    def accuracy(self, network: torch.nn.Module) -> float:
        """Return the share of the test images that a network classifies correctly."""
        network.eval()
        return (network(self.test_x).argmax(1) == self.test_y).float().mean().item()


def convolutions(network: torch.nn.Module) -> dict[str, nb.Layer]:
    """Return the convolutions of a network by name; batch normalisation is folded into them."""
    like = nb.Layer(op="conv", height=SIZE, in_channels=1, out_channels=1, kernel=3, activation="relu")
    return {
        name: like.replace(in_channels=module.in_channels, out_channels=module.out_channels)
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Conv2d)
    }


def as_graph(network: torch.nn.Module) -> nb.Graph:
    """Return the graph to measure: the layers of a network. Their weights do not matter to latency."""
    layers = list(convolutions(network).values())
    pool = nb.Layer(op="globalavgpool", height=SIZE, in_channels=layers[-1].out_channels)
    return nb.Graph([*layers, pool, nb.Layer(op="dense", in_channels=pool.in_channels, out_channels=CLASSES)])


def widths_worth_keeping(network: torch.nn.Module, platform: str, store: str | None) -> nb.PrunedSpace:
    """Return the space of a network's widths, without those for which a wider layer is at most 5 % slower."""
    slots = tuple(
        Slot(name, layer, {"out_channels": tuple(range(4, layer.out_channels + 1))}, follows=layer.in_channels > 1)
        for name, layer in convolutions(network).items()
    )
    swept = {"layer": slots[-1].base, "dimension": "out_channels", "values": slots[-1].choices["out_channels"]}
    found = nb.sweep(**swept, platforms=platform, store=store, sampling="adaptive").step_map()
    print(found)
    return nb.prune(Space("digits", (Stage("all", slots),)), found, rules=[KeepPareto(tolerance=0.05)])


def nearest(widths: list[int], wanted: float) -> int:
    """Return the width closest to the wanted one."""
    return min(widths, key=lambda width: abs(width - wanted))


def prune(trained: torch.nn.Module, **how: Any) -> torch.nn.Module:
    """Return a pruned copy of a network; ``how`` has the arguments of a pruner, with modules by name."""
    network = deepcopy(trained)
    if ratios := how.get("pruning_ratio_dict"):
        how["pruning_ratio_dict"] = {network.get_submodule(name): ratio for name, ratio in ratios.items()}
    importance, example = tp.importance.GroupMagnitudeImportance(p=2), torch.zeros(1, 1, SIZE, SIZE)
    tp.pruner.MagnitudePruner(network, example, importance, ignored_layers=[network.classify], **how).step()
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="tflite")
    parser.add_argument("--ratio", type=float, default=0.45, help="the share of each layer's channels to prune")
    parser.add_argument("--store", default=None, help="where to keep the measurements")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the network is too small to gain from more threads
    digits, trained = Digits(), make_network()
    digits.train(trained, EPOCHS)
    pruned = widths_worth_keeping(trained, given.platform, given.store)
    left = {name: of["out_channels"] for name, of in pruned.choices().items()}
    print("\n".join(f"  {name}: {widths}" for name, widths in left.items()))
    layers = convolutions(trained)
    channels = {name: nearest(left[name], layers[name].out_channels * (1 - given.ratio)) for name in left}
    networks = {
        "not pruned": trained,
        "uniform ratio": prune(trained, pruning_ratio=given.ratio),
        "worth keeping": prune(trained, **pruned.export("torch_pruning", channels=channels)),
    }
    for network in networks.values():
        digits.train(network, FINE_TUNING_EPOCHS)
    graphs = [as_graph(network) for network in networks.values()]
    rows = nb.measure(graphs, given.platform, given.store).frame.set_index("subject")
    print(f"\n{'':<14} {'channels':<10} {'multiply-adds':>13} {'accuracy':>8}  latency in ms (95 % interval)")
    for (name, network), graph in zip(networks.items(), graphs, strict=True):
        row = rows.loc[graph.id]
        widths = "+".join(str(layer.out_channels) for layer in convolutions(network).values())
        interval = f"{row.latency_ms:.4f} ({row.latency_low_ms:.4f} to {row.latency_high_ms:.4f})"
        print(f"{name:<14} {widths:<10} {graph.ops:>13,} {digits.accuracy(network):>8.3f}  {interval}")


if __name__ == "__main__":
    main()

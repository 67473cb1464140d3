"""How far step maps shrink MetaPruning's space of MobileNetV1: as the paper counts, and with its own candidates.

    pip install "nnbehave[all]"
    python examples/metapruning_mobilenet_v1.py [--lost] [--platform tflite …]         # a few minutes for each platform

The paper (section 5) writes 30^14 to 4^14, as if each of the 14 layers had the 30 candidates of the first.
MetaPruning's own candidates are 3 % of a layer's channels apart. In a wide layer that is often more than the width of a
latency step, so nearly every candidate is the best of its step. The steps of a platform are measured over the output
channels of one convolution of MobileNetV1, and transferred to the other layers. ``--lost`` adds the networks that
MetaPruning's space loses if the latency of a layer is proportional to the channels that it reads: fewer channels make
the next layer faster too, which a step map does not show.
"""

from __future__ import annotations

import argparse

import numpy as np

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import KeepPareto

LAYER = nb.Layer(op="conv", height=14, in_channels=512, out_channels=512, kernel=1, activation="relu6")
HIGH = 1024  # channels of the widest layer


def paper_space() -> Space:
    """Return a space of 14 layers with 3 to 32 channels each, as the paper counts."""
    base = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=1, activation="relu6")
    slots = (Slot(f"conv{i}", base, {"out_channels": tuple(range(3, 33))}) for i in range(1, 15))
    return Space("paper", (Stage("all", tuple(slots)),))


def ideal(width: int) -> nb.StepMap:
    """Return the step map of a staircase of some width."""
    n = np.arange(1, HIGH + 1)
    return nb.detect_steps(n, np.ceil(n / width) * 0.1, np.full(n.size, 1e-6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", default=[], help="a platform to measure; may be repeated")
    parser.add_argument("--lost", action="store_true", help="print what the smaller space has lost")
    parser.add_argument("--tolerance", type=float, default=0.0, help="the share that still counts as equally fast")
    parser.add_argument("--keep-smallest", action="store_true", help="keep the smallest width of each layer too")
    parser.add_argument("--store", default=None, help="where to keep the measurements")
    given = parser.parse_args()
    spaces = paper_space(), nb.load_space("metapruning_mobilenet_v1")
    print(f"{'step map':<44} {'paper, 30 candidates':>21} {'MetaPruning, its own':>21}")
    rules = [KeepPareto(tolerance=given.tolerance, keep_smallest=given.keep_smallest)]
    for width in (8, 16, 32, 64):
        _, pruned = line(f"staircase of width {width}", ideal(width), spaces, rules=rules, dimension="out_channels")
        if given.lost:
            lose(pruned, width)
    for platform in given.platform:
        results = nb.sweep(
            layer=LAYER,
            dimension="out_channels",
            values=range(3, HIGH + 1),
            platforms=platform,
            sampling="adaptive",
            store=given.store,
        )
        found = results.step_map(platform=platform)
        line(f"{platform}: {found.kind} {found.width or ''}", found, spaces, rules=rules, transfer=True)


def line(name: str, found: nb.StepMap, spaces: tuple[Space, ...], **how: object) -> list[nb.PrunedSpace]:
    """Print how far each space shrinks, and return the pruned spaces."""
    shrunk = [nb.prune(space, found, **how) for space in spaces]
    print(f"{name:<44} " + " ".join(f"{f'10^{pruned.log10_reduction:.2f}':>21}" for pruned in shrunk))
    return shrunk


def lose(pruned: nb.PrunedSpace, width: int) -> None:
    """Print the capacity that is left, at the budgets that some network left meets."""

    def latency(layer: nb.Layer) -> float:
        reads = 1 if layer.op == "dwconv" else layer.in_channels
        return (
            -(-layer.out_channels // width) * width * reads * (layer.kernel * layer.height / layer.stride) ** 2 * 1e-9
        )

    for capacity in ("channels", "ops"):
        lost = nb.what_was_lost(pruned, latency, capacity)
        reached = lost.frame[lost.frame["pruned"] > 0]
        slower = lost.pruned_fastest_ms / lost.fastest_ms - 1
        print(
            f"  the fastest network is {slower:.1%} slower; at {len(reached)} of {len(lost.frame)} budgets one is "
            f"left, with {reached['kept'].min():.1%} of the {capacity} or more"
        )


if __name__ == "__main__":
    main()

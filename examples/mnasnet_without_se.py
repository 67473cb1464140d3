"""Removes squeeze-and-excitation from MnasNet's space if a platform is slow at it: the paper's 32 times (section 5).

    pip install "nnbehave[all]"
    python examples/mnasnet_without_se.py [--platform ethos-u:u55-256 --platform tflite]       # some two minutes

Each of the five blocks of the space may have squeeze-and-excitation or not. On a CPU it costs little. On an NPU that is
slow at averaging a whole feature map, or at multiplying it by a vector, it costs several times the block. There the
space halves once for each block.
"""

from __future__ import annotations

import argparse

import nnbehave as nb

SHAPES = ("height", "in_channels", "kernel", "stride")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", default=[], help="may be repeated")
    parser.add_argument("--store", default=None, help="where to keep the measurements")
    given = parser.parse_args()
    space = nb.load_space("mnasnet")
    layers = [slot.base.replace(op=op) for slot in space.slots for op in slot.choices.get("op", ())]
    for platform in given.platform or ["ethos-u:u55-256", "tflite"]:
        results = nb.measure(layers, platforms=platform, store=given.store)
        blocks = nb.compare_blocks(results, base="mobilenet_v2")
        pruned = nb.prune(space, blocks)
        print(f"\n{platform}: {pruned}; 2^{len(pruned.removals)} = {pruned.reduction}")
        rows = blocks.frame[blocks.frame["op"] == "mobilenet_v2_se"]
        for row in rows.to_dict("records"):
            shape = ", ".join(f"{name} {row[name]:g}" for name in SHAPES)
            cost = f"{row['relative']:.2f}x ({row['relative_low']:.2f} to {row['relative_high']:.2f})"
            print(f"  with SE, {shape}: {cost}, {row['relative_ops']:.3f}x the OPs")


if __name__ == "__main__":
    main()

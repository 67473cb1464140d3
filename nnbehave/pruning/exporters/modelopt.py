"""NVIDIA ModelOpt: the search space of its modes ``fastnas`` and ``autonas``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, Widths, check_slots, refusal, widths


class ModelOptExporter(Exporter):
    """The configuration of a mode: ``mtn.convert(model, mode=[("fastnas", data)])``.

    ModelOpt lets a width be what every layer allows that reads or makes it, and has one list for what a convolution
    reads and what it makes. So lists of single layers are exact only in batch normalisations, which have one width:
    ``norms`` gives the name of the one that follows each slot. Without it, every layer gets the same divisor, where
    what is left of each slot is all its multiples.
    """

    name = "modelopt"

    def convert(self, pruned: PrunedSpace, *, norms: Mapping[str, str] | None = None) -> dict[str, Any]:
        left = widths(pruned, "ModelOpt")
        for slot, each in left.items():
            if each.kept[-1] != each.original:
                why = f"always has the layer's own width, {each.original}, which is none of those left"
                raise refusal("ModelOpt", slot, "out_channels", why)
        if norms is None:
            return _rules(_divisor(left), {})
        check_slots("norms", norms, left)
        for slot in left.keys() - norms.keys():
            raise refusal("ModelOpt", slot, "out_channels", "needs the name of its batch normalisation in norms=")
        lists = {norms[slot]: [width / each.original for width in each.kept] for slot, each in left.items()}
        return _rules(1, {name: {"feature_divisor": 1, "features_ratio": ratios} for name, ratios in lists.items()})


def _rules(divisor: int, norms: dict[str, Any]) -> dict[str, Any]:
    """Return the rules of every kind of layer; of those that match a module, the later ones win."""
    features = {"feature_divisor": divisor, "features_ratio": None}  # None: all that the divisor leaves
    return {
        "nn.Conv2d": {"*": {"channel_divisor": divisor, "channels_ratio": None, "kernel_size": []}},
        "nn.BatchNorm2d": {"*": features, **norms},
        "nn.Linear": {"*": features},
    }


def _divisor(left: dict[str, Widths]) -> int:
    """Return the number that all widths left are multiples of, and all multiples of which are left."""
    divisor = math.gcd(*(width for each in left.values() for width in each.kept if width != each.original))
    for slot, each in left.items():
        if divisor == 0 or {*range(divisor, each.original, divisor), each.original} != set(each.kept):
            why = f"takes one divisor for all layers, and these widths are not all multiples of {divisor or 'one'}"
            raise refusal("ModelOpt", slot, "out_channels", f"{why}; name its batch normalisation in norms=")
    return divisor

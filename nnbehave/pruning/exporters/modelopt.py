"""NVIDIA ModelOpt: the search space of its modes ``fastnas`` and ``autonas``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import Widths, check_slots, refusal, widths

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace

_Features = dict[str, int | list[float] | None]
Rules = dict[str, dict[str, _Features]]  # by the kind of the layers, then by the name of the module


class ModelOptExporter(Exporter):
    """The configuration of a mode: ``mtn.convert(model, mode=[("fastnas", data)])``.

    In ModelOpt a width takes the values that all layers allow that read or make it, and a convolution has one list for
    its input and output channels. So lists for single layers are exact only in batch normalisations, which have one
    width.
    """

    name = "modelopt"

    def convert(self, pruned: PrunedSpace, *, norms: Mapping[str, str] | None = None) -> Rules:
        """Return the configuration.

        Parameters
        ----------
        pruned : PrunedSpace
        norms : mapping of str to str, optional
            Slot to the name of the batch normalisation after it. By default all layers get one divisor, which is
            possible if each slot has all multiples of it left and no other widths.

        Raises
        ------
        InvalidInputError
            The space has choices other than output channels, a layer's own width is not left, there is no such divisor,
            or ``norms`` leaves a slot out or names another one.
        """
        left = widths(pruned, "ModelOpt")
        for slot, each in left.items():
            if each.kept[-1] != each.original:
                why = f"always has the layer's own width, {each.original}, which was removed"
                raise refusal("ModelOpt", slot, "out_channels", why)
        if norms is None:
            return _rules(_divisor(left), {})
        check_slots("norms", norms, left)
        if missing := [slot for slot in left if slot not in norms]:
            raise refusal("ModelOpt", missing[0], "out_channels", "needs the name of its batch normalisation in norms=")
        ratios = {norms[slot]: [width / each.original for width in each.kept] for slot, each in left.items()}
        return _rules(1, {name: {"feature_divisor": 1, "features_ratio": some} for name, some in ratios.items()})


def _rules(divisor: int, norms: Mapping[str, _Features]) -> Rules:
    """Return the rules for each kind of layer. If several rules match a module, the last one wins."""
    features: _Features = {"feature_divisor": divisor, "features_ratio": None}  # None: all multiples of the divisor
    return {
        "nn.Conv2d": {"*": {"channel_divisor": divisor, "channels_ratio": None, "kernel_size": []}},
        "nn.BatchNorm2d": {"*": features, **norms},
        "nn.Linear": {"*": features},
    }


def _divisor(left: Mapping[str, Widths]) -> int:
    """Return the number whose multiples are exactly the widths that each slot has left."""
    divisor = math.gcd(*(width for each in left.values() for width in each.kept if width != each.original))
    for slot, each in left.items():
        if divisor == 0 or {*range(divisor, each.original, divisor), each.original} != set(each.kept):
            why = "takes one divisor for all layers, and no number has exactly the widths left as its multiples"
            raise refusal("ModelOpt", slot, "out_channels", f"{why}; name its batch normalisation in norms=")
    return divisor

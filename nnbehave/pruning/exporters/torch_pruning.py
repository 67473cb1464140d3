"""Torch-Pruning: the pruning ratios of one network of the space, which give exactly its widths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import Widths, check_slots, refusal, widths

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


class TorchPruningExporter(Exporter):
    """``pruning_ratio``, ``pruning_ratio_dict`` and ``round_to`` of one network, as Torch-Pruning's pruners take them.

    Torch-Pruning prunes each layer to one width and takes no lists, so one network of the space is exported. Replace
    the keys of ``pruning_ratio_dict`` by the modules of these names, ``dict(model.named_modules())[name]``. Layers that
    are not in it keep their width, by a ``pruning_ratio`` of 0. ``round_to`` is the common divisor of the widths left,
    without the layers' own widths, or None. Layers whose widths are tied, by a residual connection for example, are
    pruned to the width of one of them: choose the same width for all.
    """

    name = "torch_pruning"

    def convert(
        self,
        pruned: PrunedSpace,
        *,
        channels: Mapping[str, int] | None = None,
        pruning_ratio: float = 0.5,
        modules: Mapping[str, str] | None = None,
    ) -> dict[str, float | dict[str, float] | None]:
        """Return the arguments of a pruner for one network.

        Parameters
        ----------
        pruned : PrunedSpace
        channels : mapping of str to int, optional
            The width of each slot, one of those left.
        pruning_ratio : float
            The largest share of channels to prune in a slot that ``channels`` leaves out. The slot gets the smallest
            width left that keeps the others, because a width between two steps costs as much as the upper step. If no
            width keeps them, it gets the largest.
        modules : mapping of str to str, optional
            Slot to the name of its module. By default the slot's own name.

        Raises
        ------
        InvalidInputError
            The space has choices other than output channels, an option names another slot, or a width is not left.
        """
        left = widths(pruned, "Torch-Pruning")
        channels, modules = channels or {}, modules or {}
        check_slots("channels", channels, left)
        check_slots("modules", modules, left)
        if not (isinstance(pruning_ratio, int | float) and 0 <= pruning_ratio < 1):
            raise InvalidInputError(f"pruning_ratio: expected a share from 0 to under 1, got {pruning_ratio!r}")
        ratios = {}
        for slot, each in left.items():
            if each.kept[-1] > each.original:
                raise refusal("Torch-Pruning", slot, "out_channels", f"widens no layer, and {each.kept[-1]} is wider")
            wanted = channels.get(slot, _at_least(each, pruning_ratio))
            if wanted not in each.kept:
                kept = ", ".join(map(str, each.kept))
                raise InvalidInputError(f"channels: expected one of {kept} for {slot!r}, got {wanted!r}")
            ratios[modules.get(slot, slot)] = _ratio(each.original, wanted)
        step = math.gcd(*(width for each in left.values() for width in each.kept if width != each.original))
        return {"pruning_ratio": 0.0, "pruning_ratio_dict": ratios, "round_to": step if step > 1 else None}


def _at_least(each: Widths, pruning_ratio: float) -> int:
    """Return the smallest width that prunes no more than a share of the channels; the largest if there is none."""
    fewest = each.original * (1 - pruning_ratio)
    return next((width for width in each.kept if width >= fewest), each.kept[-1])


def _ratio(original: int, wanted: int) -> float:
    """Return a ratio for which ``int(original · (1 − ratio))`` is the wanted width.

    The plain share loses a channel if the product falls short by a rounding error.
    """
    return 0.0 if wanted == original else 1 - (wanted + 0.5) / original

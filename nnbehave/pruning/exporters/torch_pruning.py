"""Torch-Pruning: the pruning ratios of one network of the space, which come out at exactly its widths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, Widths, check_slots, refusal, widths


class TorchPruningExporter(Exporter):
    """``pruning_ratio``, ``pruning_ratio_dict`` and ``round_to``, as its pruners take them.

    It prunes to one width a layer and takes no lists, so that one network of the space is exported. The keys of
    ``pruning_ratio_dict`` are to be replaced by the modules of these names, ``dict(model.named_modules())[name]``.
    Layers that are not in it keep their width, by a ``pruning_ratio`` of 0. ``round_to`` is what all widths left are
    multiples of, the layers' own aside, or None. Layers whose widths are tied, as by a residual connection, it prunes
    to the width of one of them: choose the same for all.
    """

    name = "torch_pruning"

    def convert(
        self,
        pruned: PrunedSpace,
        *,
        channels: Mapping[str, int] | None = None,
        pruning_ratio: float = 0.5,
        modules: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the arguments of a pruner for one network.

        Parameters
        ----------
        pruned : PrunedSpace
        channels : mapping of str to int, optional
            The width of each slot, of those that are left.
        pruning_ratio : float
            Of a slot that ``channels`` leaves out, the share of its channels that may go: it gets the smallest width
            left that keeps the others, since what lies between two steps costs as much as the upper one; the largest
            where none does.
        modules : mapping of str to str, optional
            Slot to the name of its module, by default the slot's own.

        Raises
        ------
        InvalidInputError
            The space has choices besides output channels, an option speaks of another slot, or a width is not left.
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
                raise InvalidInputError(f"channels: {slot!r} may have {_listed(each.kept)}, not {wanted!r}")
            ratios[modules.get(slot, slot)] = _ratio(each.original, wanted)
        step = math.gcd(*(width for each in left.values() for width in each.kept if width != each.original))
        return {"pruning_ratio": 0.0, "pruning_ratio_dict": ratios, "round_to": step if step > 1 else None}


def _at_least(each: Widths, pruning_ratio: float) -> int:
    fewest = each.original * (1 - pruning_ratio)
    return next((width for width in each.kept if width >= fewest), each.kept[-1])


def _ratio(original: int, wanted: int) -> float:
    """Return the ratio of which ``int(original · (1 − ratio))`` is what is wanted.

    The plain share loses a channel wherever the product falls a rounding error short.
    """
    return 0.0 if wanted == original else 1 - (wanted + 0.5) / original


def _listed(kept: list[int]) -> str:
    return ", ".join(map(str, kept))

"""Torch-Pruning: the pruning ratios of one network of the space, which come out at exactly its widths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, Widths, check_slots, widths


class TorchPruningExporter(Exporter):
    """``pruning_ratio``, ``pruning_ratio_dict`` and ``round_to``, as its pruners take them.

    It prunes to one width a layer and takes no lists, so that a network has to be chosen: ``channels`` (slot to width)
    names it, as far as it goes; every other slot gets the smallest width left that keeps at least ``1 - pruning_ratio``
    of its channels, since what lies between two steps costs as much as the upper one.

    The names in ``pruning_ratio_dict`` are those of ``modules`` (slot to the name of its module), else the slots';
    modules are had by ``dict(model.named_modules())[name]``. Other layers keep their width, by a ``pruning_ratio`` of
    0. ``round_to`` is what all widths left are multiples of, the layers' own aside, or None. Layers whose widths are
    tied, as by a residual connection, it prunes to the width of one of them: choose the same for all.
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
        left = widths(pruned, "Torch-Pruning")
        channels, modules = channels or {}, modules or {}
        check_slots("channels", channels, left)
        check_slots("modules", modules, left)
        if not (isinstance(pruning_ratio, int | float) and 0 <= pruning_ratio < 1):
            raise InvalidInputError(f"pruning_ratio: expected a share from 0 to under 1, got {pruning_ratio!r}")
        ratios = {}
        for slot, each in left.items():
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

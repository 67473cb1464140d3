"""MetaPruning (Liu et al., ICCV 2019): for each layer, indices into its list of channel scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import Widths, refusal, widths

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace

_SCALES = [(10 + 3 * i) / 100 for i in range(31)]  # `channel_scale` in its code


class MetaPruningExporter(Exporter):
    """Slot to indices into ``channel_scale``, with the slots in the order of its search vectors.

    An index ``i`` stands for ``int(C · channel_scale[i])`` channels of a layer that has C. If two indices give the same
    number of channels, the first is returned. MetaPruning's search draws and mutates over all 31 indices: change it to
    draw from these.
    """

    name = "metapruning"

    def convert(self, pruned: PrunedSpace) -> dict[str, list[int]]:
        return {slot: _indices(slot, each) for slot, each in widths(pruned, "MetaPruning").items()}


def _indices(slot: str, each: Widths) -> list[int]:
    """Return the first index that gives each width of a slot."""
    first: dict[int, int] = {}
    for index, scale in enumerate(_SCALES):
        first.setdefault(int(each.original * scale), index)
    if strange := [channels for channels in each.kept if channels not in first]:
        why = f"has no scale that makes {strange[0]} of {each.original} channels"
        hint = " (the space metapruning_mobilenet_v1_code has only widths with a scale)"
        raise refusal("MetaPruning", slot, "out_channels", why + hint)
    return [first[channels] for channels in each.kept]

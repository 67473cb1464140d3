"""MetaPruning: of each layer, indices into its list of channel scales (Liu et al., ICCV 2019)."""

from __future__ import annotations

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, Widths, refusal, widths

_SCALES = [(10 + 3 * i) / 100 for i in range(31)]  # `channel_scale` in its code


class MetaPruningExporter(Exporter):
    """Slot to indices into ``channel_scale``, slots in the order of its search vectors.

    An index ``i`` stands for ``int(C · channel_scale[i])`` channels of a layer that has C; where two give as many, the
    first is returned. Its search draws and mutates over all 31 indices: have it draw from these instead.
    """

    name = "metapruning"

    def convert(self, pruned: PrunedSpace) -> dict[str, list[int]]:
        return {slot: _indices(slot, each) for slot, each in widths(pruned, "MetaPruning").items()}


def _indices(slot: str, each: Widths) -> list[int]:
    first: dict[int, int] = {}
    for index, scale in enumerate(_SCALES):
        first.setdefault(int(each.original * scale), index)
    if strange := [channels for channels in each.kept if channels not in first]:
        why = f"has no scale that makes {strange[0]} of {each.original} channels"
        more = " (the space metapruning_mobilenet_v1_code holds those that it has)"
        raise refusal("MetaPruning", slot, "out_channels", why + more)
    return [first[channels] for channels in each.kept]

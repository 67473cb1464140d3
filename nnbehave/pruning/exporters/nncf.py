"""NNCF: the elastic widths of BootstrapNAS, which NNCF has up to version 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, check_slots, refusal, widths


class NNCFExporter(Exporter):
    """The part of an NNCF configuration that lists the widths of each layer, the original one first.

    ``nodes`` gives the names that a slot's layers have in NNCF's graph, such as ``"Net/NNCFConv2d[conv1]/conv2d_0"``:
    one, or all those that must be equally wide; slots that it leaves out go by their own names. The lists are given one
    by one (``overwrite_groups_widths``), since ``width_step`` counts down from a layer's own width.
    """

    name = "nncf"

    def convert(self, pruned: PrunedSpace, *, nodes: Mapping[str, str | Sequence[str]] | None = None) -> dict[str, Any]:
        left = widths(pruned, "BootstrapNAS")
        nodes = nodes or {}
        check_slots("nodes", nodes, left)
        groups, lists = [], []
        for slot, each in left.items():
            if each.kept[-1] != each.original:
                why = f"starts from the layer's own width, {each.original}, which is none of those left"
                raise refusal("BootstrapNAS", slot, "out_channels", why)
            names = nodes.get(slot, slot)
            groups.append([names] if isinstance(names, str) else list(names))
            lists.append(each.kept[::-1])
        width = {"overwrite_groups": groups, "overwrite_groups_widths": lists}
        elasticity = {"available_elasticity_dims": ["width"], "width": width}
        return {"bootstrapNAS": {"training": {"elasticity": elasticity}}}

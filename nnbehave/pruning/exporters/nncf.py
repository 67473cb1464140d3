"""NNCF: the elastic widths of BootstrapNAS, which NNCF has up to version 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import check_slots, refusal, widths

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


class NNCFExporter(Exporter):
    """The part of an NNCF configuration that lists the widths of each layer, the original one first.

    The widths are listed one by one (``overwrite_groups_widths``), because ``width_step`` counts down from a layer's
    own width. BootstrapNAS of NNCF 2.18 and 2.19 needs the environment variable ``NNCF_TORCH_LEGACY_TRACING=1``.
    """

    name = "nncf"

    def convert(
        self, pruned: PrunedSpace, *, nodes: Mapping[str, str | Sequence[str]] | None = None
    ) -> dict[str, object]:
        """Return the configuration.

        Parameters
        ----------
        pruned : PrunedSpace
        nodes : mapping of str to str or list of str, optional
            Slot to the name of its layer in NNCF's graph, such as ``"Net/NNCFConv2d[conv1]/conv2d_0"``, or to the names
            of all layers that must have the same width. By default the slot's own name.

        Raises
        ------
        InvalidInputError
            The space has choices other than output channels, a layer's own width is not left, or ``nodes`` names
            another slot.
        """
        left = widths(pruned, "BootstrapNAS")
        nodes = nodes or {}
        check_slots("nodes", nodes, left)
        groups, lists = [], []
        for slot, each in left.items():
            if each.kept[-1] != each.original:
                why = f"starts from the layer's own width, {each.original}, which was removed"
                raise refusal("BootstrapNAS", slot, "out_channels", why)
            names = nodes.get(slot, slot)
            groups.append([names] if isinstance(names, str) else list(names))
            lists.append(each.kept[::-1])
        width = {"overwrite_groups": groups, "overwrite_groups_widths": lists}
        elasticity = {"available_elasticity_dims": ["width"], "width": width}
        return {"bootstrapNAS": {"training": {"elasticity": elasticity}}}

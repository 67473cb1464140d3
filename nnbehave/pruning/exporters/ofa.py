"""Once-for-All: the kernels, expansions and depths that its supernet may choose (Cai et al., ICLR 2020)."""

from __future__ import annotations

from typing import Any

from nnbehave.design.space import Slot, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, refusal

_BLOCKS = ("mobilenet_v2", "mobilenet_v2_se")
_DIMENSIONS = ("kernel", "expansion")


class OFAExporter(Exporter):
    """``ks_list``, ``expand_list`` and ``depth_list``, and in ``constraints`` the lists of each block and stage.

    The three lists hold what any block has left: ``MobileNetArchEncoder`` takes them, and the supernet's constructor,
    which calls the second ``expand_ratio_list``. A supernet is to be built with the lists that it was trained with;
    ``net.set_constraint(values, kind)``, for each kind and its values in ``constraints``, then makes it sample what is
    left of each block, exactly. Blocks are those of the stages with a choice of depth, in order.
    """

    name = "ofa"

    def convert(self, pruned: PrunedSpace) -> dict[str, Any]:
        stages = [stage for stage in pruned.space.stages if stage.depth]
        longest = max((depth for stage in stages for depth in stage.depth or ()), default=0)
        for stage in pruned.space.stages:
            _check(stage, longest)
        blocks = [slot for stage in stages for slot in stage.slots]
        constraints = {
            "kernel_size": [list(slot.choices.get("kernel", (slot.base.kernel,))) for slot in blocks],
            "expand_ratio": [_expansions(slot) for slot in blocks],
            "depth": [list(stage.depth or ()) for stage in stages],
        }
        lists = {
            name: sorted({value for values in each for value in values})
            for name, each in zip(("ks_list", "expand_list", "depth_list"), constraints.values(), strict=True)
        }
        return {**lists, "constraints": constraints}


def _check(stage: Stage, longest: int) -> None:
    """Refuse what a supernet of Once-for-All has no choice of."""
    if longest == 0:
        raise InvalidInputError("Once-for-All chooses within stages with a choice of depth, and there are none")
    if stage.depth and len(stage.slots) != longest:
        why = f"every stage of Once-for-All has as many blocks as the greatest depth, {longest}"
        raise InvalidInputError(f"stage {stage.name!r}, depth: {why}, and this one has {len(stage.slots)}")
    for slot in stage.slots:
        if slot.optional:
            raise refusal("Once-for-All", slot.name, "optional", "leaves blocks out by a stage's depth alone")
        if stage.depth and slot.base.op not in _BLOCKS:
            raise refusal("Once-for-All", slot.name, "op", f"has blocks of {' and '.join(_BLOCKS)}, not {slot.base.op}")
        for dimension in (*slot.choices, *slot.unmeasured):
            if dimension not in _DIMENSIONS:
                raise refusal("Once-for-All", slot.name, dimension, f"chooses {' and '.join(_DIMENSIONS)} of a block")
            if not stage.depth:
                raise refusal("Once-for-All", slot.name, dimension, "chooses only in stages with a choice of depth")


def _expansions(slot: Slot) -> list[int]:
    """Return them as the integers that Once-for-All encodes."""
    ratios = slot.choices.get("expansion", (slot.base.expansion,))
    for ratio in ratios:
        if int(ratio) != ratio:
            raise refusal("Once-for-All", slot.name, "expansion", f"takes whole ratios, not {ratio}")
    return [int(ratio) for ratio in ratios]

"""Once-for-All (Cai et al., ICLR 2020): the choices that its supernet may make, and its look-up table of latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.base import Exporter, TableExporter
from nnbehave.pruning.exporters.choices import refusal

if TYPE_CHECKING:
    from nnbehave.pruning.latency_table import LatencyTable
    from nnbehave.pruning.pruned_space import PrunedSpace

_TOOL = "Once-for-All"
_BLOCK_WITH_SE = "mobilenet_v2_se"
_BLOCKS = ("mobilenet_v2", _BLOCK_WITH_SE)
_DIMENSIONS = ("kernel", "expansion")
_ACTIVATIONS = (None, "relu", "relu6", "hardswish")  # of its networks


# ---------------------------------------------------------------------- a pruned space

Lists = dict[str, list[int]]
Constraints = dict[str, list[list[int]]]


class OFAExporter(Exporter):
    """``ks_list``, ``expand_list`` and ``depth_list``, and in ``constraints`` the lists of each block and stage.

    The three lists hold the values that any block has left. ``MobileNetArchEncoder`` takes them, and so does the
    constructor of the supernet, which calls the second one ``expand_ratio_list``. Build a supernet with the lists that
    it was trained with. Then call ``net.set_constraint(values, kind)`` for each kind and its values in
    ``constraints``: the supernet samples exactly the values that each block has left. The blocks are those of the
    stages with a choice of depth, in order.
    """

    name = "ofa"

    def convert(self, pruned: PrunedSpace) -> dict[str, list[int] | Constraints]:
        stages = [stage for stage in pruned.space.stages if stage.depth]
        longest = max((depth for stage in stages for depth in stage.depth or ()), default=0)
        for stage in pruned.space.stages:
            _check(stage, longest)
        blocks = [slot for stage in stages for slot in stage.slots]
        constraints: Constraints = {
            "kernel_size": [list(slot.choices.get("kernel", (slot.base.kernel,))) for slot in blocks],
            "expand_ratio": [_expansions(slot) for slot in blocks],
            "depth": [list(stage.depth or ()) for stage in stages],
        }
        lists: Lists = {
            name: sorted({value for values in each for value in values})
            for name, each in zip(("ks_list", "expand_list", "depth_list"), constraints.values(), strict=True)
        }
        return {**lists, "constraints": constraints}


def _check(stage: Stage, longest: int) -> None:
    """Raise InvalidInputError if a stage has choices that a supernet does not have."""
    if longest == 0:
        raise InvalidInputError(f"{_TOOL} chooses within stages with a choice of depth, and there are none")
    if stage.depth and len(stage.slots) != longest:
        why = f"every stage of {_TOOL} has as many blocks as the greatest depth, {longest}"
        raise InvalidInputError(f"stage {stage.name!r}, depth: {why}, and this one has {len(stage.slots)}")
    for slot in stage.slots:
        if slot.optional:
            raise refusal(_TOOL, slot.name, "optional", "leaves blocks out by a stage's depth alone")
        if stage.depth and slot.base.op not in _BLOCKS:
            raise refusal(_TOOL, slot.name, "op", f"has blocks of {' and '.join(_BLOCKS)}, not {slot.base.op}")
        for dimension in (*slot.choices, *slot.unmeasured):
            if dimension not in _DIMENSIONS:
                raise refusal(_TOOL, slot.name, dimension, f"chooses {' and '.join(_DIMENSIONS)} of a block")
            if not stage.depth:
                raise refusal(_TOOL, slot.name, dimension, "chooses only in stages with a choice of depth")


def _expansions(slot: Slot) -> list[int]:
    """Return the expansion ratios of a slot as integers, which is how Once-for-All encodes them."""
    ratios = slot.choices.get("expansion", (slot.base.expansion,))
    for ratio in ratios:
        if int(ratio) != ratio:
            raise refusal(_TOOL, slot.name, "expansion", f"takes whole ratios, not {ratio}")
    return [int(ratio) for ratio in ratios]


# ---------------------------------------------------------------------- a latency table


class OFATableExporter(TableExporter):
    """The table in which ``MBv3LatencyModel`` of Once-for-All's code looks latencies up, in ms.

    The keys are those of its code. A block is ``expanded_conv``, by shape, expanded width, kernel, stride, shortcut, SE
    and hard swish. A convolution of an image is ``Conv``, a 1×1 convolution at the end is ``Conv_1`` and, behind the
    average, ``Conv_2``; a dense layer is ``Logits``. A search raises KeyError for a layer that is not in the table, so
    every layer that its networks end in must have been measured.

    Write the table as ``<size>_lookup_table.yaml`` and give ``{size: folder}``. Its code calls ``yaml.load(file)``,
    which fails with PyYAML 6: it needs ``pyyaml<6``.
    """

    name = "ofa"

    def convert(self, table: LatencyTable) -> dict[str, dict[str, float]]:
        """Return ``mean``, ``std`` and ``count`` for each key.

        Raises
        ------
        InvalidInputError
            Its networks have no such layer, or two layers have the same key. The message names them.
        """
        found = {}
        layer_of: dict[str, str] = {}
        for name, entry in table.entries.items():
            key = _key(Layer.from_id(name))
            if key is None:
                raise InvalidInputError(f"{_TOOL}'s networks have no layer like {name}: leave it out of the table")
            if key in found:
                raise InvalidInputError(f"{_TOOL} calls {layer_of[key]} and {name} the same, {key}: leave one out")
            layer_of[key] = name
            found[key] = {"mean": entry.latency_ms, "std": entry.std_error_ms, "count": 1}
        return found


def _key(layer: Layer) -> str | None:
    """Return the key of a layer; None if its networks have no such layer."""
    before, after = (_sizes(shape) for shape in (layer.input_shape, layer.output_shape))
    shapes = f"input:{before}-output:{after}"
    if layer.batch != 1 or layer.activation not in _ACTIVATIONS:
        return None
    if layer.op in _BLOCKS:
        expanded = round(layer.in_channels * (layer.expansion or 1))
        has_shortcut = layer.stride == 1 and layer.in_channels == layer.out_channels
        has_se, is_swish = layer.op == _BLOCK_WITH_SE, layer.activation == "hardswish"
        flags = f"idskip:{int(has_shortcut)}-se:{int(has_se)}-hs:{int(is_swish)}"
        return f"expanded_conv-{shapes}-expand:{expanded}-kernel:{layer.kernel}-stride:{layer.stride}-{flags}"
    if layer.op == "dense":
        return f"Logits-input:{before}-output:{layer.out_channels}"
    if layer.op == "globalavgpool":
        return f"AvgPool2D-{shapes}"
    if layer.op == "conv" and layer.kernel == 1:
        return f"{'Conv_2' if layer.height == 1 else 'Conv_1'}-{shapes}"
    return f"Conv-{shapes}" if layer.op == "conv" else None


def _sizes(shape: tuple[int, ...]) -> str:
    """Return a shape without its batch as height x width x channels."""
    return "x".join(map(str, shape[1:] if len(shape) == 4 else (1, 1, *shape[1:]) if shape[1:] else ()))

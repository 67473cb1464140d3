"""Latency tables in the formats of other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    from nnbehave.pruning.table import LatencyTable

_BLOCKS = ("mobilenet_v2", "mobilenet_v2_se")
_ACTIVATIONS = (None, "relu", "relu6", "hardswish")  # of Once-for-All's networks


def once_for_all(table: LatencyTable) -> dict[str, dict[str, float]]:
    """Return the table that Once-for-All's ``MBv3LatencyModel`` looks up (Cai et al., ICLR 2020, its code), in ms.

    Blocks are ``expanded_conv``, by shape, width inside, kernel, shortcut, SE and hard swish. A conv of an image is
    ``Conv``, one of 1×1 at the end ``Conv_1`` and, behind the average, ``Conv_2``; a dense layer is ``Logits``: what a
    search asks for is there only where it was measured, and anything else it ends in is a KeyError of its own.

    Write it as ``<size>_lookup_table.yaml`` and give ``{size: folder}``. With PyYAML 6 its ``yaml.load(file)`` fails:
    it needs ``pyyaml<6``.

    Raises
    ------
    InvalidInputError
        A layer is nothing that its networks have, or two are one by its names; the message names them.
    """
    found = {}
    called: dict[str, str] = {}
    for name, entry in table.entries.items():
        layer = Layer.from_id(name)
        key = _once_for_all(layer)
        if key is None:
            raise InvalidInputError(f"Once-for-All's networks have nothing like {name}: leave it out of the table")
        if key in found:
            raise InvalidInputError(f"Once-for-All calls {called[key]} and {name} the same, {key}: leave one out")
        called[key] = name
        found[key] = {"mean": entry.latency_ms, "std": entry.std_error_ms, "count": 1}
    return found


def _once_for_all(layer: Layer) -> str | None:
    before, after = (_sizes(shape) for shape in (layer.input_shape, layer.output_shape))
    shapes = f"input:{before}-output:{after}"
    if layer.batch != 1 or layer.activation not in _ACTIVATIONS:
        return None
    if layer.op in _BLOCKS:
        ratio = layer.expansion or 1
        inside = round(layer.in_channels * ratio)
        same = layer.stride == 1 and layer.in_channels == layer.out_channels
        flags = f"idskip:{int(same)}-se:{int(layer.op == _BLOCKS[1])}-hs:{int(layer.activation == 'hardswish')}"
        return f"expanded_conv-{shapes}-expand:{inside}-kernel:{layer.kernel}-stride:{layer.stride}-{flags}"
    if layer.op == "dense":
        return f"Logits-input:{before}-output:{layer.out_channels}"
    if layer.op == "globalavgpool":
        return f"AvgPool2D-{shapes}"
    if layer.op == "conv" and layer.kernel == 1:
        return f"{'Conv_2' if layer.height == 1 else 'Conv_1'}-{shapes}"
    return f"Conv-{shapes}" if layer.op == "conv" else None


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:] if len(shape) == 4 else (1, 1, *shape[1:]) if shape[1:] else ()))


_KERNELS = {  # nn-Meter's names of fused kernels
    ("conv", None): "conv",
    ("conv", "relu"): "conv-relu",
    ("conv", "relu6"): "conv-relu6",
    ("conv", "hardswish"): "conv-hswish",
    ("dwconv", None): "dwconv",
    ("dwconv", "relu"): "dwconv-relu",
    ("dwconv", "relu6"): "dwconv-relu6",
    ("dwconv", "hardswish"): "dwconv-hswish",
    ("maxpool", None): "maxpool",
    ("avgpool", None): "avgpool",
    ("globalavgpool", None): "global-avgpool",
    ("dense", None): "fc",
    ("add", None): "add",
    ("relu", None): "relu",
}


def nn_meter(table: LatencyTable) -> dict[str, dict[str, Any]]:
    """Return the data that nn-Meter builds predictors from (Zhang et al., MobiSys 2021): its two files as one dict.

    ``config`` and ``profiled`` hold, by kernel and by the layer's id, the shape and the latency in ms, as
    ``"37.53 +- 0.314"``. Kernels that it has no name for are left out, and listed in ``left_out``, as are batches.

    Raises
    ------
    InvalidInputError
        The table has several precisions, of which such data say nothing.
    """
    if len(several := sorted({Layer.from_id(name).precision for name in table.entries})) > 1:
        raise InvalidInputError(f"nn-Meter's data are of one precision; this table has {', '.join(several)}")
    config: dict[str, Any] = {}
    profiled: dict[str, Any] = {}
    left_out = []
    for name, entry in table.entries.items():
        layer = Layer.from_id(name)
        kernel = _KERNELS.get((layer.op, layer.activation))
        if kernel is None or layer.batch != 1:
            left_out.append(name)
            continue
        sizes = {"HW": layer.height, "CIN": layer.in_channels, "COUT": layer.out_channels}
        sizes |= {"KERNEL_SIZE": layer.kernel, "STRIDES": layer.stride}
        shapes = [list(shape[1:]) for shape in layer.input_shapes]
        config.setdefault(kernel, {})[name] = {"model": "", "shapes": shapes, "config": sizes}
        profiled.setdefault(kernel, {})[name] = {"latency": f"{entry.latency_ms:.6g} +- {entry.std_error_ms:.3g}"}
    return {"config": config, "profiled": profiled, "left_out": {"layers": left_out}}


FORMATS: dict[str, Callable[[LatencyTable], dict[str, Any]]] = {"ofa": once_for_all, "nn_meter": nn_meter}


def export(table: LatencyTable, format: str, path: str | Path | None) -> dict[str, Any]:
    """Return a table in a format, and write it. Raises as :meth:`nnbehave.LatencyTable.export`."""
    if format not in FORMATS:
        raise InvalidInputError(f"unknown format {format!r} of a latency table: one of {', '.join(FORMATS)}")
    data = FORMATS[format](table)
    if path is not None:
        file = Path(path)
        if file.suffix not in (".json", ".yaml"):
            raise InvalidInputError(f"{format} is written as .json or .yaml, not {file.name!r}")
        text = json.dumps(data, indent=1) if file.suffix == ".json" else yaml.safe_dump(data, sort_keys=False)
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidInputError(f"cannot write {file}: {error.strerror}") from None
    return data

"""nn-Meter (Zhang et al., MobiSys 2021): the data that it builds latency predictors from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.base import TableExporter

if TYPE_CHECKING:
    from nnbehave.pruning.latency_table import LatencyTable

_KERNELS = {  # nn-Meter's names of fused kernels, by operator and activation
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

Profile = dict[str, dict[str, dict[str, object]]]  # by kernel, then by the id of the layer


class NNMeterTableExporter(TableExporter):
    """The two files of nn-Meter's profiling in one dictionary: ``config`` and ``profiled``.

    Both are by kernel and by the id of the layer. ``config`` has the shape, ``profiled`` the latency in ms, as
    ``"37.53 +- 0.314"``. Layers of kernels that nn-Meter has no name for, and layers with a batch other than 1, are
    left out. ``left_out`` lists them.
    """

    name = "nn_meter"

    def convert(self, table: LatencyTable) -> dict[str, Profile | dict[str, list[str]]]:
        """Return ``config``, ``profiled`` and ``left_out``.

        Raises
        ------
        InvalidInputError
            The table has several precisions, and the data have no place for a precision.
        """
        if len(several := sorted({Layer.from_id(name).precision for name in table.entries})) > 1:
            raise InvalidInputError(f"nn-Meter's data are of one precision; this table has {', '.join(several)}")
        config: Profile = {}
        profiled: Profile = {}
        left_out = []
        for name, entry in table.entries.items():
            layer = Layer.from_id(name)
            kernel = _KERNELS.get((layer.op, layer.activation))
            if kernel is None or layer.batch != 1:
                left_out.append(name)
                continue
            config.setdefault(kernel, {})[name] = _config(layer)
            latency = f"{entry.latency_ms:.6g} +- {entry.std_error_ms:.3g}"
            profiled.setdefault(kernel, {})[name] = {"latency": latency}
        return {"config": config, "profiled": profiled, "left_out": {"layers": left_out}}


def _config(layer: Layer) -> dict[str, object]:
    """Return the shape of a layer in nn-Meter's words."""
    sizes = {"HW": layer.height, "CIN": layer.in_channels, "COUT": layer.out_channels}
    sizes |= {"KERNEL_SIZE": layer.kernel, "STRIDES": layer.stride}
    return {"model": "", "shapes": [list(shape[1:]) for shape in layer.input_shapes], "config": sizes}

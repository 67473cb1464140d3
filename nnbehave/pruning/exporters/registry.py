"""The lists of built-in exporters, and the functions that find an exporter by the name of its format."""

from __future__ import annotations

from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.base import Exporter, TableExporter
from nnbehave.pruning.exporters.metapruning import MetaPruningExporter
from nnbehave.pruning.exporters.modelopt import ModelOptExporter
from nnbehave.pruning.exporters.native import JSONExporter, YAMLExporter
from nnbehave.pruning.exporters.nn_meter import NNMeterTableExporter
from nnbehave.pruning.exporters.nncf import NNCFExporter
from nnbehave.pruning.exporters.nni import NNIExporter
from nnbehave.pruning.exporters.ofa import OFAExporter, OFATableExporter
from nnbehave.pruning.exporters.optuna import OptunaExporter
from nnbehave.pruning.exporters.ray import RayExporter
from nnbehave.pruning.exporters.rows import CSVExporter, ParquetExporter
from nnbehave.pruning.exporters.space import SpaceExporter
from nnbehave.pruning.exporters.torch_pruning import TorchPruningExporter
from nnbehave.registry import Registry, instance_of

EXPORTERS: Registry[Exporter] = Registry(
    "format",
    "nnbehave.exporters",
    [
        JSONExporter(),
        YAMLExporter(),
        SpaceExporter(),
        CSVExporter(),
        ParquetExporter(),
        OptunaExporter(),
        RayExporter(),
        NNIExporter(),
        OFAExporter(),
        MetaPruningExporter(),
        TorchPruningExporter(),
        NNCFExporter(),
        ModelOptExporter(),
    ],
    instance_of(Exporter),  # type: ignore[type-abstract]
)
TABLE_EXPORTERS: Registry[TableExporter] = Registry(
    "latency table format",
    "nnbehave.table_exporters",
    [OFATableExporter(), NNMeterTableExporter()],
    instance_of(TableExporter),  # type: ignore[type-abstract]
)
# Tools that somebody may look for here, and why they have no exporter.
_IMPOSSIBLE = {"tfmot": "TensorFlow's Model Optimization Toolkit makes weights sparse and takes no channel counts"}


def get_exporter(format: str) -> Exporter:
    """Return the exporter of pruned spaces with a name, a built-in one or one of a plug-in.

    Raises
    ------
    InvalidInputError
        No exporter has this name. The message lists the near names, or says why there can be none.
    """
    if format in _IMPOSSIBLE:
        raise InvalidInputError(f"there is no exporter for {format!r}: {_IMPOSSIBLE[format]}")
    return EXPORTERS.get(format)


def get_table_exporter(format: str) -> TableExporter:
    """Return the exporter of latency tables with a name, a built-in one or one of a plug-in.

    Raises
    ------
    InvalidInputError
        No exporter has this name. The message lists the near names.
    """
    return TABLE_EXPORTERS.get(format)

"""A pruned space in the formats of the tools that search it: one class a format."""

from __future__ import annotations

import difflib
import warnings

from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters._base import Exporter
from nnbehave.pruning.exporters.metapruning import MetaPruningExporter
from nnbehave.pruning.exporters.modelopt import ModelOptExporter
from nnbehave.pruning.exporters.native import JSONExporter, YAMLExporter, load_pruned_space
from nnbehave.pruning.exporters.nncf import NNCFExporter
from nnbehave.pruning.exporters.nni import NNIExporter
from nnbehave.pruning.exporters.ofa import OFAExporter
from nnbehave.pruning.exporters.optuna import OptunaExporter
from nnbehave.pruning.exporters.ray import RayExporter
from nnbehave.pruning.exporters.rows import CSVExporter, ParquetExporter
from nnbehave.pruning.exporters.space import SpaceExporter
from nnbehave.pruning.exporters.torch_pruning import TorchPruningExporter

# The built-in ones; plug-ins' are found by :func:`get_exporter`.
EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
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
    )
}
_CANNOT = {"tfmot": "TensorFlow's Model Optimization Toolkit makes weights sparse and takes no channel counts"}

__all__ = ["EXPORTERS", "Exporter", "get_exporter", "load_pruned_space", "registered_exporters"]


def registered_exporters() -> dict[str, Exporter]:
    """Return every exporter by name; a plug-in that cannot be loaded warns and is left out."""
    from importlib.metadata import entry_points  # slow to import

    found = dict(EXPORTERS)
    for entry in entry_points(group="nnbehave.exporters"):
        try:
            cls = entry.load()
            if not (isinstance(cls, type) and issubclass(cls, Exporter)):
                raise TypeError(f"{cls!r} is no subclass of nnbehave.pruning.exporters.Exporter")
            exporter = cls()
            found.setdefault(exporter.name, exporter)
        except Exception as error:  # whatever is wrong with a plug-in must not stop the others
            warnings.warn(f"exporter plug-in {entry.name!r} ({entry.value}) is left out: {error}", stacklevel=2)
    return found


def get_exporter(format: str) -> Exporter:
    """Return an exporter by its name, a built-in one or one of the entry point group ``nnbehave.exporters``.

    Raises
    ------
    InvalidInputError
        Nobody registered it; the message lists the near names, or says why there can be none.
    """
    if format in EXPORTERS:
        return EXPORTERS[format]
    if format in _CANNOT:
        raise InvalidInputError(f"there is no exporter for {format!r}: {_CANNOT[format]}")
    known = registered_exporters()
    if format not in known:
        near = difflib.get_close_matches(str(format), known) or known
        raise InvalidInputError(f"unknown format {format!r}; did you mean {' or '.join(near)}?")
    return known[format]

"""Exporters turn a pruned space or a latency table into the format of another tool.

There is one module for each tool; ``ofa`` has both exporters for Once-for-All. The lists are in :mod:`.registry`.
"""

from nnbehave.pruning.exporters.base import Exporter, TableExporter
from nnbehave.pruning.exporters.registry import EXPORTERS, TABLE_EXPORTERS, get_exporter, get_table_exporter

__all__ = ["EXPORTERS", "TABLE_EXPORTERS", "Exporter", "TableExporter", "get_exporter", "get_table_exporter"]

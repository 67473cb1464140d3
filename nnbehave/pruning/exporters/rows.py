"""CSV and Parquet: one row for every value that the space had before pruning."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from nnbehave.errors import MissingExtraError
from nnbehave.pruning.exporters.base import Exporter
from nnbehave.records import Scalar

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace

_COLUMNS = ("slot", "dimension", "value", "kept", "rule", "platform", "why", "evidence")

Row = dict[str, Scalar]


class CSVExporter(Exporter):
    """One row for each value of each choice: ``slot dimension value kept rule platform why evidence``.

    If a choice lost no value, ``why`` gives the reason in the rows of its values.
    """

    name = "csv"
    suffixes = (".csv",)

    def convert(self, pruned: PrunedSpace) -> list[Row]:
        removed = {(row.slot, row.dimension, row.value): row for row in pruned.removals}
        whole = {(slot, dimension): why for slot, dimension, why in pruned.left_whole}
        rows: list[Row] = []
        for slot in pruned.original.slots:
            for dimension, values in slot.choices.items():
                for value in values:
                    row: Row = dict.fromkeys(_COLUMNS, "")
                    row |= {"slot": slot.name, "dimension": dimension, "value": value}
                    if gone := removed.get((slot.name, dimension, value)):
                        rows.append({**row, **gone._asdict(), "kept": False})
                    else:
                        rows.append({**row, "kept": True, "why": whole.get((slot.name, dimension), "")})
        return rows

    def text(self, data: list[Row]) -> str:
        file = io.StringIO()
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "value": str(row["value"])} for row in data)
        return file.getvalue()


class ParquetExporter(CSVExporter):
    """The same rows. If the values are of several types, the column ``value`` is text."""

    name = "parquet"
    suffixes = (".parquet",)

    def write(self, data: list[Row], path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtraError("parquet needs pyarrow: pip install 'nnbehave[parquet]'") from None
        if len({type(row["value"]) for row in data}) > 1:
            data = [{**row, "value": str(row["value"])} for row in data]
        table = pa.table({name: [row[name] for row in data] for name in _COLUMNS})
        pq.write_table(table, path)

"""Tables of every value that a space had: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from nnbehave.errors import MissingExtraError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter

_COLUMNS = ("slot", "dimension", "value", "kept", "rule", "platform", "why", "evidence")


class CSVExporter(Exporter):
    """One row a value of a choice: ``slot dimension value kept rule platform why evidence``.

    Of a value that was kept because nothing could be removed from its choice, ``why`` says so.
    """

    name = "csv"
    suffixes = (".csv",)

    def convert(self, pruned: PrunedSpace) -> list[dict[str, Any]]:
        removed = {(row.slot, row.dimension, row.value): row for row in pruned.removals}
        whole = {(slot, dimension): why for slot, dimension, why in pruned.left_whole}
        rows = []
        for slot in pruned.original.slots:
            for dimension, values in slot.choices.items():
                for value in values:
                    row = dict.fromkeys(_COLUMNS, "") | {"slot": slot.name, "dimension": dimension, "value": value}
                    if gone := removed.get((slot.name, dimension, value)):
                        rows.append({**row, **gone._asdict(), "kept": False})
                    else:
                        rows.append({**row, "kept": True, "why": whole.get((slot.name, dimension), "")})
        return rows

    def text(self, data: list[dict[str, Any]]) -> str:
        file = io.StringIO()
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "value": str(row["value"])} for row in data)
        return file.getvalue()


class ParquetExporter(CSVExporter):
    """The same rows; where ``value`` is not of one type throughout, it is text."""

    name = "parquet"
    suffixes = (".parquet",)

    def write(self, data: list[dict[str, Any]], path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtraError("parquet needs pyarrow: pip install 'nnbehave[parquet]'") from None
        if len({type(row["value"]) for row in data}) > 1:
            data = [{**row, "value": str(row["value"])} for row in data]
        table = pa.table({name: [row[name] for row in data] for name in _COLUMNS})
        pq.write_table(table, path)

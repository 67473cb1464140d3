"""nnbehave's own format of a pruned space, as JSON or YAML; :func:`nnbehave.load_pruned_space` reads it back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING, Any

import yaml

from nnbehave.design.space import space_to_document
from nnbehave.pruning.exporters.base import Exporter

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace, Removed

FORMAT, VERSION = "nnbehave.pruned_space", 1
SHARED_FIELDS = ("slot", "dimension", "rule", "platform")  # of a removal: mostly the same in consecutive removals
OWN_FIELDS = ("value", "why", "evidence")
YAML_SUFFIXES = (".yaml", ".yml")
# PyYAML's C code is ten times as fast; not every PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class JSONExporter(Exporter):
    """All of a pruned space: both spaces, the removals with their reasons, and the choices that were left whole."""

    name = "json"

    def convert(self, pruned: PrunedSpace) -> dict[str, object]:
        provenance = {
            "nnbehave": version("nnbehave"),
            "platforms": sorted({row.platform for row in pruned.removals} - {""}),
            "rules": sorted({row.rule for row in pruned.removals}),
            "environments": {name: asdict(facts) for name, facts in pruned.environments.items()},
        }
        return {
            "format": FORMAT,
            "version": VERSION,
            "provenance": provenance,
            "original": space_to_document(pruned.original),
            "space": space_to_document(pruned.space),
            "removals": _grouped(pruned.removals),
            "left_whole": [list(row) for row in pruned.left_whole],
        }


class YAMLExporter(JSONExporter):
    """The same as YAML."""

    name = "yaml"
    suffixes = YAML_SUFFIXES

    def text(self, data: dict[str, object]) -> str:
        return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _grouped(removals: Iterable[Removed]) -> list[dict[str, object]]:
    """Return the removals in order; consecutive ones with the same shared fields are one group with ``values``."""
    groups = groupby(removals, lambda row: [getattr(row, name) for name in SHARED_FIELDS])
    return [
        {
            **dict(zip(SHARED_FIELDS, shared, strict=True)),
            "values": [[getattr(row, name) for name in OWN_FIELDS] for row in rows],
        }
        for shared, rows in groups
    ]

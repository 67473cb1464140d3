"""nnbehave's own format of a pruned space, as JSON or YAML: all of it, and read back again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from nnbehave.design.space import space_from_document, space_to_document
from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace, Removed
from nnbehave.pruning.exporters._base import Exporter

_FORMAT = 1
_GROUP = ("slot", "dimension", "rule", "platform")  # what rows that follow one another mostly share
_OWN = ("value", "why", "evidence")
_YAML = (".yaml", ".yml")
# The same in C where PyYAML was built with it: ten times as fast.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class JSONExporter(Exporter):
    """The whole of it: both spaces, what was removed and why, what was left whole; ``load_pruned_space`` reads it."""

    name = "json"

    def convert(self, pruned: PrunedSpace) -> dict[str, Any]:
        provenance = {
            "nnbehave": version("nnbehave"),
            "platforms": sorted({row.platform for row in pruned.removals} - {""}),
            "rules": sorted({row.rule for row in pruned.removals}),
            "environments": pruned.environments,
        }
        return {
            "format": "nnbehave.pruned_space",
            "version": _FORMAT,
            "provenance": provenance,
            "original": space_to_document(pruned.original),
            "space": space_to_document(pruned.space),
            "removals": _grouped(pruned.removals),
            "left_whole": [list(row) for row in pruned.left_whole],
        }


class YAMLExporter(JSONExporter):
    """The same as YAML."""

    name = "yaml"
    suffixes = _YAML

    def text(self, data: dict[str, Any]) -> str:
        return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _grouped(removals: Iterable[Removed]) -> list[dict[str, Any]]:
    """Return rows in order, those that follow one another and share all else as one with their ``values``."""
    groups = groupby(removals, lambda row: [getattr(row, name) for name in _GROUP])
    return [
        {**dict(zip(_GROUP, shared, strict=True)), "values": [[getattr(row, name) for name in _OWN] for row in rows]}
        for shared, rows in groups
    ]


def _rows(groups: Iterable[dict[str, Any]]) -> Iterator[Removed]:
    for group in groups:
        shared = {name: group[name] for name in _GROUP}
        for own in group["values"]:
            yield Removed(**shared, **dict(zip(_OWN, own, strict=True)))


def load_pruned_space(path: str | Path) -> PrunedSpace:
    """Read a pruned space that was exported as ``json`` or ``yaml``.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no pruned space, or was written by another version of the format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = yaml.load(text, _Loader) if Path(path).suffix.lower() in _YAML else json.loads(text)
        kind, number = data["format"], data["version"]
        if kind == "nnbehave.pruned_space" and number == _FORMAT:
            return PrunedSpace(
                space_from_document(data["original"], "original"),
                space_from_document(data["space"], "space"),
                tuple(_rows(data["removals"])),
                tuple((slot, dimension, why) for slot, dimension, why in data["left_whole"]),
                data["provenance"]["environments"],
            )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInputError(f"{path} is not a saved pruned space: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {number}; this nnbehave reads pruned spaces of version {_FORMAT}")

"""nnbehave's own format of a pruned space, as JSON or YAML: all of it, and read back again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from nnbehave.errors import InvalidInputError
from nnbehave.pruning._pruned import PrunedSpace, Removed
from nnbehave.pruning.exporters._base import Exporter
from nnbehave.space import space_from_document, space_to_document

_FORMAT = 1
_YAML = (".yaml", ".yml")
# The same in C where PyYAML was built with it: ten times as fast.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class JSONExporter(Exporter):
    """The whole of it: both spaces, what was removed and why, what was left whole; ``load_pruned_space`` reads it."""

    name = "json"

    def convert(self, pruned: PrunedSpace) -> dict[str, Any]:
        from nnbehave import __version__

        provenance = {
            "nnbehave": __version__,
            "platforms": sorted({row.platform for row in pruned.removals}),
            "rules": sorted({row.rule for row in pruned.removals}),
        }
        return {
            "format": "nnbehave.pruned_space",
            "version": _FORMAT,
            "provenance": provenance,
            "original": space_to_document(pruned.original),
            "space": space_to_document(pruned.space),
            "removals": [row._asdict() for row in pruned.removals],
            "left_whole": [list(row) for row in pruned.left_whole],
        }


class YAMLExporter(JSONExporter):
    """The same as YAML."""

    name = "yaml"
    suffixes = _YAML

    def text(self, data: dict[str, Any]) -> str:
        return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


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
        kind, version = data["format"], data["version"]
        if kind == "nnbehave.pruned_space" and version == _FORMAT:
            return PrunedSpace(
                space_from_document(data["original"], "original"),
                space_from_document(data["space"], "space"),
                tuple(Removed(**row) for row in data["removals"]),
                tuple((slot, dimension, why) for slot, dimension, why in data["left_whole"]),
            )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInputError(f"{path} is not a saved pruned space: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {version}; this nnbehave reads pruned spaces of version {_FORMAT}")

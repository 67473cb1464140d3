"""Reading pruned spaces that were exported as ``json`` or ``yaml``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from nnbehave.design.space import space_from_document
from nnbehave.errors import InvalidInputError
from nnbehave.pruning.exporters.native import FORMAT, OWN_FIELDS, SHARED_FIELDS, VERSION, YAML_SUFFIXES
from nnbehave.pruning.pruned_space import LeftWhole, PrunedSpace, Removed
from nnbehave.records import Environment

# PyYAML's C code is ten times as fast; not every PyYAML was built with it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_pruned_space(path: str | Path) -> PrunedSpace:
    """Read a pruned space that was exported as ``json`` or ``yaml``.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no pruned space, or was written in another version of the format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = yaml.load(text, _Loader) if Path(path).suffix.lower() in YAML_SUFFIXES else json.loads(text)
        kind, number = data["format"], data["version"]
        if kind == FORMAT and number == VERSION:
            return _from_document(data)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInputError(f"{path} is not a saved pruned space: {error}") from None
    raise InvalidInputError(f"{path}: {kind} version {number}; this nnbehave reads pruned spaces of version {VERSION}")


def _from_document(data: dict[str, Any]) -> PrunedSpace:
    """Return the pruned space of an exported document."""
    return PrunedSpace(
        space_from_document(data["original"], "original"),
        space_from_document(data["space"], "space"),
        tuple(_removals(data["removals"])),
        tuple(LeftWhole(slot, dimension, why) for slot, dimension, why in data["left_whole"]),
        TypeAdapter(dict[str, Environment]).validate_python(data["provenance"]["environments"]),
    )


def _removals(groups: list[dict[str, Any]]) -> Iterator[Removed]:
    """Yield the removals of an exported document, in which consecutive ones are grouped."""
    for group in groups:
        shared = {name: group[name] for name in SHARED_FIELDS}
        for own in group["values"]:
            yield Removed(**shared, **dict(zip(OWN_FIELDS, own, strict=True)))

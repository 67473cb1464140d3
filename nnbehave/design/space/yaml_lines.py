"""Lines of a YAML file: finds the line of a mistake, and refuses a key that is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from nnbehave.design.space.from_document import Place


class UniqueKeyLoader(yaml.SafeLoader):
    """Loads YAML, but refuses a mapping that has a key twice. YAML itself would take the last one in silence."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._checked: list[yaml.MappingNode] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # A mapping is checked once, as the file has it: a merge (<<) adds keys to the node later.
        if not any(node is other for other in self._checked):
            self._checked.append(node)
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class LineFinder:
    """Finds the line of a place in a YAML document.

    Parameters
    ----------
    text : str
        The document. It must be valid YAML.
    """

    def __init__(self, text: str) -> None:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._lines: dict[Place, int] = dict(_lines(root, ()) if root else ())

    def find(self, place: Place) -> int:
        """Return the line of a place, counted from 1, or of the nearest place around it that the document has."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    """Yield each place of a node and its line. For a value in a mapping, that is the line of its key."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, str(key.value)))
            yield (*place, str(key.value)), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield from _lines(value, (*place, i))

"""Writes a slot as the mapping that a space file holds."""

from __future__ import annotations

from typing import Any

from nnbehave.design.space.slot import Slot

PREVIOUS = "previous"
"""``in_channels: previous`` in a file: the slot takes as many channels as the slot before gives."""


def slot_to_document(slot: Slot) -> dict[str, Any]:
    """Return a slot as a mapping of plain Python values."""
    base = slot.base.fields() | ({"in_channels": PREVIOUS} if slot.follows else {})
    found: dict[str, Any] = {"name": slot.name, "base": base}
    if slot.optional:
        found["optional"] = True
    found["choices"] = {dimension: _values_to_document(values) for dimension, values in slot.choices.items()}
    if slot.unmeasured:
        found["unmeasured"] = {name: list(values) for name, values in slot.unmeasured.items()}
    return found


def _values_to_document(values: tuple[Any, ...]) -> Any:
    """Return four or more integers at equal distances as a range, and all else as a list."""
    if len(values) > 3 and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step > 0 and values == tuple(range(values[0], values[-1] + 1, step)):
            return {"low": values[0], "high": values[-1], **({"step": step} if step > 1 else {})}
    return list(values)

"""Spaces, findings and pruned spaces that the tests of pruning share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import PrunedSpace
from nnbehave.pruning._pruned import Removed


def pruned_to(space: Space, keep: Mapping[tuple[str, str], Iterable[Any]]) -> PrunedSpace:
    """Return a space of which, of some choices (slot, dimension), only some values are left."""
    removals, whole, stages = [], [], []
    for stage in space.stages:
        slots = []
        for slot in stage.slots:
            choices = dict(slot.choices)
            for dimension, values in slot.choices.items():
                left = set(keep.get((slot.name, dimension), values))
                choices[dimension] = tuple(value for value in values if value in left)
                for value in values:
                    if value not in left:
                        why = (f"{max(map(str, left))} is as fast", f"0.1 ms at {value}")
                        removals.append(Removed(slot.name, dimension, value, "KeepPareto", "tflite", *why))
                if len(left) == len(values):
                    whole.append((slot.name, dimension, "no finding speaks of it"))
            slots.append(replace(slot, choices=choices))
        stages.append(replace(stage, slots=tuple(slots)))
    return PrunedSpace(space, replace(space, stages=tuple(stages)), tuple(removals), tuple(whole))


def chain(*layers: tuple[int, Iterable[int]], name: str = "chain") -> PrunedSpace:
    """Return convolutions conv1, conv2, … each with its own width and the widths that are left of 1 to that."""
    slots, keep = [], {}
    for i, (width, left) in enumerate(layers, 1):
        base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=width, kernel=3)
        slots.append(Slot(f"conv{i}", base, {"out_channels": tuple(range(1, width + 1))}))
        keep[f"conv{i}", "out_channels"] = left
    return pruned_to(Space(name, (Stage("all", tuple(slots)),)), keep)


@st.composite
def some_of(draw: st.DrawFn, values: Iterable[Any]) -> list[Any]:
    """Any of the values, in their order, at least one."""
    values = list(values)
    wanted = draw(st.sets(st.sampled_from(range(len(values))), min_size=1))
    return [value for i, value in enumerate(values) if i in wanted]


@st.composite
def chains(draw: st.DrawFn, own_width: bool = False) -> PrunedSpace:
    """Any chain; with ``own_width`` each layer keeps its full width."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 300))
        left = set(draw(some_of(range(1, width + 1))))
        layers.append((width, left | {width} if own_width else left))
    return chain(*layers)


@st.composite
def pruned_spaces(draw: st.DrawFn) -> PrunedSpace:
    """Any pruned space: depths, optional slots, and choices over numbers, words, None and what no layer shows."""
    base = nb.Layer(op="mobilenet_v2", height=8, in_channels=8, out_channels=8, kernel=3)
    values: dict[str, list[Any]] = {
        "out_channels": draw(st.lists(st.integers(1, 40), min_size=1, max_size=5, unique=True)),
        "activation": [None, "relu", "hardswish"],
        "expansion": [3.0, 4.5, 6.0],
        "precision": ["fp32", "int8"],
    }
    stages, keep = [], {}
    for i in range(draw(st.integers(1, 2))):
        slots = []
        for j in range(draw(st.integers(1, 2))):
            name = f"stage{i}_{j}"
            choices = {dimension: tuple(values[dimension]) for dimension in draw(st.sets(st.sampled_from([*values])))}
            keep |= {(name, dimension): draw(some_of(given)) for dimension, given in choices.items()}
            unmeasured = draw(st.sampled_from([{}, {"repeats": (-1, 0, 1)}]))
            slots.append(Slot(name, base, choices, unmeasured, draw(st.booleans())))
        depth = draw(st.none() | some_of(range(1, len(slots) + 1)).map(tuple))
        stages.append(Stage(f"stage{i}", tuple(slots), depth))
    return pruned_to(Space("drawn", tuple(stages), "nowhere"), keep)


# ---------------------------------------------------------------------- findings of known truth


@lru_cache
def staircase(width: int, high: int = 1024) -> nb.StepMap:
    n = np.arange(1, high + 1)
    return nb.detect_steps(n, 0.05 + 0.1 * np.ceil(n / width), np.full(n.size, 1e-5))


def space_of(*slots: Slot, name: str = "some") -> Space:
    return Space(name, (Stage("all", tuple(slots)),))


def conv(name: str = "conv", values: tuple[int, ...] = tuple(range(1, 33)), **fields: object) -> Slot:
    layer = {"op": "conv", "height": 28, "in_channels": 16, "out_channels": 32, "kernel": 3, **fields}
    return Slot(name, nb.Layer(**layer), {"out_channels": values})


def swept(platform: str = "simulated?width=8&noise=0.001", **fields: object) -> nb.Results:
    layer = nb.Layer(**{"op": "conv", "height": 28, "in_channels": 16, "out_channels": 8, "kernel": 3, **fields})
    return nb.sweep(
        layer=layer,
        dimension="out_channels",
        values=range(1, 65),
        platforms=platform,
        method="estimated",
        progress=False,
    )

"""Spaces, findings, results and pruned spaces that the tests of pruning share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import LeftWhole, PrunedSpace, Removed
from nnbehave.records import Environment, Measurement
from tests.rows import lost, row

HERE = {"here": Environment({"cpu": "some cpu"}, {"some-runtime": "1.0"})}


def pruned_to(space: Space, keep: Mapping[tuple[str, str], Iterable[Any]]) -> PrunedSpace:
    """Return a pruned space; ``keep`` has the values that are left of some choices, by slot and dimension."""
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
                    whole.append(LeftWhole(slot.name, dimension, "no finding is about this choice"))
            slots.append(replace(slot, choices=choices))
        stages.append(replace(stage, slots=tuple(slots)))
    return PrunedSpace(space, replace(space, stages=tuple(stages)), tuple(removals), tuple(whole))


def chain(*layers: tuple[int, Iterable[int]], name: str = "chain") -> PrunedSpace:
    """Return a pruned space of convolutions conv1, conv2, …

    Each layer is given by its width and the widths that are left of all from 1 to it.
    """
    slots, keep = [], {}
    for i, (width, left) in enumerate(layers, 1):
        base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=width, kernel=3)
        slots.append(Slot(f"conv{i}", base, {"out_channels": tuple(range(1, width + 1))}))
        keep[f"conv{i}", "out_channels"] = left
    return pruned_to(Space(name, (Stage("all", tuple(slots)),)), keep)


@st.composite
def some_of(draw: st.DrawFn, values: Iterable[Any]) -> list[Any]:
    """Draw at least one of the values; they stay in order."""
    values = list(values)
    wanted = draw(st.sets(st.sampled_from(range(len(values))), min_size=1))
    return [value for i, value in enumerate(values) if i in wanted]


@st.composite
def chains(draw: st.DrawFn, own_width: bool = False) -> PrunedSpace:
    """Draw a chain; with ``own_width`` each layer keeps its full width."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 300))
        left = set(draw(some_of(range(1, width + 1))))
        layers.append((width, left | {width} if own_width else left))
    return chain(*layers)


@st.composite
def pruned_spaces(draw: st.DrawFn) -> PrunedSpace:
    """Draw a pruned space: depths, optional slots, choices of numbers, words and None, and unmeasured choices."""
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


# ---------------------------------------------------------------------- findings and results of known truth


@lru_cache
def staircase(width: int, high: int = 1024) -> nb.StepMap:
    """Return the step map of a staircase from 1 to ``high``; it has no origin."""
    n = np.arange(1, high + 1)
    return nb.detect_steps(n, 0.05 + 0.1 * np.ceil(n / width), np.full(n.size, 1e-5))


def space_of(*slots: Slot, name: str = "some") -> Space:
    """Return a space of one stage."""
    return Space(name, (Stage("all", tuple(slots)),))


def conv(name: str = "conv", values: tuple[int, ...] = tuple(range(1, 33)), **fields: object) -> Slot:
    """Return a slot of a convolution that chooses its output channels."""
    layer = {"op": "conv", "height": 28, "in_channels": 16, "out_channels": 32, "kernel": 3, **fields}
    return Slot(name, nb.Layer(**layer), {"out_channels": values})


def results_of(measurements: Iterable[Measurement]) -> nb.Results:
    """Return measurements as results, with the facts of the environment ``here``."""
    return nb.Results(measurements, HERE)


def swept(
    width: int = 8,
    *,
    platform: str | None = None,
    values: Iterable[int] = range(1, 65),
    fail_at: int | None = None,
    **fields: object,
) -> nb.Results:
    """Return the sweep of a convolution's output channels, whose latency is a staircase with 0.1 % of noise.

    The platform is named after the width by default. It cannot run ``fail_at`` channels.
    """
    base = conv(**fields).base
    rng = np.random.default_rng(0)
    measurements = []
    for n in values:
        ms = (0.02 + 0.04 * -(-n // width)) * rng.normal(1, 0.001)
        where = {"platform": platform or f"width{width}", "method": "estimated", "dimension": "out_channels"}
        measured = row(base.replace(out_channels=n), ms, 0.001, space="swept", slot=base.id, **where)
        reason = f"the platform takes no out_channels of {n}"
        measurements.append(lost(measured, reason=reason) if n == fail_at else measured)
    return results_of(measurements)

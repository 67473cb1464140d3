"""Shards: the subjects of one session, as many as a runner has memory for."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from nnbehave.measurement.isolation import stack_depth
from nnbehave.measurement.plan import Plan

LAYERS_PER_SHARD = 300  # so that a sweep that is stopped keeps most of what it did
_CALL_BYTES = 100_000  # that any graph takes in a runner


def shards_of(plan: Plan, most_bytes: float, most_subjects: int = LAYERS_PER_SHARD) -> Iterator[list[str]]:
    """Deal the missing subjects out to sessions, a curve's points together; too large a curve is dealt out in turns."""
    budget = most_bytes - memory_of(plan, plan.references)
    left = dict.fromkeys(plan.missing)
    shard: list[str] = []
    for curve in plan.curves:
        points = [subject for subject in curve if left.pop(subject, 0) is None]
        held = memory_of(plan, points)
        if shard and (memory_of(plan, shard) + held > budget or len(shard) + len(points) > most_subjects):
            yield shard
            shard = []
        count = min(len(points), max(math.ceil(held / budget), math.ceil(len(points) / most_subjects)))
        if count > 1:
            yield from (points[i::count] for i in range(count))
        else:
            shard += points
    if shard:
        yield shard


def pieces_of(plan: Plan, subjects: Sequence[str], most_bytes: float) -> Iterator[list[str]]:
    """Split subjects where a runner has no memory for all of them."""
    piece: list[str] = []
    held = 0
    for subject in subjects:
        more = memory_of(plan, [subject])
        if piece and held + more > most_bytes:
            yield piece
            piece, held = [], 0
        piece.append(subject)
        held += more
    if piece:
        yield piece


def memory_of(plan: Plan, subjects: Collection[str]) -> int:
    """Return an estimate of the bytes that a runner takes to hold subjects.

    Of each copy in a stack, three times its weights and all that it reads and writes; the layers around a copy read
    and write as much as it does.
    """
    total = 0
    for subject in subjects:
        graph = plan.graph(subject)
        copies = stack_depth(graph, plan.distance_bytes(subject)) if plan.is_stacked(subject) else 1
        weights = sum(layer.operator.weights(layer) for layer in graph.layers)
        moved = sum(layer.operator.moved(layer) for layer in graph.layers)
        total += _CALL_BYTES + copies * (12 * weights + 4 * moved)
    return total

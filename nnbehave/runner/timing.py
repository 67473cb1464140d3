"""Timing: a block of back-to-back calls (warm), or one call of each of many models in turn (cold).

Warm spans are short and many (0.2 ms, ten a block) rather than long and few: a shared machine is disturbed for some
hundred microseconds at a time, so short spans leave most of a block undisturbed.

In a network a layer runs once, then all the others do, and what it left in the caches is gone when it runs again.
``rotate`` makes that so: each call follows those of all the other models, or a whole network, or a read of a buffer.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Callable

import numpy as np

from nnbehave.runner.witnesses import involuntary_switches

MIN_VALUES, MAX_VALUES = 3, 10

Call = Callable[[], object]
Clock = Callable[[], int]


def calibrate(call: Call, clock: Clock, value_ns: int) -> int:
    """Return the smallest power of two of calls that takes at least ``value_ns``, undisturbed: thrice in a row."""
    call()
    inner, agreed = 1, 0
    while True:
        if _span(call, clock, inner) < value_ns:
            inner, agreed = inner * 2, 0
        else:
            agreed += 1
            if agreed == 3:
                return inner


def time_block(call: Call, clock: Clock, inner: int, block_ns: int) -> tuple[list[int], list[int]]:
    """Return the spans of one warm block in ns, each of ``inner`` calls, and those that were interrupted.

    One call goes unrecorded, to bring the layer's weights back into the caches after the layer before it. Then as
    many spans as ``block_ns`` holds, between three and ten; an interrupted one is taken again, up to as many times.
    """
    with _no_collection():
        call()
        good: list[int] = []
        interrupted: list[int] = []
        wanted = MAX_VALUES
        while len(good) < wanted and len(interrupted) < wanted:
            span, clean = _watched(call, clock, inner)
            (good if clean else interrupted).append(span)
            if len(good) + len(interrupted) == 1:
                wanted = max(MIN_VALUES, min(MAX_VALUES, block_ns // max(1, span)))
    return good, interrupted


def rotate(calls: Sequence[Call], clock: Clock, passes: int, evict_bytes: int) -> list[tuple[list[int], list[int]]]:
    """Return the spans of single calls in passes over all of them, ``passes`` of each, and those interrupted.

    Before each pass ``evict_bytes`` are read, so that no model finds in the caches what it left there. An interrupted
    call is taken again in a further pass, of which there are at most as many.
    """
    spans: list[tuple[list[int], list[int]]] = [([], []) for _ in calls]
    waste = np.ones(evict_bytes // 8)
    with _no_collection():
        for number in range(2 * passes):
            todo = [i for i in range(len(calls)) if number < passes or len(spans[i][0]) < passes]
            if not todo:
                break
            waste.sum()
            for i in todo:
                span, clean = _watched(calls[i], clock, 1)
                spans[i][0 if clean else 1].append(span)
    return spans


def alternate(call: Call, evictor: Call, clock: Clock, passes: int) -> list[tuple[list[int], list[int]]]:
    """Return the spans of calls of a model and of another in turn, each with those interrupted; the model's first.

    One call of each goes unrecorded. An interrupted one is taken again, up to as many times.
    """
    spans: list[tuple[list[int], list[int]]] = [([], []), ([], [])]
    with _no_collection():
        call()
        evictor()
        call()
        for _ in range(2 * passes):
            if len(spans[0][0]) >= passes:
                break
            for each, times in ((evictor, spans[1]), (call, spans[0])):
                span, clean = _watched(each, clock, 1)
                times[0 if clean else 1].append(span)
    return spans


def warm_up(call: Call, clock: Clock, inner: int, window: int = 10, tolerance: float = 0.02, most: int = 300) -> Any:
    """Run spans until two windows of them in a row agree; return the number of spans and whether they ever did.

    They agree where their lower quartiles and their medians differ by less than ``tolerance``.
    """
    spans: list[int] = []
    with _no_collection():
        while len(spans) < most:
            spans.append(_span(call, clock, inner))
            if len(spans) >= 2 * window:
                before, after = (
                    np.quantile(part, (0.25, 0.5)) for part in (spans[-2 * window : -window], spans[-window:])
                )
                if np.all(np.abs(np.log(np.maximum(after, 1) / np.maximum(before, 1))) < tolerance):
                    return len(spans), True
    return len(spans), False


def _watched(call: Call, clock: Clock, inner: int) -> tuple[int, bool]:
    """Return a span, and whether this process kept its core all through."""
    before = involuntary_switches()
    span = _span(call, clock, inner)
    return span, involuntary_switches() == before


def _span(call: Call, clock: Clock, inner: int) -> int:
    start = clock()
    for _ in repeat(None, inner):
        call()
    return clock() - start


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of what is timed."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()

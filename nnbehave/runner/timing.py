"""The timing of calls. A *span* is the time of one or more calls in a row; a *sample* of a model is a few spans.

There are two ways to take a sample:

- :func:`time_sample` calls one model over and over, so that its weights stay in the caches. Its spans are short and
  many (0.2 ms, ten a sample) rather than long and few, because a shared machine is disturbed for some hundred
  microseconds at a time, and short spans leave most of a sample undisturbed.
- :func:`rotate` calls some models in turn, and reads a buffer before each turn. In a network a layer runs once, then
  all other layers run, and some of what it left in the caches is gone when it runs again. Here the other models and the
  buffer touch as many bytes as the other layers of a network would.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Callable, List, NamedTuple

from nnbehave.runner.witnesses import involuntary_switches

FEWEST_SPANS, MOST_SPANS = 3, 10  # of a sample that time_sample takes
_AGREEING_SPANS = 3  # in a row that must be long enough when the number of calls is calibrated

# When a model counts as warm: the quartiles of two windows of spans in a row differ by less than the tolerance.
_WINDOW = 10
_TOLERANCE = 0.02
_MOST_WARM_UP_SPANS = 300

_buffer = bytearray()

Call = Callable[[], object]
Clock = Callable[[], int]


class Spans(NamedTuple):
    """The spans of a sample in ns, in the order in which they were taken.

    Attributes
    ----------
    clean : list of int
        Spans during which this process kept its core.
    interrupted : list of int
        Spans during which the system took the core away.
    """

    clean: List[int]
    interrupted: List[int]

    def add(self, span_ns: int, clean: bool) -> None:
        """Add a span."""
        (self.clean if clean else self.interrupted).append(span_ns)


def calibrate(call: Call, clock: Clock, span_ns: int) -> int:
    """Return the smallest power of two of calls that takes at least ``span_ns``, three times in a row.

    A disturbance makes a single span long, so one long span is not enough.
    """
    call()
    calls, agreed = 1, 0
    while True:
        if _span(call, clock, calls) < span_ns:
            calls, agreed = calls * 2, 0
        else:
            agreed += 1
            if agreed == _AGREEING_SPANS:
                return calls


def time_sample(call: Call, clock: Clock, calls_per_span: int, sample_ns: int) -> Spans:
    """Return a sample of a model that is called over and over.

    The first call is not timed. It brings the weights back into the caches. Then three to ten spans are taken, as many
    as fit into ``sample_ns``. An interrupted span is taken again, unless as many spans have been interrupted.

    Parameters
    ----------
    call : callable
        One call of the model.
    clock : callable
        Returns the time in ns.
    calls_per_span : int
    sample_ns : int
        About how long the sample may take, in ns.
    """
    with _no_collection():
        call()
        spans = Spans([], [])
        wanted = MOST_SPANS
        while len(spans.clean) < wanted and len(spans.interrupted) < wanted:
            span, clean = _watched(call, clock, calls_per_span)
            spans.add(span, clean)
            if len(spans.clean) + len(spans.interrupted) == 1:
                wanted = max(FEWEST_SPANS, min(MOST_SPANS, sample_ns // max(1, span)))
    return spans


def rotate(calls: Sequence[Call], clock: Clock, passes: int, evict_bytes: int) -> list[Spans]:
    """Return a sample of each of several models that are called in turn. A span is a single call.

    The first pass is not timed: before it, more or less has been touched than between two passes.

    Parameters
    ----------
    calls : sequence of callable
        One call of each model.
    clock : callable
        Returns the time in ns.
    passes : int
        Clean spans that are wanted of each model. An interrupted call is taken again in a further pass, of which there
        are at most as many.
    evict_bytes : int
        Bytes that are read before each pass.
    """
    spans = [Spans([], []) for _ in calls]
    waste = _waste(evict_bytes)
    with _no_collection():
        for call in calls:
            call()
        for number in range(2 * passes):
            if number >= passes and all(len(each.clean) >= passes for each in spans):
                break
            waste.find(b"\1", 0, evict_bytes)  # which is not in it, so that all of it is read
            for call, each in zip(calls, spans):
                span, clean = _watched(call, clock, 1)
                if number < passes or len(each.clean) < passes:
                    each.add(span, clean)
    return spans


def _waste(size_bytes: int) -> bytearray:
    """Return a buffer of at least a size. The largest one is kept, because making one takes longer than reading it."""
    global _buffer
    if len(_buffer) < size_bytes:
        _buffer = bytearray(b"\0") * size_bytes  # written, as memory that was never written is all one page
    return _buffer


def warm_up(call: Call, clock: Clock, calls_per_span: int) -> tuple[int, bool]:
    """Take spans until the model is warm; return how many it took, and True if it became warm.

    It is warm when the lower quartiles and the medians of the last ten spans and of the ten before them differ by less
    than 2 %. After 300 spans the search ends.
    """
    spans: list[int] = []
    with _no_collection():
        while len(spans) < _MOST_WARM_UP_SPANS:
            spans.append(_span(call, clock, calls_per_span))
            if len(spans) >= 2 * _WINDOW and _agree(spans[-2 * _WINDOW : -_WINDOW], spans[-_WINDOW:]):
                return len(spans), True
    return len(spans), False


def _agree(before: Sequence[int], after: Sequence[int]) -> bool:
    """Return True if the quartiles of two windows of spans are about the same."""
    first, second = (statistics.quantiles(window, n=4, method="inclusive")[:2] for window in (before, after))
    return all(abs(math.log(max(b, 1) / max(a, 1))) < _TOLERANCE for a, b in zip(first, second))


def _watched(call: Call, clock: Clock, calls: int) -> tuple[int, bool]:
    """Return a span, and True if this process kept its core all the time."""
    before = involuntary_switches()
    span = _span(call, clock, calls)
    return span, involuntary_switches() == before


def _span(call: Call, clock: Clock, calls: int) -> int:
    """Return the time of some calls in a row, in ns."""
    start = clock()
    for _ in repeat(None, calls):
        call()
    return clock() - start


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop Python's garbage collector during the ``with`` body."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()

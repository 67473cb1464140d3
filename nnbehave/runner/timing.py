"""Timing one block: many short spans of back-to-back calls.

Spans are short and many (0.2 ms, ten a block) rather than long and few: a shared machine is disturbed for some
hundred microseconds at a time, so short spans leave most of a block undisturbed for a quantile to find. Measured on
a 2-core virtual machine with busy neighbours, XNNPACK conv of 60 µs, spread (standard deviation / mean) of a 6 ms
block: mean of its calls 12 %, their median 8 %, their lower quartile 6.5 %.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

MIN_VALUES, MAX_VALUES = 3, 10


def calibrate(call: Callable[[], object], clock: Callable[[], int], value_ns: int) -> int:
    """Return the smallest power of two of calls that takes at least ``value_ns``, undisturbed: thrice in a row."""
    call()
    inner, agreed = 1, 0
    while True:
        start = clock()
        for _ in repeat(None, inner):
            call()
        if clock() - start < value_ns:
            inner, agreed = inner * 2, 0
        else:
            agreed += 1
            if agreed == 3:
                return inner


def time_block(
    call: Callable[[], object], clock: Callable[[], int], inner: int, block_ns: int
) -> tuple[list[int], dict[str, Any]]:
    """Return the spans of one block in ns, and what was witnessed meanwhile.

    One call goes unrecorded, to bring the layer's weights back into the caches after the layer before it. Then as
    many spans of ``inner`` calls as ``block_ns`` holds, between three and ten. The witnesses are the processor time
    of this process and its involuntary context switches: a block whose ``cpu_ns`` is far below its wall time, or
    with switches, was interrupted.
    """
    spans: list[int] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        call()
        switches = _involuntary_switches()
        cpu = time.process_time_ns()
        begin = clock()
        wanted = MAX_VALUES
        while len(spans) < wanted:
            start = clock()
            for _ in repeat(None, inner):
                call()
            spans.append(clock() - start)
            if len(spans) == 1:
                wanted = max(MIN_VALUES, min(MAX_VALUES, block_ns // max(1, spans[0])))
        wall = clock() - begin
        cpu = time.process_time_ns() - cpu
        after = _involuntary_switches()
    finally:
        if collecting:
            gc.enable()
    switched = None if switches is None or after is None else after - switches
    return spans, {"wall_ns": wall, "cpu_ns": cpu, "involuntary_switches": switched}


def _involuntary_switches() -> int | None:
    return None if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw

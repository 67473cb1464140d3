"""A timed sample as the statistics take it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Observation(NamedTuple):
    """The latency of one part in one sample.

    Attributes
    ----------
    part : str
        The graph that was run.
    ms : float
        Latency of one call, in ms (:func:`sample_ms`).
    bound : str
        Class of the part: ``compute`` or ``memory``.
    round, process : int
        Numbers of the round and of the runner process in the session.
    """

    part: str
    ms: float
    bound: str
    round: int
    process: int


def sample_ms(spans_ns: Sequence[int], calls_per_span: int) -> float:
    """Return the latency of one call in ms: the mean of the faster two thirds of the spans of a sample.

    Neighbours on a shared machine only add time. They come in bursts, and most of a burst lies in the slowest third.
    The rest is averaged, because the parts of a network must add up to the network. Low quantiles do not add up: on a
    noisy machine, those of short spans lie lower than those of long spans.

    Parameters
    ----------
    spans_ns : sequence of int
        The timed spans, in ns.
    calls_per_span : int

    Examples
    --------
    >>> sample_ms([2_000_000, 2_200_000, 9_000_000], calls_per_span=2)
    1.05
    """
    kept = sorted(spans_ns)[: math.ceil(len(spans_ns) * 2 / 3)]
    return sum(kept) / len(kept) / calls_per_span / 1e6

"""Several sessions of one curve: the scale that brings them together, and the session that knows a subject best."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nnbehave.measurement.derive.noisy import why_wide
from nnbehave.records import FEWEST_COMMON_POINTS, Measurement, Status

Known = Mapping[int, Mapping[str, Measurement]]  # by session and subject


def join_factors(subjects: Sequence[str], known: Known) -> dict[int, float]:
    """Return the factor that brings each session's latencies to the scale of the session that knows most of a curve.

    The factor is the median ratio over the points of the curve that the session shares with sessions joined before.
    It is NaN where there are fewer than eight such points.
    """
    latencies = {
        session: {
            subject: one.latency.ms
            for subject in subjects
            if (one := measurements.get(subject)) and one.latency and one.provenance.rounds
        }
        for session, measurements in known.items()
    }
    factors: dict[int, float] = {}
    joined: dict[str, float] = {}
    for session in joining_order({key: points.keys() for key, points in latencies.items()}):
        own = latencies[session]
        ratios = [joined[subject] / own[subject] for subject in joined.keys() & own.keys()]
        factors[session] = float(np.median(ratios)) if factors else 1.0
        joined = {subject: ms * factors[session] for subject, ms in own.items()} | joined
    return {session: factors.get(session, math.nan) for session in known}


def joining_order(points: Mapping[int, Collection[str]]) -> list[int]:
    """Return the sessions that can stand on one scale, in the order to join them.

    The first is the session that knows most points. Each further one shares at least eight points with those before
    it, and is the one that shares most.
    """
    order: list[int] = []
    joined: set[str] = set()
    left = {session: set(each) for session, each in points.items()}
    while left:
        session = max(left, key=lambda s: len(left[s] & joined) if order else len(left[s]))
        if order and len(left[session] & joined) < FEWEST_COMMON_POINTS:
            break
        order.append(session)
        joined |= left.pop(session)
    return order


def best_of(subject: str, known: Known, factors: Mapping[int, float]) -> Measurement | None:
    """Return a subject's measurement of the session that knows it best among those on the curve's scale.

    It is noisy (:mod:`.noisy`) where its interval is wider than the narrowest that a finished session was asked for.
    """
    found = [measurements[subject] for measurements in known.values() if subject in measurements]
    if not found:
        return None
    measured = [one for one in found if one.latency and one.provenance.rounds]
    if not measured:
        return found[-1]
    on_scale = [one for one in measured if not math.isnan(factors[one.session])]
    best = min(on_scale or measured, key=_half_width)
    finished = any(one.provenance.session_finished for one in measured)
    judges = [one for one in measured if one.provenance.session_finished] or [best]
    asked = min(one.provenance.interval_asked for one in judges)
    factor = factors[best.session]
    provenance = replace(best.provenance, join_factor=factor, interval_asked=asked, session_finished=finished)
    assert best.latency is not None
    latency = best.latency.scaled(1.0 if math.isnan(factor) else factor)
    best = replace(best, latency=latency, provenance=provenance)
    if best.status is Status.OK and (why := why_wide(latency, asked, provenance.rounds, finished)):
        best = replace(best, status=Status.NOISY, reason="; ".join(filter(None, [why, best.reason])))
    return best


def _half_width(one: Measurement) -> float:
    assert one.latency is not None
    return one.latency.half_width

"""Measurements whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

import nnbehave as nb
from nnbehave.records import (
    Counts,
    Execution,
    Fidelity,
    Interval,
    Latency,
    Measurement,
    Measurements,
    Point,
    Provenance,
    Status,
    Subject,
)

SAME = "same as asked"


def row(
    of: nb.Layer | nb.Graph | str,
    ms: float,
    error: float = 0.005,
    *,
    platform: str = "some",
    environment: str = "here",
    method: str = "whole",
    session: int = 1,
    status: str = "ok",
    reason: str = "",
    relative: float | None = None,
    relative_error: float | None = None,
    executed_precision: str | None = SAME,
    placement: str | None = "full",
    kernels: Sequence[str] = (),
    output_error: float = 0.0,
    output_cosine: float = 1.0,
    largest_error: float = 0.0,
    left_out: Sequence[str] = (),
    space: str = "space",
    slot: str = "slot",
    dimension: str | None = None,
) -> Measurement:
    """Return the measurement of a layer or graph that takes ``ms``.

    Parameters
    ----------
    of : Layer, Graph or str
        As text the ids of layers, separated by ``;``: one is a single layer, two are a pair, more are a chain.
    ms : float
        NaN: no latency.
    error : float
        Standard error as a share of the latency. NaN: not known.
    relative, relative_error : float, optional
        The latency relative to its session's references, by default half of ``ms``, and the standard error of that as
        a share, by default ``error``.
    executed_precision : str or None
        By default the precision of the layers.
    left_out : sequence of str
        Operators that an estimate leaves out.
    dimension : str, optional
        What the curve that it is on is swept over. Without one it is measured by itself.
    """
    subject = _subject(of)
    relative = ms / 2 if relative is None else relative
    half = 1.96 * (error if relative_error is None else relative_error)
    asked = subject.shared("precision")
    return Measurement(
        subject=subject,
        platform=platform,
        target="local",
        method=method,
        environment=environment,
        session=session,
        status=Status(status),
        reason=reason,
        latency=None
        if math.isnan(ms)
        else Latency(
            ms,
            Interval(ms * (1 - 1.96 * error), ms * (1 + 1.96 * error)),
            error * ms,
            relative,
            Interval(relative * (1 - half), relative * (1 + half)),
        ),
        execution=Execution(
            str(asked) if executed_precision == SAME else executed_precision,
            placement,
            tuple(kernels),
            Fidelity(output_error, output_cosine, largest_error, 0.0),
        ),
        counts=Counts({}, tuple(left_out)) if left_out else None,
        provenance=Provenance(rounds=24, processes=1),
        point=None if dimension is None else Point(space, slot, dimension),
    )


def lost(one: Measurement, status: str = "unsupported", reason: str = "no kernel") -> Measurement:
    """Return a measurement that has lost its latency, and why."""
    return replace(one, latency=None, status=Status(status), reason=reason)


def scaled(one: Measurement, factor: float, session: int | None = None) -> Measurement:
    """Return a measurement whose ms are multiplied, as on a slower machine; its relative latency stays."""
    latency = one.latency and one.latency.scaled(factor)
    return replace(one, latency=latency, session=one.session if session is None else session)


def frame_of(rows: Iterable[Measurement]) -> pd.DataFrame:
    """Return measurements as the frame of results."""
    return Measurements(rows).frame


def _subject(of: nb.Layer | nb.Graph | str) -> Subject:
    if isinstance(of, str):
        layers = tuple(nb.Layer.from_id(each) for each in of.split(";"))
        return Subject(of, ("single", "pair", "chain")[min(len(layers), 3) - 1], layers)
    return Subject.of(of if isinstance(of, nb.Graph) else nb.Graph([of]))

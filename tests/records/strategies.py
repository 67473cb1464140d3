"""Measurements of any kind, for property tests."""

from __future__ import annotations

import math

from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.records import (
    Counts,
    Execution,
    Fidelity,
    Interval,
    Latency,
    Measurement,
    Point,
    Provenance,
    Status,
    StopRule,
    Subject,
)

LAYERS = (
    nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3),
    nb.Layer(op="conv", height=14, in_channels=8, out_channels=24, kernel=5, activation="relu6", bias=False),
    nb.Layer(op="dwconv", height=7, in_channels=8, kernel=3, stride=2, precision="int8"),
    nb.Layer(op="dense", in_channels=16, out_channels=4, batch=2),
    nb.Layer(op="mobilenet_v2", height=14, in_channels=16, kernel=3, expansion=6.0),
)
PAIR = nb.Graph([LAYERS[0], nb.Layer(op="relu", height=7, in_channels=8)], "pair")
SUBJECTS = [Subject.of(graph) for graph in [PAIR, *(nb.Graph([layer]) for layer in LAYERS)]]
words = st.sampled_from(["local", "tflite:builtin", "openvino?threads=2&x=y", "a b", "nan", "0", "1e3"])
shares = st.floats(1e-6, 10)


@st.composite
def latencies(draw: st.DrawFn) -> Latency:
    ms = draw(st.floats(1e-4, 1e4))
    low, high = draw(shares), draw(shares)
    return Latency(ms, Interval(ms - low, ms + high), draw(shares), ms / 2, Interval(ms / 2 - low, ms / 2 + high))


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    return draw(st.sampled_from(SUBJECTS))


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    status = draw(st.sampled_from(Status))
    has_latency = status in (Status.OK, Status.NOISY, Status.UNSTABLE)
    counts = st.builds(Counts, st.dictionaries(st.sampled_from(["cycles", "bytes"]), shares), st.just(()))
    return Measurement(
        subject=draw(subjects()),
        platform=draw(words),
        target=draw(words),
        method=draw(st.sampled_from(["whole", "stacked", "emulated", "none"])),
        environment=draw(words),
        session=draw(st.integers(1, 1000)),
        status=status,
        reason=draw(st.one_of(st.just(""), words)),
        latency=draw(latencies()) if has_latency else None,
        execution=Execution(
            draw(st.sampled_from([None, "fp32", "int8"])),
            draw(st.sampled_from([None, "full", "partial", "fallback"])),
            tuple(draw(st.lists(st.sampled_from(["conv", "add"]), max_size=3))),
            draw(st.builds(Fidelity, shares, shares, shares, shares)),
        ),
        counts=draw(st.one_of(st.none(), counts)),
        provenance=Provenance(
            rounds=draw(st.integers(0, 99)),
            processes=draw(st.integers(0, 9)),
            first_latency_ms=draw(st.one_of(st.just(math.nan), shares)),
            interval_asked=draw(shares),
            stopped_by=draw(st.one_of(st.none(), st.sampled_from(StopRule))),
            session_finished=draw(st.booleans()),
            join_factor=draw(st.one_of(st.just(math.nan), shares)),
            seed=draw(st.integers(0, 2**32 - 1)),
            estimator=draw(words),
        ),
        point=draw(st.one_of(st.none(), st.builds(Point, words, words, st.sampled_from([None, "kernel"])))),
    )

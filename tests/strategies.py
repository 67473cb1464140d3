"""Hypothesis strategies that several tests share."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from nnbehave.errors import InvalidLayerError
from nnbehave.layer import PRECISIONS, Layer
from nnbehave.operators import ACTIVATIONS, OPERATORS

sizes = st.integers(1, 64)


@st.composite
def layers(draw: st.DrawFn, ops: tuple[str, ...] = tuple(sorted(OPERATORS))) -> Layer:
    """Any layer of some operators or blocks, small."""
    operator = OPERATORS[draw(st.sampled_from(ops))]
    height, width = draw(sizes), draw(sizes)
    channels = draw(sizes) * draw(st.sampled_from([1, 4]))
    more = draw(sizes) * draw(st.sampled_from([1, 4]))
    out = {"concat": channels + more, "dense_block": channels + more, "head": min(channels, more)}
    out |= {"tail": min(channels, more), "fire": 8 * more, "shufflenet_v2": channels + more}
    values: dict[str, Any] = {
        "height": height,
        "width": width,
        "in_channels": channels,
        "out_channels": out.get(operator.name, more),
        "kernel": draw(st.integers(1, min(height, width, 7))),
        "stride": draw(st.integers(1, 3)),
        "batch": draw(st.integers(1, 4)),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, *ACTIVATIONS])),
        "groups": draw(st.integers(1, 4)),
        "dilation": draw(st.integers(1, 3)),
        "expansion": draw(st.sampled_from([1, 1.5, 4, 6])),
    }
    given = set(operator.required) | draw(st.sets(st.sampled_from(operator.optional)))
    try:
        return Layer(
            op=operator.name, precision=draw(st.sampled_from(PRECISIONS)), **{name: values[name] for name in given}
        )
    except InvalidLayerError:
        assume(False)
        raise

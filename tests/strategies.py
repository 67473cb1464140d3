"""Layers that several tests share: a Hypothesis strategy, and a fixed sample of every operator."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from nnbehave.design.layer import Layer
from nnbehave.design.operators import ACTIVATIONS, OPERATORS
from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import InvalidLayerError

sizes = st.integers(1, 64)


@st.composite
def layers(draw: st.DrawFn, ops: tuple[str, ...] = tuple(sorted(OPERATORS))) -> Layer:
    """Draw a small layer of any operator or building block among ``ops``."""
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


FIELDS: list[dict[str, Any]] = [  # fields of which each operator takes those that it has
    {"height": 8, "in_channels": 16, "kernel": 3, "groups": 2, "dilation": 2},
    {"height": 9, "width": 7, "in_channels": 24, "kernel": 3, "stride": 2, "padding": "valid", "bias": False},
    {"height": 7, "in_channels": 32, "kernel": 5, "activation": "relu6", "batch": 2, "groups": 4},
    {"height": 1, "in_channels": 16, "kernel": 1, "activation": "relu"},
]


def sample(op: str, fields: dict[str, Any] = FIELDS[0], **changes: Any) -> Layer:
    """Return a small layer of an operator, with those of the ``fields`` that the operator has."""
    operator = OPERATORS[op]
    values = {"groups": 2, "dilation": 1, "stride": 2 if op == "resize" else 1} | fields
    channels = values["in_channels"]
    values["out_channels"] = channels // 2 if op in ("head", "tail") else 2 * channels
    known = {*operator.required, *operator.optional} - {"out_channels" if values["stride"] == 1 else ""}
    known |= {"out_channels"} & set(operator.required)
    return Layer(op=op, **{name: value for name, value in values.items() if name in known} | changes)


def samples() -> list[Layer]:
    """Return layers of every operator and building block, with each of the ``FIELDS``."""
    return list(dict.fromkeys(sample(op, fields) for op in sorted(OPERATORS) for fields in FIELDS))

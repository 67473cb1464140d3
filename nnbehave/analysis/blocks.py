"""Blocks: whether their latency follows their operations, and which is the fastest at each stage of a network."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import by_conditions, grouped, ratio, shown_ms
from nnbehave.analysis.layer_names import shape_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")
_COLUMNS = [
    *("platform", "environment", "method", "precision", *_SHAPE, "op", "base", "latency_ms"),
    *("relative", "relative_low", "relative_high", "relative_ops", "relative_mac"),
]


@dataclass(frozen=True, repr=False)
class Blocks(Finding):
    """The latency of building blocks beside one another.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a block at a shape: its latency relative to that of the ``base`` block with its 95 % interval, and its
        OPs and mac relative to those of the base.
    stages : pandas.DataFrame
        One row a shape: the ``fastest`` block, and whether it is certain that the others are slower (``sure``). Of the
        ``pairs`` of blocks whose order is certain, ``ops_wrong`` and ``mac_wrong`` are the shares that OPs and mac put
        in the wrong order.
    """

    frame: pd.DataFrame
    stages: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for row in self.stages.to_dict("records"):
            sure = "" if row["sure"] else ", not for certain"
            lines.append(
                f"{row['platform']}, {shape_of(row)}: {row['fastest']} is the fastest{sure}; OPs order "
                f"{row['ops_wrong']:.0%} of {row['pairs']} pairs wrongly, mac {row['mac_wrong']:.0%}"
            )
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the relative latency of each block at each shape; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        labels = self.frame["op"] + ", " + [shape_of(row) for row in self.frame.to_dict("records")]
        label = f"latency relative to {self.frame['base'].iloc[0]}"
        ax = plots.new_axes() if ax is None else ax
        return plots.plot_intervals(self.frame, "relative", labels, label, ax=ax)


def compare_blocks(results: Measurements | pd.DataFrame, base: str = "mobilenet_v1") -> Blocks:
    """Compare operators or blocks at equal shapes (Tang et al., MLSys 2021, Fig. 6a and B.5).

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        With single layers of equal height, width, input channels, kernel, stride and batch. Where several layers of one
        operator have the same shape, the first counts.
    base : str
        The block that the others are compared with. Where it has no latency, the block with the fewest OPs is taken.

    Raises
    ------
    InvalidInputError
        No two blocks have a latency at the same shape.
    """
    import pandas as pd

    known = [one for one in single_layers(results) if one.is_usable]
    rows: list[dict[str, object]] = []
    stages: list[dict[str, object]] = []
    for (conditions, precision), some in by_conditions(known).items():
        for shape, alike in grouped(some, _shape).items():
            blocks: dict[str, Measurement] = {}
            for one in alike:
                blocks.setdefault(layer_of(one).op, one)
            if len(blocks) > 1:
                about = {**conditions._asdict(), "precision": precision, **dict(zip(_SHAPE, shape, strict=True))}
                rows += [about | row for row in _relative(blocks, base)]
                stages.append(about | _stage(blocks.values()))
    if not rows:
        raise InvalidInputError("no two blocks have a latency at one shape: measure several with all else equal")
    return Blocks(pd.DataFrame(rows, columns=_COLUMNS), pd.DataFrame(stages))


def _shape(one: Measurement) -> tuple[int, ...]:
    return tuple(getattr(layer_of(one), name) for name in _SHAPE)


def _relative(blocks: Mapping[str, Measurement], base: str) -> Iterator[dict[str, object]]:
    """Yield the row of each block, relative to the base or to the block with the fewest OPs."""
    over = blocks.get(base) or min(blocks.values(), key=lambda one: one.subject.ops)
    ops, mac = over.subject.ops, over.subject.mac
    for op, one in blocks.items():
        yield {
            "op": op,
            "base": layer_of(over).op,
            "latency_ms": shown_ms(one),
            **ratio(one, over).named("relative"),
            "relative_ops": one.subject.ops / ops if ops else math.nan,
            "relative_mac": one.subject.mac / mac,
        }


def _stage(blocks: Collection[Measurement]) -> dict[str, object]:
    """Return the fastest of the blocks, and how often their OPs and mac put two of them in the wrong order."""
    first = next(iter(blocks))
    fastest = min(blocks, key=lambda one: ratio(one, first).value)
    ordered = [pair for pair in combinations(blocks, 2) if _is_order_certain(*pair)]
    slower = [ratio(one, two).value > 1 for one, two in ordered]
    wrong_ops = [
        (one.subject.ops > two.subject.ops) != known for (one, two), known in zip(ordered, slower, strict=True)
    ]
    wrong_mac = [
        (one.subject.mac > two.subject.mac) != known for (one, two), known in zip(ordered, slower, strict=True)
    ]
    return {
        "fastest": layer_of(fastest).op,
        "sure": all(ratio(one, fastest).low > 1 for one in blocks if one is not fastest),
        "blocks": len(blocks),
        "pairs": len(ordered),
        "ops_wrong": sum(wrong_ops) / max(1, len(ordered)),
        "mac_wrong": sum(wrong_mac) / max(1, len(ordered)),
    }


def _is_order_certain(one: Measurement, two: Measurement) -> bool:
    """True if the interval of the ratio of two latencies does not hold 1."""
    _, low, high = ratio(one, two)
    return not low <= 1 <= high

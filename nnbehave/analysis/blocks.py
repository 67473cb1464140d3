"""Blocks: whether their latency follows their operations, and which is the fastest at each stage of a network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import Ratio, by_conditions, grouped, ratio, shown_ms
from nnbehave.analysis.layer_names import shape_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")
_COLUMNS = [
    *("platform", "environment", "method", "context", "precision", *_SHAPE, "op", "base", "latency_ms"),
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
            blocks = _one_of_each(alike)
            if len(blocks) > 1:
                about = {**conditions._asdict(), "precision": precision, **dict(zip(_SHAPE, shape, strict=True))}
                rows += [about | row for row in _relative(blocks, base)]
                stages.append(about | _stage(blocks))
    if not rows:
        raise InvalidInputError("no two blocks have a latency at one shape: measure several with all else equal")
    return Blocks(pd.DataFrame(rows, columns=_COLUMNS), pd.DataFrame(stages))


class _Block(NamedTuple):
    """A block at one shape."""

    op: str
    measured: Measurement
    ops: int
    mac: int

    def over(self, other: _Block) -> Ratio:
        """Return the latency of this block over that of another."""
        return ratio(self.measured, other.measured)


def _shape(one: Measurement) -> tuple[int, ...]:
    return tuple(getattr(layer_of(one), name) for name in _SHAPE)


def _one_of_each(alike: Sequence[Measurement]) -> list[_Block]:
    """Return the first measurement of each block."""
    first: dict[str, Measurement] = {}
    for one in alike:
        first.setdefault(layer_of(one).op, one)
    return [_Block(op, one, one.subject.ops, one.subject.mac) for op, one in first.items()]


def _relative(blocks: Sequence[_Block], base: str) -> Iterator[dict[str, object]]:
    """Yield the row of each block, relative to the base or to the block with the fewest OPs."""
    fewest = min(blocks, key=lambda block: block.ops)
    over = next((block for block in blocks if block.op == base), fewest)
    for block in blocks:
        yield {
            "op": block.op,
            "base": over.op,
            "latency_ms": shown_ms(block.measured),
            **block.over(over).named("relative"),
            "relative_ops": block.ops / over.ops if over.ops else math.nan,
            "relative_mac": block.mac / over.mac,
        }


def _stage(blocks: Sequence[_Block]) -> dict[str, object]:
    """Return the fastest of the blocks, and how often their OPs and mac put two of them in the wrong order."""
    fastest = min(blocks, key=lambda block: block.over(blocks[0]).value)
    pairs, ops_wrong, mac_wrong = 0, 0, 0
    for one, two in combinations(blocks, 2):
        value, low, high = one.over(two)
        if low <= 1 <= high:
            continue  # the order of the two is not certain
        pairs += 1
        ops_wrong += (one.ops > two.ops) != (value > 1)
        mac_wrong += (one.mac > two.mac) != (value > 1)
    return {
        "fastest": fastest.op,
        "sure": all(block.over(fastest).low > 1 for block in blocks if block is not fastest),
        "blocks": len(blocks),
        "pairs": pairs,
        "ops_wrong": ops_wrong / max(1, pairs),
        "mac_wrong": mac_wrong / max(1, pairs),
    }

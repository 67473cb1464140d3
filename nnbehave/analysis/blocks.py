"""Blocks: do they take what their operations say, and which is the fastest at each stage of a network?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import apart, frame_of, ratio, records, shape_of, timed
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_SHAPE = ("height", "width", "in_channels", "kernel", "stride", "batch")
_COLUMNS = [
    *("platform", "environment", "method", "precision", *_SHAPE, "op", "base", "latency_ms"),
    *("relative", "relative_low", "relative_high", "relative_ops", "relative_mac"),
]


@dataclass(frozen=True, repr=False)
class Blocks:
    """What blocks take beside one another.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a block at a shape: its latency relative to the base block's with its 95 % interval, and its OPs and mac
        relative to the base's.
    stages : pandas.DataFrame
        One row a shape: the ``fastest`` block, whether the others are slower for certain (``sure``), and, of the pairs
        of blocks whose order is certain, the share that OPs and mac put in the other order (``ops_wrong``,
        ``mac_wrong``).
    """

    frame: pd.DataFrame
    stages: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for row in records(self.stages):
            sure = "" if row["sure"] else ", not for certain"
            lines.append(
                f"{row['platform']}, {shape_of(row)}: {row['fastest']} is the fastest{sure}; OPs order "
                f"{row['ops_wrong']:.0%} of {row['pairs']} pairs wrongly, mac {row['mac_wrong']:.0%}"
            )
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw each block's relative latency at each shape; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        frame = self.frame
        shapes = [shape_of(row) for row in records(frame)]
        rows = frame.assign(label=frame["op"] + ", " + shapes, value=frame["relative"], low=frame["relative_low"])
        ax = plots.new_axes() if ax is None else ax
        label = f"latency relative to {frame['base'].iloc[0]}"
        return plots.plot_ratios(rows.assign(high=frame["relative_high"]), label, ax=ax)


def compare_blocks(results: Any, base: str = "mobilenet_v1") -> Blocks:
    """Compare operators or blocks at equal shapes (paper, Fig. 6a and B.5).

    Parameters
    ----------
    results : Results or pandas.DataFrame
        Rows of single layers of one height, width, input channels, kernel, stride and batch. Of several layers of one
        operator there the first counts.
    base : str
        The block that the others are relative to; where it has no latency, the one with the fewest operations.

    Raises
    ------
    InvalidInputError
        No two blocks have a latency at the same shape.
    """
    import pandas as pd

    frame = timed(frame_of(results, ("op", "session", "ops", "mac", *_SHAPE)))
    frame = frame[(frame["arrangement"] == "single") & frame["op"].notna()]
    rows: list[dict[str, Any]] = []
    stages: list[dict[str, Any]] = []
    for what, some in apart(records(frame), ("precision", *_SHAPE)):
        blocks = {row["op"]: row for row in reversed(some)}  # the first of each
        blocks = {row["op"]: blocks[row["op"]] for row in some}
        if len(blocks) > 1:
            fewest = min(blocks.values(), key=lambda row: row["ops"])
            rows += [{**what, **each} for each in _relative(blocks, blocks.get(base, fewest))]
            stages.append({**what, **_stage(blocks)})
    if not rows:
        raise InvalidInputError("no two blocks have a latency at one shape: measure several with all else equal")
    return Blocks(pd.DataFrame(rows, columns=_COLUMNS), pd.DataFrame(stages))


def _relative(blocks: dict[str, dict[str, Any]], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for op, row in blocks.items():
        relative, low, high = ratio(row, base) if row is not base else (1.0, 1.0, 1.0)
        yield {
            "op": op,
            "base": base["op"],
            "latency_ms": row["latency_ms"],
            "relative": relative,
            "relative_low": low,
            "relative_high": high,
            "relative_ops": row["ops"] / base["ops"] if base["ops"] else float("nan"),
            "relative_mac": row["mac"] / base["mac"],
        }


def _stage(blocks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the fastest of some blocks, and how often their operations tell their order wrongly."""
    some = next(iter(blocks.values()))
    fastest = min(blocks.values(), key=lambda row: ratio(row, some)[0])
    sure = all(ratio(other, fastest)[1] > 1 for other in blocks.values() if other is not fastest)
    ordered = [(one, two) for one, two in combinations(blocks.values(), 2) if not _overlap(one, two)]
    wrong = {
        name: sum((one[name] > two[name]) != (ratio(one, two)[0] > 1) for one, two in ordered) / max(1, len(ordered))
        for name in ("ops", "mac")
    }
    found = {"fastest": fastest["op"], "sure": sure, "blocks": len(blocks), "pairs": len(ordered)}
    return found | {"ops_wrong": wrong["ops"], "mac_wrong": wrong["mac"]}


def _overlap(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether the order of two latencies is uncertain."""
    _, low, high = ratio(one, two)
    return low <= 1 <= high
